"""`toog balance`: does the count add up?"""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from toog.cli.running import fail, run

if TYPE_CHECKING:
    from toog.cli.moments import Period
    from toog.ops.balance import Sheet

app = typer.Typer()

TELL_EVERY_S = 2.0


class Told:
    """Says on standard error how far a long scan is; a short one says nothing."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, read: int, of: int) -> None:
        """So many records of so many are read."""
        if time.monotonic() - self._last >= TELL_EVERY_S:
            self._last = time.monotonic()
            sys.stderr.write(f"toog: {read:,} of {of:,} records read\n")


@app.command()
def balance(
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="received since: 20:30, 2026-11-22T20:30"),
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="TIME", help="received before")] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Does every record of the intake have its verdict? From Kafka alone; 1 when not."""
    from datetime import UTC, datetime

    from toog.cli.moments import period
    from toog.kit.settings import KafkaSettings, load
    from toog.ops.balance import balance as counted

    try:
        asked = period(from_, to, now=datetime.now(UTC))
    except ValueError as error:
        fail(error)

    async def work() -> "Sheet":
        settings = load(KafkaSettings)
        return await counted(settings, from_ms=asked.from_ms, to_ms=asked.to_ms, progress=Told())

    sheet = run(work)
    if json:
        _print_json(sheet, asked)
    else:
        _print_table(sheet, asked)
    raise typer.Exit(1 if sheet.drawn.balance.balance else 0)


def _print_json(sheet: "Sheet", asked: "Period") -> None:
    import msgspec

    drawn = sheet.drawn.balance
    shown = {
        "from": asked.first,
        "to": asked.last,
        "received": drawn.received,
        "addressed": drawn.addressed,
        "lanes": drawn.lanes,
        "context": drawn.context,
        "dropped": drawn.dropped,
        "dead": drawn.dead,
        "in_flight": drawn.in_flight,
        "balance": drawn.balance,
        "conflicts": drawn.conflicts,
        "missing": drawn.partitions,
        "partitions": [
            {
                "topic": part.topic,
                "partition": part.partition,
                "first": part.log_start,
                "end": part.end,
                "committed": part.committed,
                "received": line.received,
                "in_flight": line.in_flight,
                "balance": line.holes + line.eaten,
            }
            for part, line in sheet.drawn.lines
        ],
        "said": sheet.said,
    }
    print(msgspec.json.encode(shown).decode())


def _print_table(sheet: "Sheet", asked: "Period") -> None:
    from rich.console import Console
    from rich.table import Table

    drawn = sheet.drawn.balance
    console = Console(highlight=False, soft_wrap=True)
    total = Table("", "records", title=_title(asked), title_justify="left", box=None)
    total.columns[1].justify = "right"
    rows = {"received": drawn.received, "addressed": drawn.addressed}
    rows |= {f"  {lane}": n for lane, n in drawn.lanes.items() if n}
    rows |= {"context": drawn.context, "dropped": sum(drawn.dropped.values())}
    rows |= {f"  {reason}": n for reason, n in drawn.dropped.items() if n}
    rows |= {"dead": drawn.dead, "in flight": drawn.in_flight, "balance": drawn.balance}
    for name, n in rows.items():
        total.add_row(name, f"{n:,}", style="bold" if name == "balance" else None)
    console.print(total)
    places = Table("partition", "received", "in flight", "balance", box=None)
    for column in places.columns[1:]:
        column.justify = "right"
    for part, line in sheet.drawn.lines:
        if line.received:
            figures = (line.received, line.in_flight, line.holes + line.eaten)
            places.add_row(f"{part.topic}:{part.partition}", *(f"{n:,}" for n in figures))
    if places.rows:
        console.print()
        console.print(places)
    console.print()
    for sentence in _sentences(sheet):
        console.print(sentence, markup=False)


def _title(asked: "Period") -> str:
    if asked.first is None and asked.last is None:
        return "All that the topics hold"
    begin = "the begin" if asked.first is None else f"{asked.first.astimezone():%Y-%m-%d %H:%M}"
    end = "now" if asked.last is None else f"{asked.last.astimezone():%Y-%m-%d %H:%M}"
    return f"Received from {begin} to {end}"


def _sentences(sheet: "Sheet") -> list[str]:
    drawn = sheet.drawn.balance
    said = [f"Note: {sentence}." for sentence in sheet.said]
    if drawn.conflicts:
        said.append(f"Differing verdicts on {_records(drawn.conflicts)}; the highest counts.")
    for hole in drawn.partitions:
        place = f"{hole.topic}:{hole.partition}"
        if hole.eaten:
            said.append(f"{place}: retention took {_records(hole.eaten)} before they were read.")
        if hole.holes:
            first = ", ".join(hole.missing)
            said.append(f"{place}: {_records(hole.holes)} without a verdict, the first: {first}")
    well = "The balance is 0: every record that was read has its verdict."
    ill = f"The balance is {drawn.balance:,}: see docs/operations.md."
    return [*said, ill if drawn.balance else well]


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
