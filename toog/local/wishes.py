"""`--misbehave x:latency_ms=200,error_5xx=0.05`: what a person asks of a played platform. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from toog.local.accounts import IDS
from toog.sandbox.misbehaviour import Asked

LONGEST_S: Final = 3_600.0


def read_wish(text: str, seconds: float | None) -> Mapping[str, Any]:
    """The body for the sandbox; it lasts as long as the night unless `duration_s` is named.

    Raises ValueError with one sentence where a platform, a name or a value is wrong.
    """
    platform, _, rest = text.partition(":")
    if platform not in IDS:
        raise ValueError(f"--misbehave {text}: begin with one of {', '.join(IDS)} and a colon")
    named = dict(pair.partition("=")[::2] for pair in rest.split(",") if pair)
    lasting = {"duration_s": min(seconds or LONGEST_S, LONGEST_S)}
    try:
        asked = msgspec.convert({**lasting, **named}, Asked, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(
            f"--misbehave {text}: {error}; known are {', '.join(Asked.__struct_fields__)}"
        ) from None
    return {"platform": platform, **msgspec.structs.asdict(asked)}
