"""What the played server lists: notifications, conversations, timelines, threads, people found."""

from collections.abc import Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response

from toog.platforms.mastodon.sandbox.gate import Gate
from toog.platforms.mastodon.sandbox.paging import page, rank
from toog.platforms.mastodon.sandbox.streams import Streams
from toog.platforms.mastodon.sandbox.world import Json, Notification, Status, World


class Lists:
    """The endpoints that list; `told_of` gives the event that a status or notification becomes."""

    def __init__(
        self,
        gate: Gate,
        world: World,
        streams: Streams,
        told_of: Callable[[Notification | Status], str],
    ) -> None:
        self._gate, self._world, self._streams, self._told_of = gate, world, streams, told_of

    async def account_statuses(self, request: Request) -> Response:
        """https://docs.joinmastodon.org/methods/accounts/#statuses."""
        author = request.path_params["id"]
        if author not in self._world.people:
            return self._gate.error()
        return self._statuses(request, (s for s in self._world if s.author.id == author))

    async def home(self, request: Request) -> Response:
        """https://docs.joinmastodon.org/methods/timelines/#home: ours, and whom we talk with."""
        known = (s for s in self._world if s.visibility != "direct" and not s.overheard)
        return self._statuses(request, known)

    async def tag(self, request: Request) -> Response:
        """https://docs.joinmastodon.org/methods/timelines/#tag."""
        tag = request.path_params["tag"].lower()
        return self._statuses(request, (s for s in self._world if tag in s.rooms), leaves=True)

    def _statuses(
        self, request: Request, statuses: Iterable[Status], *, leaves: bool = False
    ) -> Response:
        seen = [s for s in statuses if self._world.visible(s)]
        found = page(seen, request.query_params, usual=20, most=40)
        for one in found if leaves else ():
            self._streams.left(self._told_of(one))
        return self._gate.page(request, found, [self._world.show_status(s) for s in found])

    async def notifications(self, request: Request) -> Response:
        """https://docs.joinmastodon.org/methods/notifications/#get."""
        query = request.query_params
        wanted, unwanted = query.getlist("types[]"), query.getlist("exclude_types[]")
        told = [
            n
            for n in self._world.notifications
            if (not wanted or n.type in wanted) and n.type not in unwanted
        ]
        found = page(told, query, usual=40, most=80)
        for one in found:
            self._streams.left(self._told_of(one))
        shown = [self._world.show_notification(n) for n in found]
        return self._gate.page(request, found, shown)

    async def conversations(self, request: Request) -> Response:
        """https://docs.joinmastodon.org/methods/conversations/#get: the last word of each."""
        talks: dict[str, Status] = {}
        for status in self._world:
            if status.visibility == "direct":
                named = [p.id for p in (status.author, *status.body.mentions)]
                others = sorted(set(named) - {self._world.us.id})
                talks[" ".join(others)] = status
        last = sorted(talks.values(), key=lambda status: rank(status.id))
        found = page(last, request.query_params, usual=20, most=40)
        return self._gate.page(request, found, [self._conversation(s) for s in found])

    def _conversation(self, last: Status) -> Json:
        people = {p.id: p for p in (last.author, *last.body.mentions)}
        people.pop(self._world.us.id, None)
        shown = [self._world.show_person(p) for p in people.values()]
        status = self._world.show_status(last)
        return {"id": last.id, "unread": False, "accounts": shown, "last_status": status}

    async def context(self, request: Request) -> Response:
        """https://docs.joinmastodon.org/methods/statuses/#context: oldest first, both ways."""
        status = self._world.statuses.get(request.path_params["id"])
        if status is None or not self._world.visible(status):
            return self._gate.error()
        above = [s for s in self._world.above(status) if self._world.visible(s)]
        below = [s for s in self._world.below(status) if self._world.visible(s)]
        show = self._world.show_status
        return self._gate.answer(
            {"ancestors": [show(s) for s in above], "descendants": [show(s) for s in below]}
        )

    async def search_accounts(self, request: Request) -> Response:
        """https://docs.joinmastodon.org/methods/accounts/#search."""
        return self._gate.answer(self._found(request))

    async def search(self, request: Request) -> Response:
        """https://docs.joinmastodon.org/methods/search/#v2: people only."""
        people = self._found(request) if request.query_params.get("type") != "statuses" else []
        return self._gate.answer({"accounts": people, "statuses": [], "hashtags": []})

    async def look_up_account(self, request: Request) -> Response:
        """https://docs.joinmastodon.org/methods/accounts/#lookup."""
        person = self._world.named(request.query_params.get("acct", "").lstrip("@"))
        return self._gate.answer(self._world.show_person(person)) if person else self._gate.error()

    def _found(self, request: Request) -> list[Json]:
        words = request.query_params.get("q", "").lstrip("@").casefold()
        limit = request.query_params.get("limit", "40")
        most = min(int(limit), 80) if limit.isdecimal() else 40
        people = self._world.people.values()
        found = [p for p in people if words and words in f"{p.acct}\n{p.name}".casefold()]
        return [self._world.show_person(p) for p in found[:most]]
