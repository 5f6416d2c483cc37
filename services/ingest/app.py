"""The wiring of ingest, read top to bottom."""

import contextlib

import httpx
import structlog

from services.ingest.api import operator_routes, public_app, webhooks_of
from services.ingest.cursors import Cursors, read_cursors
from services.ingest.look_ups import LookUps
from services.ingest.seen import Seen, filling
from services.ingest.settings import Settings
from services.ingest.streams import Means, Stream, running
from services.ingest.telemetry import IngestMetrics
from services.ingest.writer import Writer
from toog.kit.errors import StartError
from toog.kit.program import run
from toog.kit.settings import read_file
from toog.kit.telemetry import registry
from toog.kit.web import Health, internal_app, listener, until_told_to_stop
from toog.platforms.accounts import (
    Accounts,
    AccountsError,
    Secrets,
    read_accounts,
    read_secrets,
)
from toog.platforms.base import NotConfiguredError
from toog.platforms.table import PLATFORMS

log = structlog.get_logger(__name__)


def main() -> None:
    """Runs ingest until it is told to stop."""
    run("ingest", Settings, serve)


async def serve(settings: Settings) -> None:
    """Opens our doors once Kafka answers, and closes them in the opposite order.

    Leaving the block: no new webhooks, open ones are answered, streams stop, what waits is
    written, cursors are written, the producer leaves.
    """
    accounts, secrets = configuration(settings)
    health, registered = Health(), registry()
    metrics = IngestMetrics(registered)
    writer = Writer(settings)
    cursors = Cursors(writer.send)
    metrics.watch_pending(lambda: writer.waiting)
    health.alive["writer"] = writer.alive
    health.ready["kafka"] = writer.ready
    health.ready["doors"] = _starting
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(follow_redirects=False))
        look_ups = LookUps(http, writer.send, metrics, accounts, secrets)
        seen = Seen({a.platform for a in accounts.all if PLATFORMS[a.platform].whole_network})
        means = Means(
            http, writer.send, cursors.note, metrics, accounts, want=look_ups.want, seen=seen
        )
        streams = streams_of(accounts, secrets, means)
        webhooks = webhooks_of(accounts, secrets, writer.put, metrics, look_ups.want)
        internal = internal_app(health, registered, operator_routes(streams))
        await stack.enter_async_context(listener(internal, settings.internal_bind))
        writing = await stack.enter_async_context(writer.run())
        known = await read_cursors(settings)
        await stack.enter_async_context(filling(seen, settings))
        asking = await stack.enter_async_context(look_ups.run())
        noting = await stack.enter_async_context(cursors.run())
        driven = await stack.enter_async_context(running(streams, known))
        await stack.enter_async_context(listener(public_app(webhooks), settings.public_bind))
        del health.ready["doors"]
        try:
            await until_told_to_stop(writing, noting, *asking, *driven)
        finally:
            health.stopping = True


async def _starting() -> str:
    return "starting"


def configuration(settings: Settings) -> tuple[Accounts, Secrets]:
    """Our accounts and their credentials. Raises StartError with the sentence of what is wrong."""
    try:
        accounts = read_accounts(read_file(settings.accounts, "TOOG_ACCOUNTS"))
        return accounts, read_secrets(settings.secrets.get_secret_value())
    except AccountsError as error:
        raise StartError(str(error)) from error


def streams_of(accounts: Accounts, secrets: Secrets, means: Means) -> list[Stream]:
    """A stream for every source that we ask ourselves.

    One without its credentials is left out with a warning: the other doors are needed all the
    more. Raises StartError for a source that its platform has not.
    """
    streams: list[Stream] = []
    for account in accounts.all:
        platform = PLATFORMS[account.platform]
        try:
            found = platform.sources.sources(account, secrets.get(account.name, {}))
        except NotConfiguredError as error:
            log.warning("a source has no credentials and stays shut", reason=str(error))
            continue
        except AccountsError as error:
            raise StartError(str(error)) from error
        streams += [Stream(source, account, platform.incoming, means) for source in found]
    return streams
