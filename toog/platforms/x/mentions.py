"""What names us, asked for page by page: catches what webhook and stream did not bring. Pure.

Source: docs.x.com/x-api/users/get-mentions and fundamentals/pagination. X gives the newest 800.
"""

from datetime import datetime
from typing import Final, Literal

import msgspec

from toog.platforms.accounts import Account
from toog.platforms.base import Answer, Failure, Page, Request
from toog.platforms.clean import clean
from toog.platforms.x import waiting

EVERY_S: Final = 60.0
"""300 requests in 15 minutes are allowed; one a minute leaves room for the pages of a busy night."""
PAGE_SIZE: Final = 100
MOST_PAGES: Final = 50


class _Meta(msgspec.Struct):
    newest_id: str | None = None
    next_token: str | None = None


class _Page(msgspec.Struct):
    data: list[msgspec.Raw] = []
    includes: msgspec.Raw = msgspec.Raw(b"{}")
    meta: _Meta = msgspec.field(default_factory=_Meta)


class Mentions:
    """`GET /2/users/:id/mentions` since the newest one seen; it has no stream.

    X gives the newest page first, so the cursor moves only when all pages behind it are read: what
    is asked for twice has the same ids.
    """

    framing: Literal["lines", "sse", "websocket"] = "lines"
    silence_s = EVERY_S

    def __init__(self, account: Account, bearer: str, params: tuple[tuple[str, str], ...]) -> None:
        self.key = f"{account.name}:mentions"
        self._url = f"{account.base_url}/2/users/{account.id}/mentions"
        self._params = params
        self._headers = {"authorization": f"Bearer {bearer}"}
        self._forget()

    def _forget(self) -> None:
        self._token: str | None = None
        self._newest: str | None = None
        self._pages = 0

    def prepare(self, last: Answer | None) -> Request | None:
        """Nothing to ask; after a failure the pages are begun anew."""
        del last
        self._forget()
        return None

    def stream(self, cursor: str | None, now: datetime) -> Request | None:
        """There is none."""
        del cursor, now
        return None

    def page(self, cursor: str | None) -> Request | None:
        """The next page of what came after the cursor; without one, the newest page."""
        params = [*self._params, ("max_results", str(PAGE_SIZE))]
        if cursor is not None:
            params.append(("since_id", cursor))
        if self._token is not None:
            params.append(("pagination_token", self._token))
        return Request("GET", self._url, params=params, headers=self._headers)

    def read_page(self, answer: Answer, cursor: str | None) -> Page:
        """The posts oldest first, with their expansions; a body that is no page is handed on whole."""
        try:
            page = msgspec.json.decode(clean(answer.body)[0], type=_Page)
        except (msgspec.DecodeError, RecursionError):
            self._forget()
            return Page((answer.body,), cursor, more=False)
        posts = {"data": page.data[::-1], "includes": page.includes}
        items = (msgspec.json.encode(posts),) if page.data else ()
        self._newest = self._newest or page.meta.newest_id
        self._token, self._pages = page.meta.next_token, self._pages + 1
        if cursor is not None and self._token is not None and self._pages < MOST_PAGES:
            return Page(items, cursor, more=True)
        newest = self._newest or cursor
        self._forget()
        return Page(items, newest, more=False)

    def read_item(
        self, item: bytes, cursor: str | None, now: datetime
    ) -> tuple[bytes | None, str | None]:
        """Without a stream there are no items, and no heartbeat moves the cursor."""
        del now
        return (item or None), cursor

    def failure(self, answer: Answer) -> Failure:
        """As all of X (`waiting`)."""
        return waiting.failure_of(answer)

    def backoff_s(
        self, failure: Failure, attempt: int, answer: Answer | None, now: datetime
    ) -> float:
        """As all of X (`waiting`)."""
        return waiting.wait_s(failure, attempt, answer, now)
