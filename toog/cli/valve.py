"""`toog resume`: the valve of a service, opened by hand."""

from typing import Annotated

import typer

from toog.cli.running import fail

app = typer.Typer()


@app.command()
def resume(
    address: Annotated[str, typer.Argument(help="internal host:port of the service")],
) -> None:
    """Open the valves of a service, after the cause of its bad records is mended."""
    import httpx

    try:
        answer = httpx.post(f"http://{address}/resume", timeout=10).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        fail(
            ValueError(
                f"{address} does not answer as a Toog service ({type(error).__name__}): "
                "give the host:port of its internal listener"
            )
        )
    print("opened: " + (", ".join(answer["opened"]) or "nothing was closed"))
