"""Ids as the servers of the Fediverse write them, and pages by them."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, Literal, Protocol, TypeVar

IdKind = Literal["snowflake", "ulid", "flake"]

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Numbered(Protocol):
    """Whatever a list shows page by page."""

    @property
    def id(self) -> str:
        """The opaque id; the server alone knows how it sorts."""


N = TypeVar("N", bound=Numbered)


def id_of(kind: IdKind, number: int, random: Random) -> str:
    """The id for this growing number: milliseconds and 16 bits.

    18 digits as on Mastodon, a ULID as on GoToSocial, or a flake as on Pleroma and Akkoma.
    """
    if kind == "ulid":
        return _written((number << 64) + random.getrandbits(64), CROCKFORD, 26)
    if kind == "flake":
        return _written((number << 48) + random.getrandbits(48), BASE62, 18)
    return str(number)


def page(items: Sequence[N], query: Mapping[str, str], *, usual: int, most: int) -> list[N]:
    """The page of `items` (oldest first) that the query asks for, newest first.

    `min_id` gives what came just after it, `since_id` the newest down to it: both newest first
    (https://docs.joinmastodon.org/api/guidelines/#pagination).
    """
    limit = min(_number(query.get("limit"), usual) or usual, most)
    after = rank(query.get("min_id", ""))
    above = max(after, rank(query.get("since_id", "")))
    below = rank(query.get("max_id", ""))
    found = [i for i in items if rank(i.id) > above and (below == NO_RANK or rank(i.id) < below)]
    return (found[:limit] if after != NO_RANK else found[-limit:])[::-1]


def rank(id_: str) -> tuple[int, str]:
    """Ids of one server sort by this, whatever they look like; only the server may know that."""
    return len(id_), id_


NO_RANK: Final = rank("")


def _written(number: int, digits: str, length: int) -> str:
    out = ""
    while number:
        number, digit = divmod(number, len(digits))
        out = digits[digit] + out
    return out.rjust(length, digits[0])


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise
