"""The filtered stream of X: its rules, how it is opened, resumed and waited for. Pure.

All numbers are those of docs.x.com/x-api/posts/filtered-stream (handling disconnections, recovery).
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec

from toog.platforms.accounts import Account, AccountsError
from toog.platforms.base import Answer, Failure, NotConfiguredError, Page, Request, Source

FIELDS: Final = (
    (
        "tweet.fields",
        (
            "author_id,created_at,display_text_range,conversation_id,in_reply_to_user_id,"
            "referenced_tweets,entities,note_tweet,edit_controls,lang,reply_settings"
        ),
    ),
    (
        "expansions",
        (
            "author_id,in_reply_to_user_id,referenced_tweets.id,referenced_tweets.id.author_id,"
            "entities.mentions.username,edit_history_tweet_ids"
        ),
    ),
    ("user.fields", "username,name,protected,verified"),
)
"""Without these X sends id, text and edit history only."""

SILENCE_S: Final = 21.0
"""X sends an empty line at least every 20 s."""
BACKFILL_MINUTES: Final = 5
LATENCY: Final = timedelta(seconds=10)
"""Objects come in any order, up to 7 s late (p99): the cursor stays this far behind the last one."""

_HTTP_WAIT_S: Final = (5.0, 320.0)
_RATE_WAIT_S: Final = (60.0, 900.0)


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


def sources(account: Account, secrets: Mapping[str, str]) -> tuple[Source, ...]:
    """The ways in of this account that we ask ourselves: its filtered stream, where it has one.

    Raises NotConfiguredError where the stream stands in `accounts.toml` but has no `bearer`.
    """
    config = account.source_of("stream")
    if config is None:
        return ()
    bearer = secrets.get("bearer")
    if not bearer:
        raise NotConfiguredError(f"{account.name}: the stream needs the secret `bearer`")
    return (FilteredStream(account, config.hashtags, bearer),)


def rules(handle: str, hashtags: tuple[str, ...]) -> dict[str, str]:
    """The rules that the stream must have: value → tag. `room:` tags are what we only overhear."""
    wanted = {f"(@{handle} OR to:{handle}) -from:{handle} -is:retweet": "own"}
    for hashtag in hashtags:
        tag = hashtag.removeprefix("#")
        wanted[f"#{tag}"] = f"room:{tag}"
    return wanted


class FilteredStream:
    """One account's filtered stream. Remembers only which rule changes are still to be asked for."""

    framing: Literal["lines", "sse"] = "lines"
    silence_s = SILENCE_S

    def __init__(self, account: Account, hashtags: tuple[str, ...], bearer: str) -> None:
        self.key = f"{account.name}:stream"
        self._url = f"{account.base_url}/2/tweets/search/stream"
        self._headers = {"authorization": f"Bearer {bearer}"}
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
        """Deletions before additions: X refuses a second rule of the same value."""
        try:
            present = msgspec.json.decode(body, type=_Rules).data or []
        except msgspec.DecodeError:
            present = []
        wanted = set(self._wanted.items())
        stray = [rule.id for rule in present if (rule.value, rule.tag) not in wanted]
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

    def stream(self, cursor: str | None, now: datetime) -> Request | None:
        """First without, later with as many whole minutes of backfill as we were away, at most 5."""
        since = _time(cursor)
        params = list(FIELDS)
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
        """401, 402 and 403 need a person; 429 needs time; all else may pass by itself."""
        if answer.status == 429:
            return "rate_limited"
        return "refused" if answer.status in {401, 402, 403} else "http"

    def backoff_s(
        self, failure: Failure, attempt: int, answer: Answer | None, now: datetime
    ) -> float:
        """Network: at once, then 250 ms more each time up to 16 s. HTTP: 5 s doubling to 320 s.

        429: until `x-rate-limit-reset` where requests are used up, else 60 s doubling; refused
        likewise.
        """
        if failure == "network":
            return min(0.25 * (attempt - 1), 16.0)
        first, most = _HTTP_WAIT_S if failure == "http" else _RATE_WAIT_S
        if failure == "rate_limited" and answer is not None:
            reset = _reset_s(answer, now)
            if reset is not None:
                return min(reset, most)
        return min(first * 2.0 ** min(attempt - 1, 16), most)


def _reset_s(answer: Answer, now: datetime) -> float | None:
    """Seconds until the window ends. With requests left the 429 is about something else.

    Too many connections is a 429 as well; waiting for the window would be far too long then.
    """
    if answer.headers.get("x-rate-limit-remaining", "0") != "0":
        return None
    try:
        wait = float(answer.headers["x-rate-limit-reset"]) - now.timestamp()
    except (KeyError, ValueError):
        return None
    return wait if wait > 0 else None


def _cursor(at: datetime) -> str:
    return (at - LATENCY).astimezone(UTC).isoformat()


def _time(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
