"""The live picture of a night in the terminal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

WORDS: Final[Mapping[str, str]] = {
    "emergency": "dringend",
    "dm": "privébericht",
    "mention": "vermelding",
    "comment": "reactie",
    "thread": "nevengesprek",
    "signal": "signaal",
    "own_post": "eigen bericht",
    "repost": "herhaling",
    "no_words": "zonder woorden",
    "tags_friends": "tagt vrienden",
    "bystander": "omstander",
    "quote_of_ours": "citaat van ons",
    "quote_other": "ander citaat",
    "hashtag_only": "enkel hashtag",
    "not_addressed": "niet voor ons",
    "blocked_author": "geblokkeerd",
}
"""Lanes and reasons as they stand on screens."""


@dataclass(slots=True)
class Moment:
    """The figures of one moment, as they are shown."""

    phase: str = "voor"
    time_s: float = 0.0
    length_s: float = 0.0
    events_per_s: float = 0.0
    received: int = 0
    addressed: dict[str, int] = field(default_factory=dict)
    context: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    oldest_s: float = 0.0
    answered: int = 0
    balance: int | None = None
    desk_balance: int | None = None
    restarts: int = 0


def picture(moment: Moment, addresses: Mapping[str, str]) -> Group:
    """What stands on the screen now."""
    clock = f"{_clock(moment.time_s)} / {_clock(moment.length_s)}"
    head = Text.assemble(("Toog ", "bold"), f"· uitzending {clock} · ", (moment.phase, "bold cyan"))
    table = Table.grid(padding=(0, 3))
    table.add_row(_left(moment), _middle(moment), _right(moment))
    foot = Text(style="dim")
    foot.append(
        "telling = wat ontvangen is zonder beoordeling; toogtelling = wat de toog kreeg en "
    )
    foot.append("nergens staat. Beide horen 0 te zijn. Stoppen: Ctrl-C.\n")
    foot.append("\n".join(f"{name:<10} {url}" for name, url in addresses.items()))
    return Group(Panel(table, title=head, border_style="blue"), foot)


def one_line(moment: Moment) -> str:
    """The same for a log: one line."""
    return (
        f"{_clock(moment.time_s)} {moment.phase:<6} {moment.events_per_s:6.0f} ev/s  "
        f"ontvangen {moment.received}  toog {sum(moment.addressed.values())}  "
        f"rumoer {sum(moment.dropped.values())}  wacht {moment.waiting}  "
        f"beantwoord {moment.answered}  telling {_balance(moment.balance)}"
    )


def _left(moment: Moment) -> Table:
    rows = {
        "per seconde": f"{moment.events_per_s:.0f}",
        "ontvangen": str(moment.received),
        "wacht": str(moment.waiting),
        "langst": _clock(moment.oldest_s),
        "beantwoord": str(moment.answered),
    }
    table = _rows("De avond", rows)
    good = moment.balance == 0 and moment.desk_balance in {0, None}
    table.add_row("telling", Text(_balance(moment.balance), "bold green" if good else "bold red"))
    table.add_row("toogtelling", _balance(moment.desk_balance))
    return table


def _middle(moment: Moment) -> Table:
    rows = {WORDS[lane]: str(count) for lane, count in moment.addressed.items()}
    return _rows("Aan de toog", {**rows, "context": str(moment.context)})


def _right(moment: Moment) -> Table:
    most = sorted(moment.dropped.items(), key=lambda row: -row[1])
    return _rows("Rumoer", {_word(reason): str(count) for reason, count in most if count})


def _word(reason: str) -> str:
    """A reason that is newer than this picture is shown by its own name."""
    return WORDS.get(reason, reason.replace("_", " "))


def _rows(title: str, rows: Mapping[str, str]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _balance(value: int | None) -> str:
    return "…" if value is None else str(value)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
