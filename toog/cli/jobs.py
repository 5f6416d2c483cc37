"""Jobs of a set-up and the demo: topics, migrations, tokens, a played night."""

from pathlib import Path
from typing import Annotated

import typer

from toog.cli.running import fail, run

app = typer.Typer()
token_app = typer.Typer(help="Access tokens for people and programs.", no_args_is_help=True)
app.add_typer(token_app, name="token")

LONGEST_NIGHT_S = 86_400


@app.command()
def topics() -> None:
    """Create missing topics and name differences; never changes a partition count."""
    from toog.kit.settings import KafkaSettings, load
    from toog.kit.stream.client import wait_for_kafka
    from toog.kit.stream.topics import ensure_topics

    async def work() -> list[str]:
        settings = load(KafkaSettings)
        await wait_for_kafka(settings)
        return await ensure_topics(settings)

    for line in run(work) or ["all topics are as they should be"]:
        print(line)


@app.command()
def migrate() -> None:
    """Bring the database's schemas up to date."""
    from toog.kit.migrate import migrate_all
    from toog.kit.settings import PostgresSettings, load

    async def work() -> list[str]:
        return await migrate_all(load(PostgresSettings))

    for line in run(work) or ["the database is up to date"]:
        print(line)


@token_app.command("create")
def token_create(
    agent: Annotated[str, typer.Option(help="whose token it is; the API acts as this agent")],
    scope: Annotated[list[str], typer.Option(help="desk, figures or operator; repeatable")],
) -> None:
    """Make a token and print it once; only its hash is kept."""
    from typing import get_args

    from toog.kit import access
    from toog.kit.errors import StartError
    from toog.kit.postgres import open_pool
    from toog.kit.settings import PostgresSettings, load

    async def work() -> str:
        scopes = {s for s in get_args(access.Scope) if s in scope}
        wrong = set(scope) - scopes
        if wrong or not scopes:
            raise StartError(
                f"scope {', '.join(sorted(wrong)) or '(none)'} is not known: "
                f"choose from {', '.join(get_args(access.Scope))}"
            )
        pool = await open_pool(load(PostgresSettings), size=1)
        try:
            return await access.create(pool, agent, scopes)
        finally:
            await pool.close()

    print(run(work))


@token_app.command("revoke")
def token_revoke(agent: Annotated[str, typer.Option(help="whose tokens end now")]) -> None:
    """Revoke every token of an agent."""
    from toog.kit.access import store
    from toog.kit.postgres import open_pool
    from toog.kit.settings import PostgresSettings, load

    async def work() -> int:
        pool = await open_pool(load(PostgresSettings), size=1)
        try:
            return await store.revoke_of(pool, agent)
        finally:
            await pool.close()

    print(f"{run(work)} tokens revoked")


@app.command()
def demo(  # noqa: PLR0917 - typer names each by its option, nobody passes them by place
    seconds: Annotated[
        float | None, typer.Option("--for", help="length in seconds; without it until Ctrl-C")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON summary as the last line")] = False,
    rate: Annotated[float, typer.Option(help="mean events per second", min=1, max=2000)] = 50,
    seed: Annotated[int, typer.Option(help="which night is played")] = 247,
    kill: Annotated[
        str | None, typer.Option(help="kill this service with SIGKILL half-way")
    ] = None,
    misbehave: Annotated[
        list[str] | None,
        typer.Option(help="make a platform misbehave: x:latency_ms=200,error_5xx=0.05; repeatable"),
    ] = None,
    home: Annotated[Path, typer.Option(help="folder for its data")] = Path(".local"),
) -> None:
    """Play a broadcast night through the real system on this machine."""
    from toog.local.errors import LocalError
    from toog.local.night import Night, play
    from toog.local.wishes import read_wish

    if json and seconds is None:
        fail(ValueError("--json needs an end: add --for SECONDS"))
    if seconds is not None and not 5 <= seconds <= LONGEST_NIGHT_S:
        fail(ValueError(f"--for needs at least 5 and at most {LONGEST_NIGHT_S} seconds"))
    if kill is not None and kill not in ("ingest", "router", "responder", "metrics"):
        fail(ValueError(f"--kill {kill}: choose ingest, router, responder or metrics"))
    if kill is not None and seconds is None:
        fail(ValueError("--kill happens half-way: add --for SECONDS"))
    try:
        wishes = tuple(read_wish(wish, seconds) for wish in misbehave or ())
        night = Night(
            seconds=seconds,
            json=json,
            rate=rate,
            seed=seed,
            kill=kill,
            home=home,
            misbehave=wishes,
        )
        system = night.system()  # before the event loop runs, so that Ctrl-C ends a download
    except (LocalError, ValueError) as error:
        fail(error)
    raise typer.Exit(run(lambda: play(night, system)))
