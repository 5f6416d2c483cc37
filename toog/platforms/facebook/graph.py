"""How the Graph API says no, and how busy it says we are: error codes and usage headers.

developers.facebook.com/docs/graph-api/guides/error-handling and overview/rate-limiting,
docs/messenger-platform/error-codes. The HTTP status is mostly 400, so that only the code counts.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

from toog.platforms.base import Answer
from toog.platforms.facebook.fields import Fields, fields, flag, inner

VERSION: Final = "v25.0"
SLOW_DOWN_FROM: Final = 80.0
"""Percent of a limit from which we ask less; calls while throttled lengthen the block."""

Class = Literal[
    "unclear", "temporary", "rate_limited", "token", "permission", "policy", "refused", "unreadable"
]

_RATE: Final = frozenset({4, 17, 32, 613, 80001, 80002, 80006})
_TOKEN: Final = frozenset({190, 102})
_BY_SUBCODE: Final = {
    2018278: "outside_window",
    2534022: "outside_window",
    2018300: "thread_control",
    2018108: "unreachable",
    1545041: "unreachable",
    2534014: "unreachable",
    2534025: "already_answered",
}
_BY_CODE: Final = {551: "unreachable", 10900: "already_answered", 100: "bad_parameter"}


class Problem(NamedTuple):
    """What an error body means: its class, a word for it, and the numbers."""

    kind: Class
    reason: str
    code: int = 0
    subcode: int = 0


def problem_of(body: bytes) -> Problem:
    """The problem of this error body; `unreadable` where it is none of Graph's.

    10 and 200 are decided by their subcode: without one they are missing permissions.
    """
    error = inner(fields(body) or {}, "error")
    code, subcode = _number(error, "code"), _number(error, "error_subcode")
    if not code:
        return Problem("unreadable", "unreadable_answer")
    reason = _BY_SUBCODE.get(subcode) or _BY_CODE.get(code)
    if reason:
        return Problem("refused", reason, code, subcode)
    if code in _RATE:
        return Problem("rate_limited", "rate_limited", code, subcode)
    if code in _TOKEN:
        return Problem("token", "token_invalid", code, subcode)
    if code == 368:
        return Problem("policy", "blocked_by_policy", code, subcode)
    if code == 283 or (code in {10, 200} and not subcode):
        return Problem("permission", "permission_missing", code, subcode)
    if code == 1:
        return Problem("unclear", "code_1", code, subcode)
    if code == 2 or flag(error, "is_transient"):
        return Problem("temporary", "temporary", code, subcode)
    return Problem("refused", f"code_{code}", code, subcode)


def usage(headers: Mapping[str, str]) -> float:
    """The highest share used of any limit, in percent; 0 where the headers do not say."""
    shares = [
        share
        for told in _told(headers)
        for name in ("call_count", "total_cputime", "total_time")
        if (share := _share(told, name)) is not None
    ]
    return max(shares, default=0.0)


def wait_s(headers: Mapping[str, str]) -> float | None:
    """Seconds until calls are taken again, or None where the headers do not say."""
    minutes = [_share(told, "estimated_time_to_regain_access") or 0.0 for told in _told(headers)]
    return max(minutes, default=0.0) * 60 or None


def failure_of(answer: Answer) -> Literal["http", "rate_limited", "refused"]:
    """How an answer that is no success is to be understood by whoever asks again."""
    if answer.status == 429:
        return "rate_limited"
    kind = problem_of(answer.body).kind
    if kind == "rate_limited":
        return "rate_limited"
    return "http" if kind in {"unclear", "temporary", "unreadable"} else "refused"


def _told(headers: Mapping[str, str]) -> Iterator[Fields]:
    app = fields(headers.get("x-app-usage", "").encode(errors="replace"))
    if app is not None:
        yield app
    cases = fields(headers.get("x-business-use-case-usage", "").encode(errors="replace")) or {}
    for limits in cases.values():
        if isinstance(limits, list):
            yield from (limit for limit in limits if isinstance(limit, dict))


def _share(told: Fields, name: str) -> float | None:
    value = told.get(name)
    return float(min(value, 1e6)) if isinstance(value, int | float) else None


def _number(error: Fields, name: str) -> int:
    value = error.get(name)
    return value if isinstance(value, int) else 0
