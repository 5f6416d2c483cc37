"""What X's refusals mean for a source, and how long it waits (docs.x.com handling-disconnections)."""

from datetime import datetime
from typing import Final

from toog.platforms.base import Answer, Failure

_HTTP_WAIT_S: Final = (5.0, 320.0)
_RATE_WAIT_S: Final = (60.0, 900.0)


def failure_of(answer: Answer) -> Failure:
    """401, 402 and 403 need a person; 429 needs time; all else may pass by itself."""
    if answer.status == 429:
        return "rate_limited"
    return "refused" if answer.status in {401, 402, 403} else "http"


def wait_s(failure: Failure, attempt: int, answer: Answer | None, now: datetime) -> float:
    """Network: at once, then 250 ms more each time up to 16 s. HTTP: 5 s doubling to 320 s.

    429: until `x-rate-limit-reset` where requests are used up, else 60 s doubling; refused
    likewise.
    """
    if failure == "network":
        return min(0.25 * (attempt - 1), 16.0)
    first, most = _HTTP_WAIT_S if failure == "http" else _RATE_WAIT_S
    if failure == "rate_limited" and answer is not None:
        reset = _reset_s(answer, now)
        if reset is not None:
            return min(reset, most)
    return min(first * 2.0 ** min(attempt - 1, 16), most)


def _reset_s(answer: Answer, now: datetime) -> float | None:
    """Seconds until the window ends. With requests left the 429 is about something else.

    Too many connections is a 429 as well; waiting for the window would be far too long then.
    """
    if answer.headers.get("x-rate-limit-remaining", "0") != "0":
        return None
    try:
        wait = float(answer.headers["x-rate-limit-reset"]) - now.timestamp()
    except (KeyError, ValueError):
        return None
    return wait if wait > 0 else None
