"""Meta's Graph API around the data: addresses, errors by their code, and how much is used up.

Codes: developers.facebook.com/docs/graph-api/guides/error-handling and graph-api/overview/rate-limiting;
the HTTP status is 400 for nearly everything, so it decides nothing.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from toog.platforms.accounts import Account
from toog.platforms.base import Answer, NotConfiguredError

VERSION: Final = "v25.0"
WAIT_S: Final = 60.0
"""How long to wait where Meta does not say."""
MOST_WAIT_S: Final = 24 * 3600.0

Trouble = Literal[
    "transient",
    "rate_limited",
    "token_invalid",
    "outside_window",
    "other_app_controls",
    "cannot_receive",
    "private_reply_used",
    "bad_parameter",
    "no_permission",
    "policy_block",
    "unknown",
]

_BY_SUBCODE: Final[Mapping[int, Trouble]] = {
    2018278: "outside_window",
    2534022: "outside_window",
    2018300: "other_app_controls",
    2018108: "cannot_receive",
    1545041: "cannot_receive",
    2534014: "cannot_receive",
    2534025: "private_reply_used",
    1545133: "transient",
}
_BY_CODE: Final[Mapping[int, Trouble]] = {
    1: "transient",
    2: "transient",
    4: "rate_limited",
    17: "rate_limited",
    32: "rate_limited",
    613: "rate_limited",
    80001: "rate_limited",
    80002: "rate_limited",
    80006: "rate_limited",
    102: "token_invalid",
    190: "token_invalid",
    551: "cannot_receive",
    2534014: "cannot_receive",
    2534025: "private_reply_used",
    10900: "private_reply_used",
    100: "bad_parameter",
    10: "no_permission",
    200: "no_permission",
    283: "no_permission",
    368: "policy_block",
}

_VERSIONED: Final = re.compile(r"/v\d+\.\d+$")


class _Error(msgspec.Struct):
    code: int | None = None
    error_subcode: int | None = None
    is_transient: bool | None = None


class _Failure(msgspec.Struct):
    error: _Error | None = None


class _Usage(msgspec.Struct):
    call_count: float = 0
    total_cputime: float = 0
    total_time: float = 0
    estimated_time_to_regain_access: float = 0


def url(account: Account, *path: str) -> str:
    """The address of an object or edge; a version in `base_url` is kept, else ours is put there."""
    base = (
        account.base_url if _VERSIONED.search(account.base_url) else f"{account.base_url}/{VERSION}"
    )
    return "/".join((base, *(quote(part, safe="") for part in path)))


def bearer(account: Account, secrets: Mapping[str, str]) -> dict[str, str]:
    """The header that carries the token: never in the address, which gets into logs.

    Raises NotConfiguredError without `token`.
    """
    token = secrets.get("token")
    if not token:
        raise NotConfiguredError(f"{account.name}: calls need the secret `token`")
    return {"authorization": f"Bearer {token}"}


def trouble(answer: Answer) -> Trouble | None:
    """What the error of this answer is about, by subcode first; None where it names none.

    Codes 10 and 200 stand for a dozen things: without a known subcode they mean permissions.
    """
    try:
        error = msgspec.json.decode(answer.body, type=_Failure).error
    except (msgspec.DecodeError, RecursionError):
        return None
    if error is None or error.code is None:
        return None
    known = _BY_SUBCODE.get(error.error_subcode or 0) or _BY_CODE.get(error.code)
    if error.is_transient and known in {None, "bad_parameter"}:
        return "transient"
    return known or "unknown"


def usage_percent(answer: Answer) -> float:
    """How much of the fullest allowance is used up, in percent; 0 where Meta does not say (yet)."""
    return max(
        (max(one.call_count, one.total_cputime, one.total_time) for one in _usages(answer)),
        default=0.0,
    )


def wait_s(answer: Answer) -> float:
    """Seconds until Meta lets us in again; calls made before that lengthen the block."""
    minutes = max((one.estimated_time_to_regain_access for one in _usages(answer)), default=0.0)
    return min(minutes * 60, MOST_WAIT_S) if minutes > 0 else WAIT_S


def _usages(answer: Answer) -> list[_Usage]:
    found: list[_Usage] = []
    try:
        if told := answer.headers.get("x-business-use-case-usage"):
            for usages in msgspec.json.decode(told, type=dict[str, list[_Usage]]).values():
                found += usages
        if told := answer.headers.get("x-app-usage"):
            found.append(msgspec.json.decode(told, type=_Usage))
    except (msgspec.DecodeError, RecursionError):
        return found
    return found
