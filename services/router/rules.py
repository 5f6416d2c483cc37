"""The café rule: an ordered table of one-line predicates; the first that holds decides.

A hashtag is shouting in a café; an @-mention speaks to somebody. Judged from the one event alone,
so that the same record gets the same verdict on every reading. Pure: no clock, no I/O.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, NamedTuple

import msgspec

from services.router.emergency import Danger, look
from services.router.policy import Policy
from services.router.text import has_own_words, has_words
from toog.contracts.events import Author, Kind, Media, Mention, Reference
from toog.contracts.verdicts import Lane, Outcome, Reason, Verdict
from toog.platforms.accounts import Accounts

Door = Literal["own", "room"]

THREAD_CONTROL: Final = frozenset({"standby", "thread_control", "policy_enforcement"})
COMMENTS: Final = frozenset({"comment", "live_comment"})
ANSWERS: Final = frozenset({"comment", "live_comment", "reply"})
STORY: Final = frozenset({"story_reply", "story_mention"})


class Facts(msgspec.Struct, frozen=True, gc=False):
    """The fields of an event that the rules look at; the rest is not even decoded."""

    id: str
    kind: Kind
    platform: str
    account: str
    occurred_at: datetime
    native: str | None = None
    signal: str | None = None
    surface: str | None = None
    conversation: str | None = None
    author: Author | None = None
    own: bool = False
    text: str = ""
    language: str | None = None
    mentions: tuple[Mention, ...] = ()
    reply_prefix: tuple[Mention, ...] = ()
    hashtags: tuple[str, ...] = ()
    media: tuple[Media, ...] = ()
    in_reply_to: Reference | None = None
    root_author: str | None = None
    quotes: Reference | None = None
    reported: str | None = None


class Case(NamedTuple):
    """One event with what it is judged by; the predicates below read as sentences on it."""

    facts: Facts
    policy: Policy
    accounts: Accounts

    def ours(self, id_: str | None, handle: str | None = None) -> bool:
        """Whether this is an account of ours on the event's platform."""
        return self.accounts.ours(self.facts.platform, id_, handle)

    @property
    def answers_us(self) -> bool:
        """The message that is answered is ours."""
        parent = self.facts.in_reply_to
        return parent is not None and parent.author is not None and self.ours(parent.author)

    @property
    def comments_on_post(self) -> bool:
        """A comment on a post itself: its own conversation; an answer to a comment is in another's."""
        return self.facts.surface in COMMENTS and self.facts.conversation == self.facts.native

    @property
    def named(self) -> bool:
        """We are named in what the author wrote; or the platform says so and it tells nothing else.

        A Mastodon server calls every reply below us a mention: there the reply prefix says more.
        """
        reported = self.facts.reported == "mention" and self.place_in_prefix is None
        return reported or any(self.ours(m.id, m.handle) for m in self.facts.mentions)

    @property
    def names_others(self) -> bool:
        """The author names somebody, and none of us."""
        return bool(self.facts.mentions) and not self.named

    @property
    def place_in_prefix(self) -> int | None:
        """Where we stand in the reply prefix, counted from 0."""
        prefix = self.facts.reply_prefix
        return next((i for i, m in enumerate(prefix) if self.ours(m.id, m.handle)), None)

    @property
    def in_our_thread(self) -> bool:
        """The conversation began with us, and its parent is somebody else's."""
        return self.ours(self.facts.root_author) and not self.answers_us

    @property
    def followed(self) -> bool:
        """The policy follows this conversation."""
        return self.facts.conversation in self.policy.conversations

    @property
    def followed_hashtag(self) -> bool:
        """A followed hashtag stands in it."""
        return any(tag.casefold() in self.policy.hashtags for tag in self.facts.hashtags)

    @property
    def quotes_us(self) -> bool:
        """It quotes a message of ours, or the platform says so and names no message."""
        if self.facts.quotes is None:
            return self.facts.reported == "quote"
        return self.ours(self.facts.quotes.author)


class Rule(NamedTuple):
    """One row: what it says, when, and with which lane it goes to the desk."""

    outcome: Outcome
    reason: Reason
    when: Callable[[Case], bool]
    lane: Lane | None = None
    emergency_wins: bool = False


def _switched(case: Case, platforms: frozenset[str]) -> bool:
    return case.facts.platform in platforms


_bystander: Callable[[Case], bool] = lambda c: bool(c.place_in_prefix) or c.in_our_thread  # noqa: E731 - a row's predicate, used by two rows

TABLE: Final[tuple[Rule, ...]] = (
    Rule("context", "deletion", lambda c: c.facts.kind == "deleted"),
    Rule("context", "thread_control", lambda c: c.facts.signal in THREAD_CONTROL),
    Rule("dropped", "signal", lambda c: c.facts.kind == "signal"),
    Rule(
        "context",
        "own_reply",
        lambda c: (
            c.facts.own
            and (c.facts.surface == "dm" or (c.facts.in_reply_to is not None and not c.answers_us))
        ),
    ),
    Rule("dropped", "own_post", lambda c: c.facts.own),
    Rule("dropped", "repost", lambda c: c.facts.surface == "repost"),
    Rule(
        "dropped",
        "no_words",
        lambda c: (
            c.facts.surface in COMMENTS | {"story_reply"}
            and not has_words(c.facts.text)
            and not c.facts.media
            and not c.followed
        ),
        emergency_wins=True,
    ),
    Rule(
        "dropped",
        "tags_friends",
        lambda c: (
            c.facts.surface in ANSWERS
            and c.names_others
            and not has_own_words(c.facts.text, c.facts.mentions)
            and not c.facts.media
            and not c.followed
        ),
        emergency_wins=True,
    ),
    Rule("addressed", "story_reply", lambda c: c.facts.surface == "story_reply", "dm"),
    Rule("addressed", "story_mention", lambda c: c.facts.surface == "story_mention", "dm"),
    Rule("addressed", "private_message", lambda c: c.facts.surface == "dm", "dm"),
    Rule(
        "addressed",
        "reply_to_us",
        lambda c: (c.answers_us and not c.comments_on_post) or c.place_in_prefix == 0,
        "mention",
    ),
    Rule("addressed", "comment", lambda c: c.facts.surface in COMMENTS, "comment"),
    Rule("addressed", "visitor_post", lambda c: c.facts.surface == "visitor_post", "comment"),
    Rule("addressed", "mention", lambda c: c.named, "mention"),
    Rule("addressed", "followed_conversation", lambda c: c.followed, "thread"),
    Rule(
        "addressed",
        "bystander",
        lambda c: _bystander(c) and _switched(c, c.policy.switches.bystander),
        "thread",
    ),
    Rule("dropped", "bystander", _bystander, emergency_wins=True),
    Rule(
        "addressed",
        "quote_of_ours",
        lambda c: c.quotes_us and _switched(c, c.policy.switches.quote_of_ours),
        "mention",
    ),
    Rule("dropped", "quote_of_ours", lambda c: c.quotes_us, emergency_wins=True),
    Rule("dropped", "quote_other", lambda c: c.facts.quotes is not None, emergency_wins=True),
    Rule("dropped", "hashtag_only", lambda c: c.followed_hashtag),
    Rule("dropped", "not_addressed", lambda _: True),
)

_ROWS: Final = tuple((rule, Verdict(rule.outcome, rule.reason, rule.lane)) for rule in TABLE)
_EDIT: Final = Verdict("context", "edit")
_BLOCKED: Final = Verdict("dropped", "blocked_author")


class Explanation(NamedTuple):
    """A verdict with what led to it: the row that fired, and what was found of danger.

    `danger` is None where the text was not searched: the room, and rows that nothing overrules.
    """

    verdict: Verdict
    row: Rule
    danger: Danger | None


def judge(facts: Facts, door: Door, policy: Policy, accounts: Accounts) -> Verdict:
    """The verdict on one event that came through this door.

    An edit is judged by its new text; what is then not addressed is context when it came by our
    own door. A block turns addressed into dropped. Danger, told through our own door, passes both.
    """
    return explain(facts, door, policy, accounts).verdict


def explain(facts: Facts, door: Door, policy: Policy, accounts: Accounts) -> Explanation:
    """The same verdict, with what led to it."""
    case = Case(facts, policy, accounts)
    row, verdict = next(pair for pair in _ROWS if pair[0].when(case))
    addressed = verdict.outcome == "addressed"
    danger = None
    if door == "own" and (addressed or row.emergency_wins):
        danger = look(facts.text, policy.danger)
        if danger.found:
            reason: Reason = verdict.reason if addressed else "emergency"
            return Explanation(Verdict("addressed", reason, "emergency"), row, danger)
    if addressed and _blocked(case):
        verdict = _BLOCKED
    elif addressed and verdict.reason in policy.lanes:
        verdict = Verdict("addressed", verdict.reason, policy.lanes[verdict.reason])
    if facts.kind == "edited" and verdict.outcome != "addressed" and door == "own":
        verdict = _EDIT
    return Explanation(verdict, row, danger)


def _blocked(case: Case) -> bool:
    facts = case.facts
    return facts.author is not None and case.policy.blocked(
        facts.platform, facts.author.id, facts.occurred_at
    )
