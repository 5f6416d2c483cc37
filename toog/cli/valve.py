"""`toog resume`: the valve of a service, opened by hand."""

from typing import Annotated

import typer

from toog.cli.running import run

app = typer.Typer()


@app.command()
def resume(
    address: Annotated[str, typer.Argument(help="internal host:port of the service")],
    operator: Annotated[str, typer.Option(help="who you are, for the audit")],
    reason: Annotated[str, typer.Option(help="what was mended, for the audit")],
) -> None:
    """Open the valves of a service, after the cause of its bad records is mended."""
    from toog.kit.settings import PostgresSettings, load
    from toog.ops.audited import operator as operator_of
    from toog.ops.valve import resume as opened

    async def work() -> list[str]:
        return await opened(load(PostgresSettings), operator_of(operator, reason), address)

    print("opened: " + (", ".join(run(work)) or "nothing was closed"))
