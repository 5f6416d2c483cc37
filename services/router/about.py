"""What else is said of a message beside its verdict: never decides, never names a person. Pure."""

from collections.abc import Iterator, Sequence

from services.router.kind import kind_of
from services.router.language import language_of
from services.router.policy import Policy
from services.router.rules import Facts
from services.router.sentiment import sentiment
from toog.contracts.verdicts import About, Tag, Verdict

MUTE = frozenset({"signal", "own_post"})
"""Dropped reasons that tell nothing of how citizens feel."""


def about(facts: Facts, policy: Policy) -> About:
    """Of an addressed message."""
    (said,) = abouts([facts], policy)
    return said


def abouts(messages: Sequence[Facts], policy: Policy) -> Iterator[About]:
    """Of addressed messages. The platform's own word for the language goes before a guess.

    One question is asked of all, then the next: its lists stay in the processor's cache.
    """
    kinds = [kind_of(facts.text) for facts in messages]
    languages = [facts.language or language_of(facts.text) for facts in messages]
    for facts, kind, language in zip(messages, kinds, languages, strict=True):
        yield About(kind, language, sentiment(facts.text, language), _tag(facts, policy))


def _tag(facts: Facts, policy: Policy) -> Tag | None:
    author = facts.author
    return policy.tag(facts.platform, author.id) if author is not None else None


def mood(facts: Facts, verdict: Verdict) -> float | None:
    """The sentiment of a dropped message of the sample; None of what tells no mood."""
    if verdict.reason in MUTE:
        return None
    return round(sentiment(facts.text, facts.language), 2)


def get_ready(policy: Policy) -> None:
    """Reads every list and model now (0.3 s), so that no citizen's message waits for it."""
    policy.sounds_like_danger("goed")
    kind_of("goed")
    for language in (None, "nl", "fr", "en"):
        sentiment("goed", language)
    language_of("goed")
