"""The registry of headers on `social.desk.v1`, for AsyncAPI: each with its sentence and its values."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from toog.contracts.verdicts import (
    LANES,
    MESSAGE_KINDS,
    TAGS,
    AddressedReason,
    ContextReason,
    Origin,
)


def _text(says: str, values: Sequence[str] = ()) -> dict[str, Any]:
    return {"type": "string", "description": says, **({"enum": list(values)} if values else {})}


DESK: Final[Mapping[str, dict[str, Any]]] = {
    "ce_specversion": _text("CloudEvents 1.0 in binary mode"),
    "ce_id": _text("the event's id"),
    "ce_source": _text("which part of Toog wrote it"),
    "ce_type": _text("the type of the value"),
    "ce_time": _text("when it was received"),
    "traceparent": _text("W3C trace context, where there is a trace"),
    "ce_outcome": _text("the verdict", ("addressed", "context")),
    "ce_reason": _text("its reason", (*get_args(AddressedReason), *get_args(ContextReason))),
    "ce_rules": _text("version of the rules that judged"),
    "ce_record": _text("topic:partition:offset of the intake record"),
    "ce_lane": _text("order of service; exactly on what is addressed", LANES),
    "ce_kind": _text("what sort of message it seems; on what is addressed", MESSAGE_KINDS),
    "ce_sentiment": _text("-1.00 to 1.00; on what is addressed; only its sums are ever shown"),
    "ce_language": _text("the platform's own word, else what was detected, else no header"),
    "ce_tag": _text("the organisation that wrote it, where the policy names it", TAGS),
    "ce_origin": _text("only on what came to the desk again", get_args(Origin)),
    "ce_by": _text("through whom it came again"),
}
REQUIRED: Final = ("ce_outcome", "ce_reason", "ce_rules", "ce_record")
