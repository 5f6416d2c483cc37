"""The sandbox process: the played platforms, the night's control and the probes on one address."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterable, Mapping

import uvloop
from prometheus_client import CollectorRegistry, Gauge
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toog.kit.errors import StartError
from toog.kit.settings import load, read_file
from toog.kit.telemetry import registry, start_logs
from toog.kit.web import Health, internal_app, listener, problem, until_told_to_stop
from toog.platforms.accounts import AccountsError, read_accounts, read_secrets
from toog.platforms.playing import Ledger, Played
from toog.sandbox.cast import PARTS, app_secrets, desks, first_accounts, play
from toog.sandbox.control import control
from toog.sandbox.misbehaving import Misbehaving
from toog.sandbox.misbehaviour import Behaviour
from toog.sandbox.relay import PATH, Relay
from toog.sandbox.settings import SandboxSettings
from toog.sandbox.show import Programme, Show


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
    ledger, ours = Ledger(), {one.platform: one for one in first_accounts(accounts)}
    behaviours = {name: Behaviour(name) for name in ours}
    targets = targets_of(settings, ours)
    relay = Relay(targets, behaviours, app_secrets(accounts, secrets))
    here = f"http://127.0.0.1:{settings.sandbox_bind.rpartition(':')[2]}{PATH}"
    webhooks = {name: f"{here}/{name}" for name in targets}
    played = play(accounts, secrets, webhooks=webhooks, ledger=ledger, seed=settings.sandbox_seed)
    show = Show(played, ledger, desks(accounts))
    programme = Programme(settings.sandbox_seed, settings.sandbox_rate, settings.sandbox_seconds)
    metrics = registry()
    _gauges(metrics, show)
    mounts = [
        Mount(f"/{name}", app=Misbehaving(one.app(), behaviours[name], ours[name].id))
        for name, one in played.items()
    ]
    routes = [control(show, programme, ledger, played, behaviours), relay.mount(), *mounts]
    app = _Closing(internal_app(Health(), metrics, routes))
    async with (
        listener(app, settings.sandbox_bind),
        relay.running(),
        _running(played) as tasks,
    ):
        await until_told_to_stop(*tasks)
        await show.stop()
        app.close()


def targets_of(settings: SandboxSettings, platforms: Iterable[str]) -> dict[str, str]:
    """Where the webhooks of each platform that has any go in the end."""
    base = settings.sandbox_webhooks
    if base is None:
        return {}
    return {
        name: f"{base.rstrip('/')}/webhooks/{name}" for name in platforms if PARTS[name].webhooks
    }


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
            if started.is_set() and scope["type"] == "http":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._open.discard(task)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
