"""Times as an operator types them: `20:30` is the last time that it was half past eight here."""

import re
from datetime import datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)")
_DAY: Final = timedelta(days=1)


class Period(NamedTuple):
    """From (included) to (excluded), with their zones; None is the begin or the end of the log."""

    first: datetime | None = None
    last: datetime | None = None

    @property
    def from_ms(self) -> int | None:
        """Its begin in milliseconds since 1970."""
        return None if self.first is None else int(self.first.timestamp() * 1000)

    @property
    def to_ms(self) -> int | None:
        """Its end in milliseconds since 1970."""
        return None if self.last is None else int(self.last.timestamp() * 1000)


def moment(text: str, *, now: datetime, zone: tzinfo | None = None) -> datetime:
    """The moment of `HH:MM` (the last one before `now`, today or last night) or of ISO 8601.

    Without a zone of its own it is meant in `zone`, else in that of this machine. Raises
    ValueError with a sentence.
    """
    clock = _clock(text)
    if clock is None:
        try:
            return _in_zone(datetime.fromisoformat(text.strip()), zone)
        except (ValueError, OverflowError, OSError):
            raise ValueError(
                f"{text} is no time: write 20:30, or with the day 2026-11-22T20:30"
            ) from None
    today = datetime.combine(now.astimezone(zone).date(), clock)
    found = _in_zone(today, zone)
    return found if found <= now else _in_zone(today - _DAY, zone)


def period(
    from_: str | None, to: str | None, *, now: datetime, zone: tzinfo | None = None
) -> Period:
    """What `--from` and `--to` mean together: a `to` of `HH:MM` is the first one after `from`.

    Raises ValueError with a sentence where one of them is no time or they do not fit together.
    """
    first = None if from_ is None else moment(from_, now=now, zone=zone)
    last = None if to is None else moment(to, now=now, zone=zone)
    clock = None if to is None else _clock(to)
    if first is not None and clock is not None:
        day = datetime.combine(first.astimezone(zone).date(), clock)
        last = _in_zone(day, zone)
        if last <= first:
            last = _in_zone(day + _DAY, zone)
            if last > now + _DAY / 2:  # nobody means tomorrow's evening
                raise ValueError(
                    f"--to {to} is not after --from {from_}: write the day too if it is"
                )
    if first is not None and first > now:
        raise ValueError(f"--from {from_} is still to come")
    if first is not None and last is not None and last <= first:
        raise ValueError(f"--to {to} is not after --from {from_}")
    return Period(first, last)


def _clock(text: str) -> time | None:
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    try:
        return time(int(found[1]), int(found[2]))
    except ValueError:
        raise ValueError(f"{text} is no time of a day") from None


def _in_zone(at: datetime, zone: tzinfo | None) -> datetime:
    if at.tzinfo is not None:
        return at
    # astimezone, unlike a fixed offset, knows whether it was summer then
    return at.astimezone() if zone is None else at.replace(tzinfo=zone)
