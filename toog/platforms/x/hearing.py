"""What is the same for all events of one body, and what becomes of that which is no message."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from toog.contracts import ids
from toog.contracts.events import Author, Event
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard
from toog.platforms.x.payloads import User

PLATFORM: Final = "x"
NOT_UNDERSTOOD: Final = "not_understood"
UNKNOWN_ACCOUNT: Final = "unknown_account"

_ID = re.compile(r"[\w:.\-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hearing:
    """Whose we are, which way in this is, when, and whether characters had to be replaced.

    `enriches`: this is the answer to a look-up of what entered before with ids only.
    """

    accounts: Accounts
    source: str
    now: datetime
    cleaned: bool
    enriches: bool = False


def is_id(text: str | None) -> bool:
    """Whether this can name something on X: 64-bit numbers, since encrypted chat also UUIDs."""
    return text is not None and _ID.fullmatch(text) is not None


def author_of(id_: str | None, users: Mapping[str, User], accounts: Accounts) -> Author | None:
    """The author as far as X says; of ourselves the handle is known anyway."""
    if id_ is None:
        return None
    user = users.get(id_)
    ours = accounts.by_id(PLATFORM, id_)
    handle = user.handle if user else None
    return Author(id_, handle or (ours.handle if ours else None), user.name if user else None)


def hear_signal(
    hearing: Hearing, account: Account | str | None, name: str, raw: msgspec.Raw | bytes
) -> Heard:
    """Something that is no message, or was not understood: counted under `name`, kept whole."""
    account_id = account.id if isinstance(account, Account) else account or "unknown"
    body = bytes(raw)
    id_ = ids.signal_id(PLATFORM, account_id, body)
    event = Event(
        id=id_,
        kind="signal",
        signal=name,
        platform=PLATFORM,
        account=account_id,
        occurred_at=hearing.now,
        received_at=hearing.now,
        source=hearing.source,
        cleaned=hearing.cleaned,
        raw=msgspec.Raw(body),
    )
    return Heard(event, ids.citizen_key(PLATFORM, account_id, ids.digest(body)))
