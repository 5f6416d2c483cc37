"""The sandbox process: the played platforms, the night's control and the probes on one address."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping

import uvloop
from prometheus_client import CollectorRegistry, Gauge
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toog.kit.errors import StartError
from toog.kit.settings import load, read_file
from toog.kit.telemetry import registry, start_logs
from toog.kit.web import Health, internal_app, listener, problem, until_told_to_stop
from toog.platforms.accounts import (
    Account,
    Accounts,
    AccountsError,
    Secrets,
    read_accounts,
    read_secrets,
)
from toog.platforms.mastodon.sandbox import MastodonSandbox
from toog.platforms.playing import Citizen, Ledger, Played
from toog.platforms.x.sandbox import XSandbox
from toog.sandbox.control import control
from toog.sandbox.plan import Desk
from toog.sandbox.settings import SandboxSettings
from toog.sandbox.show import Programme, Show

_NO_TAG = "politie247"


def main() -> None:
    """Runs the sandbox until SIGTERM or SIGINT; exit code 2 where it cannot start."""
    try:
        settings = load(SandboxSettings)
        start_logs("sandbox", settings.instance, settings.log_level)
        uvloop.run(serve(settings))
    except (StartError, AccountsError) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


async def serve(settings: SandboxSettings) -> None:
    """Serves the first account of each platform until told to stop; then all ends at once."""
    accounts = read_accounts(read_file(settings.accounts, "TOOG_ACCOUNTS"))
    secrets = read_secrets(settings.secrets.get_secret_value())
    ledger = Ledger()
    played = play(accounts, secrets, settings, ledger)
    show = Show(played, ledger, desks(accounts))
    programme = Programme(settings.sandbox_seed, settings.sandbox_rate, settings.sandbox_seconds)
    metrics = registry()
    _gauges(metrics, show)
    mounts = [Mount(f"/{name}", app=platform.app()) for name, platform in played.items()]
    routes = [control(show, programme, ledger, played), *mounts]
    app = _Closing(internal_app(Health(), metrics, routes))
    async with listener(app, settings.sandbox_bind), _running(played) as tasks:
        await until_told_to_stop(*tasks)
        await show.stop()
        app.close()


def play(
    accounts: Accounts, secrets: Secrets, settings: SandboxSettings, ledger: Ledger
) -> dict[str, Played]:
    """The played platforms by name, one account each. Raises StartError without its secrets."""
    played: dict[str, Played] = {}
    for account in _first(accounts):
        own = secrets.get(account.name)
        if own is None:
            raise StartError(f"the secrets hold no table for {account.name}: add it")
        seed = settings.sandbox_seed
        if account.platform == "x":
            url = settings.sandbox_webhook_x
            played["x"] = XSandbox(account, own, webhook_url=url, ledger=ledger, seed=seed)
        else:
            played["mastodon"] = MastodonSandbox(account, own, ledger=ledger, seed=seed)
    return played


def desks(accounts: Accounts) -> dict[str, Desk]:
    """Our accounts as the crowd sees them; the hashtag is the first one that a source follows."""
    tags = [tag for account in accounts.all for source in account.source for tag in source.hashtags]
    tag = tags[0] if tags else _NO_TAG
    return {
        account.platform: Desk(Citizen(account.id, account.handle, "Stadspolitie Demo"), tag)
        for account in _first(accounts)
    }


def _first(accounts: Accounts) -> list[Account]:
    """One account per platform: the crowd speaks to one desk."""
    return [ours[0] for name in ("x", "mastodon") if (ours := accounts.on(name))]


def _gauges(metrics: CollectorRegistry, show: Show) -> None:
    late = Gauge("toog_sandbox_late_seconds", "How late the last act was", registry=metrics)
    late.set_function(lambda: show.late_s)


@contextlib.asynccontextmanager
async def _running(played: Mapping[str, Played]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """The platforms' deliveries, running inside the block."""
    tasks = [asyncio.create_task(one.run(), name=f"run {name}") for name, one in played.items()]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Closing:
    """Ends the open streams when told to: a played platform's stream has no end of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Ends what is open; what comes after that is answered 503."""
        self._closed.set()
        for task in self._open:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = asyncio.Event()
        if self._closed.is_set():
            await problem(503, "Stopping")(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            started.set()
            await send(message)

        task = asyncio.ensure_future(self._serve(scope, receive, watched))
        self._open.add(task)
        try:
            await task
        except asyncio.CancelledError:
            if not self._closed.is_set():
                task.cancel()
                raise
            if started.is_set():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._open.discard(task)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
