"""`toog <verb>`: jobs, operator's calls and the demo. Thin: every verb is one call elsewhere."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

app = typer.Typer(
    help="Webcare for the social desk on broadcast nights.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
token_app = typer.Typer(help="Access tokens for people and programs.", no_args_is_help=True)
app.add_typer(token_app, name="token")

T = TypeVar("T")

LONGEST_NIGHT_S = 86_400


def _fail(error: Exception) -> NoReturn:
    """One sentence that says what to do; exit code 2."""
    sys.stderr.write(f"toog: {error}\n")
    raise typer.Exit(2)


def _run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    from toog.kit.errors import StartError
    from toog.kit.telemetry import start_logs
    from toog.local.errors import LocalError

    start_logs("toog", "cli", "WARNING")  # standard output carries results only
    try:
        return asyncio.run(work())
    except (StartError, LocalError) as error:
        _fail(error)


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

    for line in _run(work) or ["all topics are as they should be"]:
        print(line)


@app.command()
def migrate() -> None:
    """Bring the database's schemas up to date."""
    from toog.kit.migrate import migrate_all
    from toog.kit.settings import PostgresSettings, load

    async def work() -> list[str]:
        return await migrate_all(load(PostgresSettings))

    for line in _run(work) or ["the database is up to date"]:
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

    print(_run(work))


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

    print(f"{_run(work)} tokens revoked")


@app.command()
def resume(
    address: Annotated[str, typer.Argument(help="internal host:port of the service")],
) -> None:
    """Open the valves of a service, after the cause of its bad records is mended."""
    import httpx

    try:
        answer = httpx.post(f"http://{address}/resume", timeout=10).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        _fail(
            ValueError(
                f"{address} does not answer as a Toog service ({type(error).__name__}): "
                "give the host:port of its internal listener"
            )
        )
    print("opened: " + (", ".join(answer["opened"]) or "nothing was closed"))


@app.command()
def explain(
    platform: Annotated[str, typer.Option(help="x, facebook, instagram, mastodon or bluesky")],
    me: Annotated[str, typer.Option(metavar="ID[:HANDLE]", help="our own account there")],
    file: Annotated[
        Path, typer.Argument(help="the payload; - reads it from standard input")
    ] = Path("-"),
    policy: Annotated[
        Path | None, typer.Option(help="judge by this policy.toml, not by the shipped one")
    ] = None,
    door: Annotated[str, typer.Option(help="own, or room: heard by a hashtag rule")] = "own",
) -> None:
    """Say what each event in a payload is, and why it comes to the desk or does not."""
    from datetime import UTC, datetime

    import msgspec

    from services.router.policy import PolicyError, read_policy, shipped_policy
    from toog.explain import DOORS, ExplainError
    from toog.explain import explain as explained
    from toog.explain import me as account_of

    judged_as = next((one for one in DOORS if one == door), None)
    if judged_as is None:
        _fail(ValueError(f"--door {door}: choose {' or '.join(DOORS)}"))
    try:
        rules = read_policy(policy.read_text() if policy else shipped_policy())
        body = sys.stdin.buffer.read() if file == Path("-") else file.read_bytes()
        account = account_of(platform, me)
        found = explained(body, account, policy=rules, door=judged_as, now=datetime.now(UTC))
    except OSError as error:
        _fail(ValueError(f"{error.filename or file} cannot be read: {error.strerror}"))
    except (UnicodeDecodeError, PolicyError, ExplainError) as error:
        _fail(error)
    for sentence in found.unread[:20]:
        sys.stderr.write(f"toog: {sentence}\n")
    if len(found.unread) > 20:
        sys.stderr.write(f"toog: and {len(found.unread) - 20} more cannot be read\n")
    sys.stdout.buffer.write(msgspec.json.Encoder().encode_lines(found.lines))
    sys.stdout.buffer.flush()


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
        _fail(ValueError("--json needs an end: add --for SECONDS"))
    if seconds is not None and not 5 <= seconds <= LONGEST_NIGHT_S:
        _fail(ValueError(f"--for needs at least 5 and at most {LONGEST_NIGHT_S} seconds"))
    if kill is not None and kill not in ("ingest", "router", "responder", "metrics"):
        _fail(ValueError(f"--kill {kill}: choose ingest, router, responder or metrics"))
    if kill is not None and seconds is None:
        _fail(ValueError("--kill happens half-way: add --for SECONDS"))
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
        _fail(error)
    raise typer.Exit(_run(lambda: play(night, system)))
