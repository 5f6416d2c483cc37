"""The three ways in which X writes a moment; what cannot be read is now, and all is UTC."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def iso(text: str | None, now: datetime) -> datetime:
    """v2: `2026-09-14T08:15:30.000Z`."""
    try:
        return _utc(datetime.fromisoformat(text or ""))
    except (ValueError, OverflowError):
        return now


def milliseconds(text: str | int | None, now: datetime) -> datetime:
    """Direct messages and Account Activity: milliseconds since 1970, mostly as text."""
    try:
        return datetime.fromtimestamp(int(text or "") / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return now


def legacy(text: str | None, now: datetime) -> datetime:
    """v1.1: `Mon Dec 23 13:03:29 +0000 2019`, whatever the machine's language."""
    parts = (text or "")[:64].split()
    if len(parts) != 6:
        return now
    weekday, month, day, clock, zone, year = parts
    try:
        at = parsedate_to_datetime(f"{weekday}, {day} {month} {year} {clock} {zone}")
        return _utc(at)
    except (ValueError, OverflowError, TypeError):
        return now


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
