"""`toog dead`: what could not be read, listed, shown, replayed or left."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toog.cli.running import fail, print_wide, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.responder.store.audit import Acted
    from toog.ops.dead import Done, Shown
    from toog.ops.letters import Found, Letter
    from toog.platforms.accounts import Accounts

app = typer.Typer()
dead_app = typer.Typer(
    help="Dead letters: what could not be read, kept for 7 days.", no_args_is_help=True
)
app.add_typer(dead_app, name="dead")

STAGES = ("ingest", "router", "responder", "metrics")
DATABASE_WITHIN_S = 5.0

Stage = Annotated[str | None, typer.Option(help="who could not read it: " + ", ".join(STAGES))]
OperatorName = Annotated[str, typer.Option(help="who you are, for the audit")]
Reason = Annotated[str, typer.Option(help="why, for the audit")]
RECORD_HELP = "as the list names it: topic:partition:offset, or source and hash"


@dead_app.command("list")
def dead_list(
    stage: Stage = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="set aside since: 20:30")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="TIME", help="set aside before")] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON list")] = False,
) -> None:
    """List what could not be read, each once, and what became of it. Shows no text."""
    from datetime import UTC, datetime

    from toog.cli.moments import period
    from toog.kit.settings import KafkaSettings, load
    from toog.ops.dead import listed
    from toog.ops.letters import chosen

    _check(stage)
    try:
        asked = period(from_, to, now=datetime.now(UTC))
    except ValueError as error:
        fail(error)

    async def work() -> "tuple[Found, Mapping[str, Acted] | None]":
        found = await listed(load(KafkaSettings))
        return found, await _states(found.letters)

    found, acts = run(work)
    those = chosen(found.letters, stage=stage, first=asked.first, last=asked.last)
    if found.unreadable:
        sys.stderr.write(f"toog: {found.unreadable} records of the topic are no dead letters\n")
    if json:
        _print_json(those, acts)
    else:
        _print_table(those, acts)


async def _states(found: "Sequence[Letter]") -> "Mapping[str, Acted] | None":
    """What was done with them; None, after a sentence, where there is no database to ask."""
    from toog.kit.errors import StartError
    from toog.kit.settings import load
    from toog.ops.dead import states
    from toog.ops.settings import Settings

    try:
        settings = load(Settings)
        soon = min(settings.dependency_wait_s, DATABASE_WITHIN_S)
        return await states(settings.model_copy(update={"dependency_wait_s": soon}), found)
    except StartError as error:
        sys.stderr.write(f"toog: whether any was replayed or dropped is not known: {error}\n")
        return None


@dead_app.command("show")
def dead_show(
    record: Annotated[str, typer.Argument(help=RECORD_HELP)],
    operator: OperatorName,
    reason: Reason,
    raw: Annotated[bool, typer.Option("--raw", help="the bytes alone, as they came")] = False,
) -> None:
    """Show what could not be read: its bytes and headers, decoded where they can be."""
    from toog.kit.settings import load
    from toog.ops.audited import operator as operator_of
    from toog.ops.dead import KEPT_SENTENCE, shown
    from toog.ops.settings import Settings

    async def work() -> "list[Shown]":
        return await shown(load(Settings), operator_of(operator, reason), record)

    found = run(work)
    if not found:
        sys.stderr.write(f"toog: {record}: {KEPT_SENTENCE}\n")
        raise typer.Exit(1)
    if raw:
        sys.stdout.buffer.write(found[-1].body.bytes)
        return
    for one in found:
        _print_letter(one)


@dead_app.command("replay")
def dead_replay(  # noqa: PLR0917 - typer names each by its option, nobody passes them by place
    operator: OperatorName,
    reason: Reason,
    records: Annotated[list[str] | None, typer.Argument(help=RECORD_HELP)] = None,
    stage: Stage = None,
    error: Annotated[str | None, typer.Option(help="class of the error, as the list says")] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="every one that nobody replayed or dropped yet")
    ] = False,
    accounts: Annotated[
        Path | None, typer.Option(help="our accounts, where not those of TOOG_ACCOUNTS")
    ] = None,
) -> None:
    """Write records again after their cause was mended; 1 where one still cannot be read."""
    from toog.kit.settings import load
    from toog.ops.audited import operator as operator_of
    from toog.ops.dead import Pick, replayed
    from toog.ops.settings import Settings

    _check(stage)
    by_sort = bool(stage or error or all_)
    if bool(records) == by_sort:
        fail(ValueError("say which: RECORD …, or --stage and --error, or --all"))

    async def work() -> "list[Done]":
        settings = load(Settings)
        ours = _accounts(accounts or settings.accounts)
        pick = Pick(records or (), stage, error)
        return await replayed(settings, operator_of(operator, reason), pick, ours)

    _print_done(run(work), nothing="nothing is left to be replayed")


@dead_app.command("drop")
def dead_drop(
    records: Annotated[list[str], typer.Argument(help=RECORD_HELP)],
    operator: OperatorName,
    reason: Reason,
) -> None:
    """Decide to leave them: noted in the audit, shown in the list; nothing is erased."""
    from toog.kit.settings import load
    from toog.ops.audited import operator as operator_of
    from toog.ops.dead import dropped
    from toog.ops.settings import Settings

    async def work() -> "list[Done]":
        return await dropped(load(Settings), operator_of(operator, reason), records)

    _print_done(run(work), nothing="")


def _check(stage: str | None) -> None:
    if stage is not None and stage not in STAGES:
        fail(ValueError(f"--stage {stage}: choose from {', '.join(STAGES)}"))


def _accounts(file: Path | None) -> "Accounts | None":
    """Our accounts, where they are named: only what a platform sent needs them."""
    from toog.cli.judging_again import accounts_of

    return accounts_of(file) if file is not None else None


def _print_done(done: "Sequence[Done]", *, nothing: str) -> None:
    for one in done:
        print(f"{one.record}: {one.sentence}")
    if not done:
        print(nothing)
    if not all(one.well for one in done):
        raise typer.Exit(1)


def _print_json(those: "Sequence[Letter]", acts: "Mapping[str, Acted] | None") -> None:
    import msgspec

    shown = []
    for one in those:
        act = None if acts is None else acts.get(one.record)
        shown.append(
            {
                **one._asdict(),
                "state": _state(act, known=acts is not None),
                "by": act.who if act else None,
                "at": act.at if act else None,
            }
        )
    print(msgspec.json.encode(shown).decode())


def _state(act: "Acted | None", *, known: bool) -> str | None:
    if act is None:
        return "open" if known else None
    return "replayed" if act.act == "dead_replay" else "dropped"


def _print_table(those: "Sequence[Letter]", acts: "Mapping[str, Acted] | None") -> None:
    from rich.table import Table
    from rich.text import Text

    if not those:
        print("no dead letters")
        return
    table = Table("seen", "stage", "error", "source", "times", "state", "record", box=None)
    for one in those:
        act = None if acts is None else acts.get(one.record)
        state = _state(act, known=acts is not None) or "not known"
        if act is not None:
            state += f" by {act.who}, {act.at.astimezone():%m-%d %H:%M}"
        seen = f"{one.first_seen.astimezone():%m-%d %H:%M:%S}"
        words = (seen, one.stage, one.error, one.source or "", str(one.times), state, one.record)
        table.add_row(*(Text(word, no_wrap=True) for word in words))
    print_wide(table)


def _print_letter(one: "Shown") -> None:
    from toog.ops.showing import laid_out, printable

    letter, body = one.letter, one.body
    acted = ""
    if one.acted is not None:
        acted = (
            f"; {_state(one.acted, known=True)} by {one.acted.who} at {one.acted.at.isoformat()}"
        )
    print(printable(f"{letter.record}: {letter.stage} could not read it ({letter.error}){acted}"))
    print(
        f"letter: {letter.place}, seen {letter.times} times, first {letter.first_seen.isoformat()}"
    )
    if body.key is not None:
        print(printable(f"key: {body.key}"))
    for name, value in body.headers:
        print(printable(f"{name}: {value}"))
    print()
    print(laid_out(body.bytes))
