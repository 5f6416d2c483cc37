"""The one loop that drives any source: open, catch up, listen, and begin again with patience."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import httpx
import structlog

from services.ingest import calls, doors
from services.ingest.framing import Item, Overlong
from services.ingest.inbox import Chunk, Inbox
from services.ingest.seen import Seen
from services.ingest.sockets import BrokenSocketError, SilenceError
from services.ingest.telemetry import IngestMetrics
from toog.kit.errors import UnavailableError
from toog.kit.stream.produce import Outgoing
from toog.kit.telemetry import traceparent
from toog.platforms.accounts import Account, Accounts, AccountsError
from toog.platforms.base import Answer, Failure, Incoming, Parsed, Request, Source, Unreadable

log = structlog.get_logger(__name__)

GROUP_ITEMS: Final = 500
INBOX_BYTES: Final = 4 * 1024 * 1024
STEADY_S: Final = 5.0
"""A stream that lived this long is well: the next failure is the first one again."""
LONGEST_WAIT_S: Final = 900.0
NO_SUCH_THING: Final = frozenset({404, 405, 410})
LONGEST_KAFKA_WAIT_S: Final = 3.0
DRAIN_WITHIN_S: Final = 2.0


@dataclass(frozen=True)
class Means:
    """What every stream of this process shares: `send` confirms, `note` keeps a cursor.

    `want` asks for what incomplete events lack, once they have entered.
    """

    http: httpx.AsyncClient
    send: Callable[[Sequence[Outgoing]], Awaitable[None]]
    note: Callable[[str, str | None], None]
    metrics: IngestMetrics
    accounts: Accounts
    want: Callable[[Parsed], None] = lambda _: None
    seen: Seen = field(default_factory=lambda: Seen(()))


class _BrokenError(Exception):
    """The source cannot go on as it is; `why` is a word for the metric."""

    def __init__(self, failure: Failure, why: str, answer: Answer | None = None) -> None:
        super().__init__(why)
        self.failure: Failure = failure
        self.why = why
        self.answer = answer


class Stream:
    """One source, driven until it is stopped; its errors never reach the other doors."""

    def __init__(self, source: Source, account: Account, incoming: Incoming, means: Means) -> None:
        self.key = source.key
        self._source = source
        self._account = account
        self._incoming = incoming
        self._means = means
        self._cursor: str | None = None
        self._inbox: Inbox | None = None
        self._stopping = False
        self._opened: float | None = None
        self._trouble: str | None = None
        means.metrics.connected(self.key, is_open=False)

    def state(self) -> dict[str, object]:
        """What an operator sees: open since when, else the last trouble."""
        opened = self._opened
        return {
            "source": self.key,
            "connected": opened is not None,
            "seconds": round(time.monotonic() - opened, 1) if opened is not None else None,
            "trouble": self._trouble,
        }

    async def run(self, cursor: str | None) -> None:
        """Drives the source from this cursor on, until `stop` or for ever."""
        self._cursor = cursor
        attempt = 0
        while True:
            broken = await self._visit()
            steady = self._opened is not None and time.monotonic() - self._opened > STEADY_S
            self._close()
            if self._stopping:
                return
            attempt = 1 if steady else attempt + 1
            await self._wait(broken, attempt)

    async def stop(self, task: "asyncio.Task[None]") -> None:
        """Ends the task that runs this: what was read is still made durable, with a bound."""
        self._stopping = True
        if self._inbox is not None:
            self._inbox.close()
            await asyncio.wait({task}, timeout=DRAIN_WITHIN_S)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _wait(self, broken: _BrokenError, attempt: int) -> None:
        self._trouble = broken.why
        self._means.metrics.reconnect(self.key, broken.why)
        wait = self._source.backoff_s(broken.failure, attempt, broken.answer, datetime.now(UTC))
        wait = min(wait, LONGEST_WAIT_S) * random.uniform(1.0, 1.25)  # noqa: S311 - jitter
        log.info("source ended", source=self.key, why=broken.why, again_in_s=round(wait, 1))
        await asyncio.sleep(wait)

    async def _visit(self) -> _BrokenError:
        """Everything from the first request to the end of the connection; how it ended."""
        try:
            await self._prepare()
            await self._open_and_listen()
        except _BrokenError as broken:
            return broken
        except (httpx.ReadTimeout, SilenceError):
            return _BrokenError("network", "silence")
        except BrokenSocketError as error:
            return _BrokenError("network", error.why)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            return _BrokenError("network", type(error).__name__)
        except AccountsError as error:
            log.error("the platform does not take what accounts.toml asks for", reason=str(error))  # noqa: TRY400 - a person mends the file, no trace is needed
            return _BrokenError("refused", "accounts.toml")
        except Exception as error:
            log.exception("a source failed in our own code", source=self.key)
            return _BrokenError("http", type(error).__name__)
        return _BrokenError("network", "ended")

    async def _prepare(self) -> None:
        """What the source wants to know first; that a platform has no such thing is an answer too."""
        request = self._source.prepare(None)
        while request is not None:
            answer = await calls.ask(self._means.http, request)
            if not calls.succeeded(answer) and answer.status not in NO_SUCH_THING:
                raise self._broken(answer)
            request = self._source.prepare(answer)

    async def _open_and_listen(self) -> None:
        request = self._source.stream(self._cursor, datetime.now(UTC))
        if request is None:
            await self._poll()
            return
        silence_s = self._source.silence_s
        framing = self._source.framing
        async with calls.opened(self._means.http, request, framing, silence_s) as coming:
            if isinstance(coming, Answer):
                raise self._broken(coming)
            self._open()
            await self._catch_up()
            await self._listen(coming)

    async def _poll(self) -> None:
        """A source without a stream: its pages, again and again."""
        while True:
            await self._catch_up()
            if self._opened is None:
                self._open()
            await asyncio.sleep(self._source.silence_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter

    async def _ask(self, request: Request) -> Answer:
        answer = await calls.ask(self._means.http, request)
        if not calls.succeeded(answer):
            raise self._broken(answer)
        return answer

    def _broken(self, answer: Answer) -> _BrokenError:
        return _BrokenError(self._source.failure(answer), f"status {answer.status}", answer)

    def _open(self) -> None:
        """An open stream counts as a heartbeat: from now on nothing may be missed."""
        self._opened, self._trouble = time.monotonic(), None
        self._means.metrics.connected(self.key, is_open=True)
        _, cursor = self._source.read_item(b"", self._cursor, datetime.now(UTC))
        self._advance(cursor)

    def _close(self) -> None:
        self._opened = None
        self._means.metrics.connected(self.key, is_open=False)

    async def _catch_up(self) -> None:
        more = True
        while more and (request := self._source.page(self._cursor)) is not None:
            page = self._source.read_page(await self._ask(request), self._cursor)
            now = datetime.now(UTC)
            parts = [self._parse(item, now) for item in page.items]
            await self._store(parts, now, page.cursor, len(page.items))
            more = page.more

    async def _listen(self, coming: AsyncIterator[Sequence[Item]]) -> None:
        """Reads as fast as Kafka confirms: while one group is written, the next one gathers."""
        inbox = self._inbox = Inbox(INBOX_BYTES)
        reader = asyncio.create_task(self._read(coming, inbox), name=f"reader {self.key}")
        try:
            while chunks := await inbox.take(GROUP_ITEMS):
                await self._take(chunks)
            if not self._stopping:
                await reader
        finally:
            self._inbox = None
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(self, coming: AsyncIterator[Sequence[Item]], inbox: Inbox) -> None:
        try:
            async for items in coming:
                if items:
                    await inbox.put(Chunk(datetime.now(UTC), items))
        finally:
            inbox.close()

    async def _take(self, chunks: Sequence[Chunk]) -> None:
        cursor = self._cursor
        parts: list[Parsed] = []
        for received, items in chunks:
            for item in items:
                part, cursor = self._read_item(item, cursor, received)
                if part is not None:
                    parts.append(part)
        await self._store(parts, chunks[0].received, cursor, len(parts))

    def _read_item(
        self, item: Item, cursor: str | None, now: datetime
    ) -> tuple[Parsed | None, str | None]:
        if isinstance(item, Overlong):
            return Parsed(unreadable=(Unreadable(item.beginning, "Overlong"),)), cursor
        try:
            body, cursor = self._source.read_item(item, cursor, now)
        except Exception as error:  # noqa: BLE001 - one odd item must not end the stream
            return Parsed(unreadable=(Unreadable(item, type(error).__name__),)), cursor
        return (self._parse(body, now) if body is not None else None), cursor

    def _parse(self, body: bytes, now: datetime) -> Parsed:
        return doors.parse(
            self._incoming,
            body,
            accounts=self._means.accounts,
            account=self._account,
            source=self.key,
            now=now,
        )

    async def _store(
        self, parts: Sequence[Parsed], now: datetime, cursor: str | None, count: int
    ) -> None:
        """Makes a group durable; only then its cursor counts."""
        told = doors.merged(parts)
        parsed = await self._entering(told)
        trace = traceparent(None)
        records = doors.records(parsed, source=self.key, trace=trace, now=now)
        if records:
            await self._write(records)
            self._means.metrics.took(self._account.platform, parsed)
            self._means.metrics.items(self.key, count)
            self._means.seen.note(parsed)
            self._means.want(parsed)
        self._advance(cursor)

    async def _entering(self, told: Parsed) -> Parsed:
        """What a whole network told, without what concerns messages that never entered."""
        if not any(one.if_seen for one in told.heard):
            return told
        await self._means.seen.filled.wait()
        parsed = self._means.seen.entering(told)
        self._means.metrics.unseen(self.key, len(told.heard) - len(parsed.heard))
        return parsed

    def _advance(self, cursor: str | None) -> None:
        if cursor != self._cursor:
            self._cursor = cursor
            self._means.note(self.key, cursor)

    async def _write(self, records: Sequence[Outgoing]) -> None:
        """Returns when Kafka has confirmed. Nothing is ever dropped: the socket waits meanwhile."""
        wait = 0.1
        while True:
            try:
                await self._means.send(records)
            except UnavailableError:
                self._means.metrics.waited(self.key)
            else:
                return
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            wait = min(wait * 2, LONGEST_KAFKA_WAIT_S)


@contextlib.asynccontextmanager
async def running(
    streams: Iterable[Stream], cursors: dict[str, str | None]
) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Drives all streams inside the block, each from its cursor; stops them when leaving."""
    tasks = {
        stream: asyncio.create_task(stream.run(cursors.get(stream.key)), name=stream.key)
        for stream in streams
    }
    try:
        yield list(tasks.values())
    finally:
        await asyncio.gather(*(stream.stop(task) for stream, task in tasks.items()))
