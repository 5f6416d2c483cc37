"""CloudEvents 1.0 in Kafka binary mode: what stands in the headers beside the value.

Headers are plain `(name, bytes)` pairs, as the client library wants them: nothing per event is
built that the wire does not carry.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from toog.contracts.verdicts import About, Origin, Verdict

Headers = Sequence[tuple[str, bytes]]


def cloud_event(
    id_: str, source: str, type_: str, time: datetime, traceparent: str | None = None
) -> list[tuple[str, bytes]]:
    """The headers of every record. `source` says which part of Toog wrote it (`/ingest/x:…`)."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id_.encode()),
        ("ce_source", source.encode()),
        ("ce_type", type_.encode()),
        ("ce_time", time.isoformat().encode()),
    ]
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode()))
    return headers


def verdict_headers(verdict: Verdict, rules: str, record: str) -> list[tuple[str, bytes]]:
    """The verdict as it stands on `social.desk.v1`, behind the event's own headers."""
    headers = [
        ("ce_outcome", verdict.outcome.encode()),
        ("ce_reason", verdict.reason.encode()),
        ("ce_rules", rules.encode()),
        ("ce_record", record.encode()),
    ]
    if verdict.lane is not None:
        headers.append(("ce_lane", verdict.lane.encode()))
    return headers


def about_headers(about: About) -> list[tuple[str, bytes]]:
    """What else is said of an addressed message, behind the verdict."""
    headers = [
        ("ce_kind", about.kind.encode()),
        ("ce_sentiment", b"%.2f" % about.sentiment),
    ]
    if about.language is not None:
        headers.append(("ce_language", about.language.encode()))
    if about.tag is not None:
        headers.append(("ce_tag", about.tag.encode()))
    return headers


def origin_headers(origin: Origin, by: str) -> list[tuple[str, bytes]]:
    """Says that the record came to the desk again, and through whom; it has no part in the balance."""
    return [("ce_origin", origin.encode()), ("ce_by", by.encode())]


def header(headers: Iterable[tuple[str, bytes]], name: str) -> str | None:
    """The value of the header `name`, or None. A header that is no UTF-8 raises ValueError."""
    for key, value in headers:
        if key == name:
            return value.decode()
    return None
