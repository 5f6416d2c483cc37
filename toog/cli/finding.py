"""`toog find`: where is this post?"""

from typing import TYPE_CHECKING, Annotated

import typer

from toog.cli.counting import Told
from toog.cli.running import fail, run

if TYPE_CHECKING:
    from toog.ops.asked import Asked
    from toog.ops.settings import Settings
    from toog.ops.whereabouts import Found

app = typer.Typer()

DATABASE_WITHIN_S = 5.0


@app.command()
def find(
    post: Annotated[
        str,
        typer.Argument(
            metavar="ID|URL", help="a link, an id (event, post, case, reply), or coordinates"
        ),
    ],
    text: Annotated[bool, typer.Option("--text", help="show what was written, too")] = False,
    operator: Annotated[str, typer.Option(help="with --text: who you are")] = "",
    reason: Annotated[str, typer.Option(help="with --text: why, for the audit")] = "",
    json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Say where a post is: every step from its receipt to the reply; 1 when nothing tells of it."""
    from toog.kit.settings import KafkaSettings, load
    from toog.ops.asked import asked
    from toog.ops.audited import operator as acting
    from toog.ops.whereabouts import found

    try:
        what = asked(post)
    except ValueError as error:
        fail(error)

    async def work() -> "Found":
        who = acting(operator, reason) if text else None
        kafka = load(KafkaSettings)
        database = _database()
        known = _on_our_accounts(what)
        if isinstance(database, str):
            given = await found(kafka, None, known, who=who, progress=Told())
            return given._replace(said=[*given.said, database])
        return await found(kafka, database, known, who=who, progress=Told())

    shown = run(work)
    (_print_json if json else _print_lines)(shown)
    raise typer.Exit(0 if shown.steps else 1)


def _database() -> "Settings | str":
    """How the database is reached, or the sentence that says why it cannot be asked."""
    from toog.kit.errors import StartError
    from toog.kit.settings import load
    from toog.ops.settings import Settings

    try:
        settings = load(Settings)
    except StartError as error:
        return f"where it stands at the desk is not known: {error}"
    soon = min(settings.dependency_wait_s, DATABASE_WITHIN_S)
    return settings.model_copy(update={"dependency_wait_s": soon})


def _on_our_accounts(what: "Asked") -> "Asked":
    """By TOOG_ACCOUNTS, where it is set, a link is found in the ledger too."""
    import os
    from pathlib import Path

    from toog.kit.errors import StartError
    from toog.kit.settings import read_file
    from toog.platforms.accounts import AccountsError, read_accounts

    path = os.environ.get("TOOG_ACCOUNTS")
    if path is None:
        return what
    try:
        return what.on(read_accounts(read_file(Path(path), "TOOG_ACCOUNTS")))
    except AccountsError as error:
        raise StartError(str(error)) from error


def _print_json(shown: "Found") -> None:
    import msgspec

    told = {"steps": [step._asdict() for step in shown.steps], "said": shown.said}
    if shown.texts:
        told["texts"] = [{"record": record, "text": text} for record, text in shown.texts]
    print(msgspec.json.encode(told).decode())


def _print_lines(shown: "Found") -> None:
    from toog.ops.showing import printable

    wide = max((len(step.where) for step in shown.steps), default=0)
    for step in shown.steps:
        at = "" if step.at is None else f"{step.at.astimezone():%Y-%m-%d %H:%M:%S}"
        print(printable(f"{at:<19}  {step.what:<9}  {step.where:<{wide}}  {step.said}"))
    for record, text in shown.texts:
        print(f"\n{record} says:\n{printable(text)}")
    for sentence in shown.said:
        print(printable(f"{sentence[0].upper()}{sentence[1:]}."))
