"""What every platform folder offers, in plain values: no I/O, no clock.

`incoming.py` verifies and parses, `sources.py` says what to ask next, `outgoing.py` builds the
reply's request and reads its answer, `permalink.py` knows links to messages. One generic loop in a
service drives them all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import SplitResult

from toog.contracts.events import Event
from toog.platforms.accounts import Account, Accounts


class NotConfiguredError(Exception):
    """No secret is configured for this way in: answer 404, as if it did not exist."""


class ForgedError(Exception):
    """The signature is missing or wrong: answer 401; nothing enters."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A piece of a body that could not be read at all: to the dead letters, with its bytes."""

    body: bytes
    error: str


@dataclass(frozen=True, slots=True)
class Heard:
    """One event, its Kafka key, and whether only a hashtag rule brought it (the room).

    `if_seen`: told for a whole network (Jetstream's deletions): it enters only where the message
    that it is `of` has entered before.
    """

    event: Event
    key: str
    room: bool = False
    if_seen: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """All that one body or stream item held, in its order."""

    heard: tuple[Heard, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request in plain values; `form` and `json` exclude each other."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    url: str
    params: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    json: object = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """What an answer to a page request held: bodies to parse, the new cursor, more to ask."""

    items: tuple[bytes, ...]
    cursor: str | None
    more: bool


Failure = Literal["network", "http", "rate_limited", "refused"]


class Source(Protocol):
    """One way in that we ask ourselves: a stream, a page, or both (the stream first, then pages).

    The loop that drives it: `prepare` until None; open `stream`; when it is open, ask `page`
    until it says there is no more (this fills what was missed while we were away); then read
    the stream. Each item is made durable before the cursor that follows it is.
    """

    @property
    def key(self) -> str:
        """Names the source in the cursor topic, the logs and the metrics: `x:1111:stream`."""

    @property
    def framing(self) -> Literal["lines", "sse", "websocket"]:
        """How the stream's bytes fall into items."""

    @property
    def silence_s(self) -> float:
        """After so many seconds without a byte the stream counts as dead.

        A source without a stream is asked for its pages again after so many seconds.
        """

    def prepare(self, last: Answer | None) -> Request | None:
        """The next request to make before the stream is opened (rules), or None: ready."""

    def stream(self, cursor: str | None, now: datetime) -> Request | None:
        """The request that opens the stream, or None where there is none."""

    def page(self, cursor: str | None) -> Request | None:
        """The request for what came after the cursor, or None where nothing can be paged."""

    def read_page(self, answer: Answer, cursor: str | None) -> Page:
        """The items of this page, oldest first, and what to ask next."""

    def read_item(
        self, item: bytes, cursor: str | None, now: datetime
    ) -> tuple[bytes | None, str | None]:
        """The body to parse (None for a heartbeat or control line) and the cursor after it."""

    def failure(self, answer: Answer) -> Failure:
        """How this answer, which is no success, is to be understood."""

    def backoff_s(
        self, failure: Failure, attempt: int, answer: Answer | None, now: datetime
    ) -> float:
        """Seconds to wait before attempt number `attempt` (1 is the first again), without jitter."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """The 200 answer to a platform that asks whether this address is ours."""

    body: bytes
    media_type: str


class Webhooks(Protocol):
    """What `incoming.py` offers besides, where the platform delivers by webhook."""

    def verify(self, headers: Mapping[str, str], body: bytes, secrets: Mapping[str, str]) -> None:
        """Raises NotConfiguredError without a secret, ForgedError on a missing or wrong signature."""

    def handshake(self, query: Mapping[str, str], secrets: Mapping[str, str]) -> Handshake:
        """The answer to the platform's check by GET.

        Raises NotConfiguredError without a secret, ForgedError where the check does not hold.
        """


class LooksUp(Protocol):
    """What `sources.py` offers besides, where the platform tells of some messages by id only."""

    def look_up(self, event: Event, account: Account, secrets: Mapping[str, str]) -> Request | None:
        """The request for what an `incomplete` event lacks, or None where nothing can be asked.

        The answer is handed to `parse` with the source `platform:look_up` (`look_up_source`), by
        which the parser knows that it enriches what entered before: an edit `…:edit:enriched`.
        """


def look_up_source(platform: str) -> str:
    """The `source` of what a look-up brought."""
    return f"{platform}:look_up"


class Incoming(Protocol):
    """The module `incoming.py` of a platform.

    `parse` reads each of the platform's shapes: webhook body, stream item, REST page, single
    object. `account` is the account whose door it came by, where the door knows one.
    """

    def parse(
        self,
        body: bytes,
        *,
        accounts: Accounts,
        account: Account | None,
        source: str,
        now: datetime,
    ) -> Parsed:
        """All events of this body, in any of the platform's shapes; never raises on odd input."""


@dataclass(frozen=True, slots=True)
class Pointed:
    """What a link to a message names.

    `natives`: the platform's own id of the message, or the end of it behind a `_` or `/`.
    `types`: what such a message can be in our event ids (post, comment, status …).
    `marks`: what stands, as a whole word, in the platform's own words about it, whatever its id is.
    """

    platform: str
    natives: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


class Permalinks(Protocol):
    """The module `permalink.py` of a platform."""

    def pointed(self, url: SplitResult) -> Pointed | None:
        """The message that this link is of, or None where it is no link to one on this platform."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The platform took the reply: its own id for it, and the id of the event it will come back as."""

    native_id: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The platform did not take the reply, and never will (`permanent`) or not now.

    `wait_s` says when to try again; `stop` that the whole account cannot send (bad token).
    """

    reason: str
    permanent: bool
    wait_s: float | None = None
    stop: bool = False


@dataclass(frozen=True, slots=True)
class Unsure:
    """Nobody can tell from this answer whether the reply went out: never send again."""

    reason: str


SendResult = Sent | Refused | Unsure


@dataclass(frozen=True, slots=True)
class Reply:
    """What is to be said, to whom, in answer to what; native ids of the platform.

    `context` is the answered event's `reply_context`; `at` when the reply was approved: the same
    at every attempt.
    """

    id: str
    text: str
    surface: str
    to_message: str
    to_citizen: str
    to_handle: str | None
    visibility: str | None = None
    language: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None


class Sessions(Protocol):
    """What `outgoing.py` offers as `session`, where calls need a token that runs out.

    The sender asks once, keeps what it got for this account, and asks again when a call is
    answered that the session is over.
    """

    def request(self, account: Account, secrets: Mapping[str, str]) -> Request:
        """The request that opens a session. Raises NotConfiguredError without credentials."""

    def read(self, answer: Answer) -> "Mapping[str, str] | Refused":
        """What `secrets` of the calls that follow hold besides, or why there is no session."""

    def over(self, answer: Answer) -> bool:
        """Whether this answer to a call says that its session has ended (nothing was done)."""


class Outgoing(Protocol):
    """The module `outgoing.py` of a platform."""

    def request(self, reply: Reply, account: Account, secrets: Mapping[str, str]) -> Request:
        """The request that sends this reply. Raises NotConfiguredError without a token."""

    def read(self, answer: Answer, reply: Reply, account: Account) -> SendResult:
        """What the platform's answer means for this reply."""
