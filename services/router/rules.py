"""The café rule: an ordered table of one-line predicates; the first that holds decides.

A hashtag is shouting in a café; an @-mention speaks to somebody. Judged from the one event alone,
so that the same record gets the same verdict on every reading. Pure: no clock, no I/O.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
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
    """What the rules ask of an event, in plain values; the predicates below read as sentences on it.

    Finite on purpose: the same few hundred cases come again all night, so that a verdict is found
    once and then looked up.

    Shapes:
        thread_control: a signal that belongs to the control of a thread.
        answers, answers_us: it answers a message; the message that it answers is ours.
        comments_on_post: a comment on a post itself, its own conversation; an answer to a comment
            is in another's.
        named: we are named in what the author wrote; or the platform says so and tells nothing
            else. A Mastodon server calls every reply below us a mention: there the prefix says more.
        first_in_prefix, later_in_prefix: where we stand in the reply prefix, if we do.
        in_our_thread: the conversation began with us, and its parent is somebody else's.
        followed: the policy follows this conversation.
        followed_hashtag: a hashtag that the policy follows stands in it.
        quotes, quotes_us: it quotes a message; of ours, or the platform says so and names none.
        wordless: a comment or an answer to a story, without words or pictures.
        only_friends: an answer that names somebody, none of us, and says nothing else.
        bystanders_count, quotes_count: what the policy switched on for this platform.
    """

    kind: Kind
    surface: str | None
    own: bool
    thread_control: bool
    answers: bool
    answers_us: bool
    comments_on_post: bool
    named: bool
    first_in_prefix: bool
    later_in_prefix: bool
    in_our_thread: bool
    followed: bool
    followed_hashtag: bool
    quotes: bool
    quotes_us: bool
    wordless: bool
    only_friends: bool
    bystanders_count: bool
    quotes_count: bool

    @property
    def bystander(self) -> bool:
        """It stands below us, and is for somebody else."""
        return self.later_in_prefix or self.in_our_thread


def case_of(facts: Facts, policy: Policy, accounts: Accounts) -> Case:
    """The event as the rules see it."""
    platform, surface = facts.platform, facts.surface
    parent, quoted = facts.in_reply_to, facts.quotes
    answers_us = (
        parent is not None and parent.author is not None and accounts.ours(platform, parent.author)
    )
    place = _place(facts.reply_prefix, platform, accounts) if facts.reply_prefix else None
    named = (facts.reported == "mention" and place is None) or (
        bool(facts.mentions) and _place(facts.mentions, platform, accounts) is not None
    )
    comment = surface in COMMENTS
    return Case(
        kind=facts.kind,
        surface=surface,
        own=facts.own,
        thread_control=facts.signal in THREAD_CONTROL,
        answers=parent is not None,
        answers_us=answers_us,
        comments_on_post=comment and facts.conversation == facts.native,
        named=named,
        first_in_prefix=place == 0,
        later_in_prefix=bool(place),
        in_our_thread=not answers_us and accounts.ours(platform, facts.root_author),
        followed=policy.follows(
            platform, facts.account, facts.conversation, parent.id if parent else None
        ),
        followed_hashtag=not policy.hashtags.isdisjoint(map(str.casefold, facts.hashtags)),
        quotes=quoted is not None,
        quotes_us=facts.reported == "quote"
        if quoted is None
        else accounts.ours(platform, quoted.author),
        wordless=(comment or surface == "story_reply")
        and not facts.media
        and not has_words(facts.text),
        only_friends=surface in ANSWERS
        and bool(facts.mentions)
        and not named
        and not facts.media
        and not has_own_words(facts.text, facts.mentions),
        bystanders_count=platform in policy.switches.bystander,
        quotes_count=platform in policy.switches.quote_of_ours,
    )


def _place(people: tuple[Mention, ...], platform: str, accounts: Accounts) -> int | None:
    """Where we stand among them, counted from 0."""
    for place, one in enumerate(people):
        if accounts.ours(platform, one.id, one.handle):
            return place
    return None


class Rule(NamedTuple):
    """One row: what it says, when, and with which lane it goes to the desk."""

    outcome: Outcome
    reason: Reason
    when: Callable[[Case], bool]
    lane: Lane | None = None
    emergency_wins: bool = False


TABLE: Final[tuple[Rule, ...]] = (
    Rule("context", "deletion", lambda c: c.kind == "deleted"),
    Rule("context", "thread_control", lambda c: c.thread_control),
    Rule("dropped", "signal", lambda c: c.kind == "signal"),
    Rule("context", "own_reply", lambda c: c.own and (c.surface == "dm" or (c.answers and not c.answers_us))),
    Rule("dropped", "own_post", lambda c: c.own),
    Rule("dropped", "repost", lambda c: c.surface == "repost"),
    Rule("dropped", "no_words", lambda c: c.wordless and not c.followed, emergency_wins=True),
    Rule("dropped", "tags_friends", lambda c: c.only_friends and not c.followed, emergency_wins=True),
    Rule("addressed", "story_reply", lambda c: c.surface == "story_reply", "dm"),
    Rule("addressed", "story_mention", lambda c: c.surface == "story_mention", "dm"),
    Rule("addressed", "private_message", lambda c: c.surface == "dm", "dm"),
    Rule("addressed", "reply_to_us", lambda c: (c.answers_us and not c.comments_on_post) or c.first_in_prefix, "mention"),
    Rule("addressed", "comment", lambda c: c.surface in COMMENTS, "comment"),
    Rule("addressed", "visitor_post", lambda c: c.surface == "visitor_post", "comment"),
    Rule("addressed", "mention", lambda c: c.named, "mention"),
    Rule("addressed", "followed_conversation", lambda c: c.followed, "thread"),
    Rule("addressed", "bystander", lambda c: c.bystander and c.bystanders_count, "thread"),
    Rule("dropped", "bystander", lambda c: c.bystander, emergency_wins=True),
    Rule("addressed", "quote_of_ours", lambda c: c.quotes_us and c.quotes_count, "mention"),
    Rule("dropped", "quote_of_ours", lambda c: c.quotes_us, emergency_wins=True),
    Rule("dropped", "quote_other", lambda c: c.quotes, emergency_wins=True),
    Rule("dropped", "hashtag_only", lambda c: c.followed_hashtag),
    Rule("dropped", "not_addressed", lambda _: True),
)  # fmt: skip

_ROWS: Final = tuple((rule, Verdict(rule.outcome, rule.reason, rule.lane)) for rule in TABLE)


@lru_cache(maxsize=4096)
def _first(case: Case) -> tuple[Rule, Verdict]:
    return next(pair for pair in _ROWS if pair[0].when(case))


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
    return explain(facts, door, policy, accounts, named=False).verdict


def explain(
    facts: Facts, door: Door, policy: Policy, accounts: Accounts, *, named: bool = True
) -> Explanation:
    """The same verdict, with what led to it; `named`: of danger, too, which costs more to tell."""
    row, verdict = _first(case_of(facts, policy, accounts))
    addressed = verdict.outcome == "addressed"
    danger = None
    if door == "own" and (addressed or row.emergency_wins):
        danger = look(facts.text, policy.danger, named=named)
        if danger.found:
            reason: Reason = verdict.reason if addressed else "emergency"
            return Explanation(Verdict("addressed", reason, "emergency"), row, danger)
    if addressed and _blocked(facts, policy):
        verdict = _BLOCKED
    elif addressed and verdict.reason in policy.lanes:
        verdict = Verdict("addressed", verdict.reason, policy.lanes[verdict.reason])
    if facts.kind == "edited" and verdict.outcome != "addressed" and door == "own":
        verdict = _EDIT
    return Explanation(verdict, row, danger)


_SORT: Final = attrgetter(
    "kind", "platform", "surface", "own", "signal", "reported", "hashtags",
    "reply_prefix", "in_reply_to", "quotes",
)  # fmt: skip
_SORTS: Final = 10_000


class Verdicts:
    """The verdicts at one door, each as `judge` gives it.

    A post to nobody is judged once per sort: where it names none of us, answers and quotes nobody,
    nothing else of it is asked by the rules than what `_SORT` takes, the conversation and who began
    it. (Of comments and answers the rules also ask for the words; of posts they do not.)
    """

    def __init__(self, door: Door, policy: Policy, accounts: Accounts) -> None:
        self._door: Door = door
        self._policy = policy
        self._accounts = accounts
        self._known: dict[object, Verdict] = {}

    def of(self, facts: Facts) -> Verdict:
        """The verdict on one event that came through this door."""
        known = self._known.get(_SORT(facts))
        if known is not None and self._to_nobody(facts):
            return known
        found = explain(facts, self._door, self._policy, self._accounts, named=False)
        by_sort = found.danger is None and found.row.outcome != "addressed"
        if by_sort and _stands_alone(facts) and self._to_nobody(facts):
            if len(self._known) >= _SORTS:
                self._known.clear()
            self._known[_SORT(facts)] = found.verdict
        return found.verdict

    def _to_nobody(self, facts: Facts) -> bool:
        if (facts.platform, facts.root_author) in self._accounts.ids:
            return False
        if facts.mentions and _place(facts.mentions, facts.platform, self._accounts) is not None:
            return False
        return not self._policy.follows(facts.platform, facts.account, facts.conversation, None)


def _stands_alone(facts: Facts) -> bool:
    return facts.surface == "post" and not (facts.reply_prefix or facts.in_reply_to or facts.quotes)


def _blocked(facts: Facts, policy: Policy) -> bool:
    return facts.author is not None and policy.blocked(
        facts.platform, facts.author.id, facts.occurred_at
    )
