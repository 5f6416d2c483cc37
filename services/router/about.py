"""What else is said of a message beside its verdict: never decides, never names a person. Pure."""

from services.router.kind import kind_of
from services.router.language import language_of
from services.router.policy import Policy
from services.router.rules import Facts
from services.router.sentiment import sentiment
from toog.contracts.verdicts import About, Verdict

MUTE = frozenset({"signal", "own_post"})
"""Dropped reasons that tell nothing of how citizens feel."""


def about(facts: Facts, policy: Policy) -> About:
    """Of an addressed message. The platform's own word for the language goes before a guess."""
    language = facts.language or language_of(facts.text)
    author = facts.author
    return About(
        kind=kind_of(facts.text),
        language=language,
        sentiment=sentiment(facts.text, language),
        tag=policy.tag(facts.platform, author.id) if author is not None else None,
    )


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
