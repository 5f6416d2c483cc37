"""A measured figure and what it should be; how they are shown and kept."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; it holds when it is at most its goal (`least`: at least). Some only inform."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    least: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the goal is kept; None where there is none."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.least else self.value <= self.goal


def table(rows: Iterable[Row]) -> str:
    """The rows for people."""
    lines = [f"{'figure':<36}{'value':>10}{'goal':>12}  {'unit':<16}holds"]
    for row in rows:
        goal = "" if row.goal is None else f"{'≥' if row.least else '≤'} {row.goal:g}"
        holds = {True: "yes", False: "NO", None: ""}[row.holds]
        lines.append(f"{row.name:<36}{_shown(row.value):>10}{goal:>12}  {row.unit:<16}{holds}")
    return "\n".join(line.rstrip() for line in lines)


def _shown(value: float) -> str:
    """Three figures of a small number, no fraction of a large one."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def keep(rows: Iterable[Row], path: Path) -> None:
    """The rows for programs: an object of name: {value, unit, goal, holds}; null where no goal is."""
    kept = {
        row.name: {
            "value": round(row.value, 3),
            "unit": row.unit,
            "goal": row.goal,
            "holds": row.holds,
        }
        for row in rows
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
