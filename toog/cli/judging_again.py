"""`toog rejudge`: a rule tried on last night before it goes live."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toog.cli.counting import Told
from toog.cli.explaining import policy_of
from toog.cli.running import fail, print_wide, run

if TYPE_CHECKING:
    from toog.ops.rejudge import Report
    from toog.platforms.accounts import Accounts

app = typer.Typer()

MOST_EXAMPLES = 50


@app.command()
def rejudge(  # noqa: PLR0917 - typer names each by its option, nobody passes them by place
    from_: Annotated[
        str, typer.Option("--from", metavar="TIME", help="received since: 20:30, 2026-11-22T20:30")
    ],
    policy: Annotated[Path, typer.Option(help="the policy.toml to try")],
    operator: Annotated[str, typer.Option(help="who you are, for the audit")],
    reason: Annotated[str, typer.Option(help="why you look into the log, for the audit")],
    to: Annotated[
        str | None, typer.Option(metavar="TIME", help="received before; without it: until now")
    ] = None,
    accounts: Annotated[
        Path | None, typer.Option(help="our accounts, where not those of TOOG_ACCOUNTS")
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, max=MOST_EXAMPLES, help="texts shown per change")
    ] = 3,
    apply: Annotated[
        bool, typer.Option("--apply", help="send what is newly addressed to the desk")
    ] = False,
) -> None:
    """Run a policy over what has happened and say what would change; --apply sends to the desk."""
    from datetime import UTC, datetime

    from toog.cli.moments import period
    from toog.kit.settings import load
    from toog.ops.audited import operator as operator_of
    from toog.ops.rejudge import rejudge as judged
    from toog.ops.rejudging import Wish
    from toog.ops.settings import Settings

    rules = policy_of(policy)
    try:
        asked = period(from_, to, now=datetime.now(UTC))
    except ValueError as error:
        fail(error)

    async def work() -> "Report":
        settings = load(Settings)
        wish = Wish(
            asked.from_ms or 0,
            asked.to_ms,
            rules,
            accounts_of(accounts or settings.accounts),
            examples,
        )
        who = operator_of(operator, reason)
        return await judged(settings, who, wish, apply=apply, progress=Told())

    _print(run(work), apply=apply)


def accounts_of(file: Path | None) -> "Accounts":
    """Our accounts out of this file. Raises StartError with a sentence."""
    from toog.kit.errors import StartError
    from toog.kit.settings import read_file
    from toog.platforms.accounts import AccountsError, read_accounts

    if file is None:
        raise StartError("say which accounts are ours: --accounts FILE or TOOG_ACCOUNTS")
    try:
        return read_accounts(read_file(file, str(file)))
    except AccountsError as error:
        raise StartError(str(error)) from error


def _print(report: "Report", *, apply: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True, markup=False)
    moved = {c: n for c, n in report.changes.items() if c.old is not None and c.old != c.new}
    if moved:
        table = Table("from", "to", "records", box=None)
        table.columns[2].justify = "right"
        for change, n in sorted(moved.items(), key=lambda item: -item[1]):
            table.add_row(Text(str(change.old)), Text(str(change.new)), f"{n:,}")
        print_wide(table)
        console.print()
    for change in moved:
        for number, one in enumerate(report.examples.of(change)):
            if not number:
                console.print(f"{change.old} → {change.new}, such as")
            surface = one.surface or "no surface"
            console.print(f"  {one.record}  {one.platform} {surface}: {one.text}")
    for sentence in _sentences(report, apply=apply):
        console.print(sentence)


def _sentences(report: "Report", *, apply: bool) -> list[str]:
    counted = report.changes.items()
    said = [f"Note: {sentence}." for sentence in report.said]
    same = sum(n for change, n in counted if change.old == change.new)
    said.append(f"{same:,} records keep their verdict by the rules {report.rules}.")
    if waiting := sum(n for change, n in counted if change.old is None):
        said.append(f"{waiting:,} have no verdict yet and are left to the router.")
    lost = sum(
        n
        for change, n in counted
        if change.old is not None and change.old.outcome == "addressed" != change.new.outcome
    )
    if lost:
        said.append(
            f"{lost:,} would not be addressed any more: they stay at the desk all the same."
        )
    if any(c.old and c.old.outcome == "dead" != c.new.outcome for c, _ in counted):
        said.append("What could not be read and can be now goes in by `toog dead replay`.")
    for n, why in (
        (report.brought, "went to the desk before, revived or rejudged"),
        (report.known, "stand at the desk already, by another copy"),
        (report.deleted, "were deleted by their authors"),
    ):
        if n:
            said.append(f"Of what is newly addressed {n:,} {why}: left out.")
    return [*said, _outcome(report, apply=apply)]


def _outcome(report: "Report", *, apply: bool) -> str:
    messages = f"{len(report.bring) - report.edits:,} newly addressed"
    if report.edits:
        messages += f" and {report.edits:,} later edits of them"
    if not report.bring:
        return "Nothing is to be sent to the desk."
    if not apply:
        return f"{messages} would go to the desk: run it again with --apply."
    gone = f" {report.gone:,} could not be read any more." if report.gone else ""
    return f"{messages}: {report.sent:,} records sent to the desk.{gone}"
