"""What all events of one body share, and signals: what is no message, counted under a closed name."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec

from toog.contracts import ids
from toog.contracts.events import Author, Event
from toog.platforms.accounts import Account, Accounts
from toog.platforms.base import Heard
from toog.platforms.clean import REPLACEMENT
from toog.platforms.facebook.fields import Fields, id_, inner, moment, text

PLATFORM: Final = "facebook"
NOT_UNDERSTOOD: Final = "not_understood"
UNKNOWN_ACCOUNT: Final = "unknown_account"

_REPLACED: Final = (REPLACEMENT, "\N{REPLACEMENT CHARACTER}".encode())


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is the same for all updates of one entry. `sent` is when Meta sent it, if it says so."""

    accounts: Accounts
    account: Account | None
    source: str
    now: datetime
    cleaned: bool
    page: str = "unknown"
    sent: object = None

    @property
    def account_id(self) -> str:
        """The page that this was told about, ours or not."""
        return self.account.id if self.account else self.page

    def of_page(self, page: str | None, sent: object) -> "Hearing":
        """The same body, heard for this page; a page that is not ours has no account."""
        account = self.accounts.by_id(PLATFORM, page)
        return replace(self, account=account, page=page or "unknown", sent=sent)

    def at(self, value: object) -> datetime:
        """This moment, else when it was sent, else now."""
        return moment(value) or moment(self.sent) or self.now

    def was_cleaned(self, raw: msgspec.Raw) -> bool:
        """Whether this piece of the body is one of those that had to be mended."""
        return self.cleaned and any(mark in bytes(raw) for mark in _REPLACED)


def author_of(hearing: Hearing, who: Fields) -> Author | None:
    """The author out of `{id, name}`, or None where Meta keeps it to itself."""
    native = id_(who)
    if native is None:
        return None
    ours = hearing.accounts.by_id(PLATFORM, native)
    return Author(native, ours.handle if ours else None, text(who, "name") or None)


def sender_of(value: Fields) -> Fields:
    """Who did it: `from` now, `sender_id` and `sender_name` in older shapes."""
    told = inner(value, "from")
    if id_(told) is not None:
        return told
    return {"id": value.get("sender_id"), "name": value.get("sender_name")}


def hear_signal(
    hearing: Hearing, name: str, raw: msgspec.Raw, *, citizen: str | None = None, at: object = None
) -> Heard:
    """Something that is no message, or was not understood: kept whole, under the hash of its bytes."""
    body = bytes(raw)
    if hearing.accounts.ours(PLATFORM, citizen):
        citizen = None
    event = Event(
        id=ids.signal_id(PLATFORM, hearing.account_id, body),
        kind="signal",
        signal=name,
        platform=PLATFORM,
        account=hearing.account_id,
        occurred_at=hearing.at(at),
        received_at=hearing.now,
        source=hearing.source,
        cleaned=hearing.was_cleaned(raw),
        raw=msgspec.Raw(body),
    )
    key = ids.citizen_key(PLATFORM, hearing.account_id, citizen or ids.digest(body))
    return Heard(event, key)
