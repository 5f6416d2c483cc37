"""The curve of an episode: how loud the room is at each moment of the night. Pure."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Final, Literal

Phase = Literal["voor", "start", "piek", "pauze", "slot", "na"]


@dataclass(frozen=True, slots=True)
class _Knot:
    """At this part of the night the room is this loud; straight lines between; a phase begins."""

    t: float
    level: float
    phase: Phase


_KNOTS: Final = (
    _Knot(0.000, 0.15, "voor"),
    _Knot(0.090, 0.20, "voor"),
    _Knot(0.100, 0.40, "start"),
    _Knot(0.125, 3.20, "start"),
    _Knot(0.180, 1.60, "piek"),
    _Knot(0.240, 1.10, "piek"),
    _Knot(0.290, 2.30, "piek"),
    _Knot(0.340, 1.20, "piek"),
    _Knot(0.360, 0.55, "pauze"),
    _Knot(0.410, 0.45, "pauze"),
    _Knot(0.420, 1.20, "piek"),
    _Knot(0.520, 1.10, "piek"),
    _Knot(0.560, 2.80, "piek"),
    _Knot(0.620, 1.10, "piek"),
    _Knot(0.640, 0.55, "pauze"),
    _Knot(0.690, 0.45, "pauze"),
    _Knot(0.700, 1.30, "piek"),
    _Knot(0.780, 1.90, "piek"),
    _Knot(0.840, 1.40, "slot"),
    _Knot(0.880, 2.60, "slot"),
    _Knot(0.920, 1.00, "na"),
    _Knot(1.000, 0.20, "na"),
)
_TIMES: Final = tuple(knot.t for knot in _KNOTS)
_AREAS: Final = tuple((b.t - a.t) * (a.level + b.level) / 2 for a, b in pairwise(_KNOTS))
_TOTAL: Final = sum(_AREAS)
_SUMS: Final = tuple(sum(_AREAS[:i]) / _TOTAL for i in range(len(_KNOTS)))


def intensity(t: float) -> float:
    """How loud the room is at `t`, a part of the night from 0 to 1; the mean of a night is 1."""
    a, b = _around(t)
    part = (t - a.t) / (b.t - a.t)
    return (a.level + (b.level - a.level) * part) / _TOTAL


def phase(t: float) -> Phase:
    """The name of the part of the evening that `t` (0 to 1) lies in."""
    return _around(t)[0].phase


def moment(share: float) -> float:
    """The part of the night by which this share (0 to 1) of all events has happened."""
    at = min(max(bisect_right(_SUMS, share) - 1, 0), len(_AREAS) - 1)
    a, b = _KNOTS[at], _KNOTS[at + 1]
    rest = (share - _SUMS[at]) * _TOTAL
    slope = (b.level - a.level) / (b.t - a.t)
    # level·x + slope·x²/2 = rest, in the form that stays exact where the slope is almost nothing
    root = sqrt(max(a.level**2 + 2 * slope * rest, 0.0))
    return min(a.t + 2 * rest / (a.level + root), 1.0)


def _around(t: float) -> tuple[_Knot, _Knot]:
    at = min(max(bisect_right(_TIMES, t) - 1, 0), len(_KNOTS) - 2)
    return _KNOTS[at], _KNOTS[at + 1]
