"""X's two streams: filtered stream and X Activity API; how they are opened, resumed, waited for. Pure.

All numbers are those of docs.x.com/x-api/posts/filtered-stream (handling disconnections, recovery)
and docs.x.com/x-api/activity/activity-stream.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec

from toog.platforms.accounts import Account, AccountsError
from toog.platforms.base import Answer, Failure, Page, Request
from toog.platforms.x import waiting

SILENCE_S: Final = 21.0
"""X sends an empty line at least every 20 s."""
BACKFILL_MINUTES: Final = 5
LATENCY: Final = timedelta(seconds=10)
"""Objects come in any order, up to 7 s late (p99): the cursor stays this far behind the last one."""

OWN_TAG: Final = "own"
ROOM_TAG: Final = "room:"
"""Rules with these tags are ours to delete; the app may have others of other people's."""


class _Rule(msgspec.Struct, frozen=True):
    id: str = ""
    value: str = ""
    tag: str | None = None


class _Refused(msgspec.Struct, frozen=True):
    value: str = ""
    title: str = ""


class _Rules(msgspec.Struct):
    data: list[_Rule] | None = None
    errors: list[_Refused] | None = None


class _Stamped(msgspec.Struct):
    created_at: str | None = None


class _Line(msgspec.Struct):
    data: _Stamped | None = None


def rules(handle: str, hashtags: tuple[str, ...]) -> dict[str, str]:
    """The rules that the stream must have: value → tag. `room:` tags are what we only overhear."""
    wanted = {f"(@{handle} OR to:{handle}) -from:{handle} -is:retweet": OWN_TAG}
    for hashtag in hashtags:
        tag = hashtag.removeprefix("#")
        wanted[f"#{tag}"] = f"{ROOM_TAG}{tag}"
    return wanted


class Stream:
    """A stream of lines that is resumed by minutes of backfill; the cursor is a time."""

    framing: Literal["lines", "sse", "websocket"] = "lines"
    silence_s = SILENCE_S

    def __init__(
        self, key: str, url: str, bearer: str, params: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.key = key
        self._url = url
        self._params = tuple(params)
        self._headers = {"authorization": f"Bearer {bearer}"}

    def prepare(self, last: Answer | None) -> Request | None:
        """Nothing to ask before the stream is opened."""
        del last
        return None

    def stream(self, cursor: str | None, now: datetime) -> Request | None:
        """First without, later with as many whole minutes of backfill as we were away, at most 5."""
        since = _time(cursor)
        params = list(self._params)
        if since is not None:
            minutes = math.ceil((now - since).total_seconds() / 60)
            params.append(("backfill_minutes", str(min(max(minutes, 1), BACKFILL_MINUTES))))
        return Request("GET", self._url, params=params, headers=self._headers)

    def page(self, cursor: str | None) -> Request | None:
        """Nothing to page: the backfill comes through the stream itself."""
        del cursor
        return None

    def read_page(self, answer: Answer, cursor: str | None) -> Page:
        """Never asked for; holds nothing."""
        del answer
        return Page((), cursor, more=False)

    def read_item(
        self, item: bytes, cursor: str | None, now: datetime
    ) -> tuple[bytes | None, str | None]:
        """The cursor is the newest item's time less the usual lateness; it never goes back.

        The first heartbeat sets it too: from then on nothing may be missed.
        """
        if not item.strip():
            return None, cursor or _cursor(now)
        try:
            line = msgspec.json.decode(item, type=_Line)
        except msgspec.DecodeError:
            return item, cursor
        if line.data is None:
            return None, cursor
        at = min(_time(line.data.created_at) or now, now)
        since = _time(cursor)
        if since is not None and at - LATENCY <= since:
            return item, cursor
        return item, _cursor(at)

    def failure(self, answer: Answer) -> Failure:
        """As all of X (`waiting`)."""
        return waiting.failure_of(answer)

    def backoff_s(
        self, failure: Failure, attempt: int, answer: Answer | None, now: datetime
    ) -> float:
        """As all of X (`waiting`)."""
        return waiting.wait_s(failure, attempt, answer, now)


class FilteredStream(Stream):
    """One account's filtered stream. Remembers only which rule changes are still to be asked for."""

    def __init__(
        self,
        account: Account,
        hashtags: tuple[str, ...],
        bearer: str,
        params: Sequence[tuple[str, str]],
    ) -> None:
        url = f"{account.base_url}/2/tweets/search/stream"
        super().__init__(f"{account.name}:stream", url, bearer, params)
        self._wanted = rules(account.handle, hashtags)
        self._changes: list[object] | None = None

    def prepare(self, last: Answer | None) -> Request | None:
        """Rules first: what is there is read, what is stray deleted, what is missing added.

        Raises AccountsError where X refuses a rule: without it we would miss what it should bring.
        """
        if last is None:
            self._changes = None
            return Request("GET", f"{self._url}/rules", headers=self._headers)
        if self._changes is None:
            self._changes = self._compare(last.body)
        else:
            self._check(last.body)
        if not self._changes:
            return None
        change = self._changes.pop(0)
        return Request("POST", f"{self._url}/rules", headers=self._headers, json=change)

    def _compare(self, body: bytes) -> list[object]:
        """Deletions before additions: X refuses a second rule of the same value.

        Rules of other programs of this app stay as they are.
        """
        try:
            present = msgspec.json.decode(body, type=_Rules).data or []
        except msgspec.DecodeError:
            present = []
        wanted = set(self._wanted.items())
        stray = [r.id for r in present if _ours(r) and (r.value, r.tag) not in wanted]
        missing = wanted - {(rule.value, rule.tag) for rule in present}
        changes: list[object] = []
        if stray:
            changes.append({"delete": {"ids": stray}})
        if missing:
            added = [{"value": value, "tag": tag} for value, tag in sorted(missing)]
            changes.append({"add": added})
        return changes

    def _check(self, body: bytes) -> None:
        """X answers 2xx also where it took only some of the rules."""
        try:
            errors = msgspec.json.decode(body, type=_Rules).errors or []
        except msgspec.DecodeError:
            return
        refused = [error.value for error in errors if error.title != "DuplicateRule"]
        if refused:
            raise AccountsError(f"{self.key}: X refuses the rules {', '.join(refused)}")


def activity_stream(account: Account, bearer: str) -> Stream:
    """The X Activity API by stream: the same events as by webhook, for whoever has no address."""
    url = f"{account.base_url}/2/activity/stream"
    return Stream(f"{account.name}:activity_stream", url, bearer)


def _ours(rule: _Rule) -> bool:
    return rule.tag == OWN_TAG or (rule.tag or "").startswith(ROOM_TAG)


def _cursor(at: datetime) -> str:
    return (at - LATENCY).astimezone(UTC).isoformat()


def _time(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
