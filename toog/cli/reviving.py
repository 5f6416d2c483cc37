"""`toog revive`: a dropped message goes to the desk after all."""

from typing import Annotated

import typer

from toog.cli.running import run

app = typer.Typer()


@app.command()
def revive(
    record: Annotated[str, typer.Argument(help="coordinates, such as social.events.v1:3:1207")],
    operator: Annotated[str, typer.Option(help="who you are, for the audit")],
    reason: Annotated[str, typer.Option(help="why it belongs at the desk, for the audit")],
) -> None:
    """Bring a dropped message to the desk; safe to repeat."""
    from toog.kit.revive import Revived
    from toog.kit.settings import load
    from toog.ops.audited import operator as acting
    from toog.ops.reviving import Settings, revived

    async def work() -> tuple[Revived, str]:
        who = acting(operator, reason)
        return await revived(load(Settings), who, record)

    done, case = run(work)
    there = "the desk has it already" if done.already else "it is on its way to the desk"
    print(f"{done.record}: {there}, in case {case}")
