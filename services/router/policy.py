"""The policy: what the desk may change without a release. Pure: text in, values out."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final, get_args

import msgspec

from services.router.emergency import EmergencyFile, Phrases, look
from services.router.phrases import PhraseError
from toog import __version__
from toog.contracts.ids import digest
from toog.contracts.verdicts import LANES, TAGS, AddressedReason, Lane, Tag
from toog.platforms.accounts import KNOWN_PLATFORMS

LANED: Final = frozenset(get_args(AddressedReason)) - {"emergency", "revived", "rejudged"}
"""Reasons whose lane the policy may change."""


_WORDS: Final = (
    ("Object missing required field", "it lacks"),
    ("Object contains unknown field", "it cannot hold"),
    ("Invalid enum value", f"choose from {', '.join(TAGS)}, not"),
    ("Expected `array`", "expected a list in [ ]"),
    ("Expected `object`", "expected a table"),
    ("Expected `str`", "expected a text in quotes"),
    ("Expected `datetime`", "expected a time such as 2026-12-31T00:00:00Z"),
    ("`int`", "a number"),
    ("`float`", "a number"),
    ("`str`", "a text"),
    ("`bool`", "true or false"),
    ("`array`", "a list"),
    ("`object`", "a table"),
    ("`datetime`", "a time"),
)


class Switches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Platforms on which a bystander's reply, or a quote of ours, counts as addressed."""

    bystander: frozenset[str] = frozenset()
    quote_of_ours: frozenset[str] = frozenset()


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An author whose messages the desk does not get until then. Criticism is no reason."""

    platform: str
    id: str
    reason: str
    until: datetime


class Organisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The account of an organisation; its messages carry the tag, and are judged like any other."""

    platform: str
    id: str
    tag: Tag


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in `policy.toml`."""

    followed_hashtags: tuple[str, ...] = ()
    followed_conversations: frozenset[str] = frozenset()
    emergency_phrases: tuple[str, ...] = ()
    emergency: EmergencyFile = EmergencyFile()
    lanes: dict[str, str] = {}
    switches: Switches = Switches()
    block: tuple[Block, ...] = ()
    organisation: tuple[Organisation, ...] = ()


class PolicyError(ValueError):
    """`policy.toml` cannot be used; `mistakes` are sentences that say what to change, one each."""

    def __init__(self, mistakes: list[str]) -> None:
        more = f" (and {len(mistakes) - 1} more mistakes)" if len(mistakes) > 1 else ""
        super().__init__(f"policy.toml: {mistakes[0]}{more}")
        self.mistakes = mistakes


class Policy:
    """The policy in the form in which the rules ask it."""

    def __init__(self, file: PolicyFile, phrases: Phrases, text: str) -> None:
        self.hashtags = frozenset(_tag(tag) for tag in file.followed_hashtags)
        self.conversations = file.followed_conversations
        self.switches = file.switches
        self.lanes: Mapping[str, Lane] = {
            reason: lane for reason, to in file.lanes.items() for lane in LANES if lane == to
        }
        self.rules = f"{__version__}+{digest(text)[:8]}"
        self._blocks = {(block.platform, block.id): block.until for block in file.block}
        self._tags: dict[tuple[str, str], Tag] = {
            (one.platform, one.id): one.tag for one in file.organisation
        }
        self.danger = phrases

    def blocked(self, platform: str, author: str, at: datetime) -> bool:
        """Whether this author was blocked at that time."""
        until = self._blocks.get((platform, author))
        return until is not None and at < until

    def tag(self, platform: str, author: str) -> Tag | None:
        """What kind of organisation this account is, if the policy names it."""
        return self._tags.get((platform, author))

    def sounds_like_danger(self, text: str) -> bool:
        """Whether the text tells of danger that is there now."""
        return look(text, self.danger).found


def read_policy(text: str) -> Policy:
    """The policy of this TOML text. Raises PolicyError with a sentence per mistake."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([f"this is no TOML: {error}"]) from error
    if mistakes := list(_misshapen(tables)):
        raise PolicyError(mistakes)
    file = msgspec.convert(tables, PolicyFile)
    mistakes = list(_senseless(file))
    try:
        phrases = Phrases(file.emergency, file.emergency_phrases)
    except PhraseError as error:
        mistakes.append(str(error))
    if mistakes:
        raise PolicyError(mistakes)
    return Policy(file, phrases, text)


def shipped_policy() -> str:
    """The text of the policy that Toog ships."""
    return resources.files("services.router").joinpath("policy.toml").read_text()


def _misshapen(tables: Mapping[str, Any]) -> Iterator[str]:
    """What has the wrong name or type: every key and every [[table]] is looked at on its own."""
    known = PolicyFile.__struct_fields__
    for key, value in tables.items():
        if key not in known:
            yield f"`{key}` is nothing that a policy can say; it can say {', '.join(known)}"
        elif key in {"block", "organisation"} and isinstance(value, list):
            for number, one in enumerate(value, start=1):
                yield from _wrong({key: [one]}, f"[[{key}]] number {number}")
        else:
            yield from _wrong({key: value}, f"`{key}`")


def _wrong(tables: Mapping[str, Any], where: str) -> Iterator[str]:
    try:
        msgspec.convert(tables, PolicyFile)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at ")
        inside = place.strip("`").replace("$.", "").replace("$", "").replace("[...]", "")
        inside = inside.partition(".")[2]
        yield f"{where}{f', `{inside}`' if inside else ''}: {_in_words(said)}"


def _in_words(said: str) -> str:
    """Msgspec's sentence in the words of somebody who writes TOML."""
    for its, ours in _WORDS:
        said = said.replace(its, ours)
    return said[:1].lower() + said[1:]


def _senseless(file: PolicyFile) -> Iterator[str]:
    """What has the right shape and cannot be meant."""
    for tag in file.followed_hashtags:
        if not _tag(tag) or any(c.isspace() for c in tag):
            yield f"the followed hashtag {tag!r} must be one word"
    for conversation in file.followed_conversations:
        if not conversation.strip():
            yield "a followed conversation has an empty id: give the platform's own"
    for reason, lane in file.lanes.items():
        yield from _wrong_lane(reason, lane)
    for name in ("bystander", "quote_of_ours"):
        for platform in sorted(getattr(file.switches, name)):
            yield from _wrong_platform(f"the switch `{name}`", platform)
    yield from _wrong_blocks(file)
    yield from _wrong_organisations(file)


def _wrong_lane(reason: str, lane: str) -> Iterator[str]:
    if reason not in LANED:
        known = ", ".join(sorted(LANED))
        yield f"`lanes` names the reason {reason!r}, whose lane cannot be chosen; choose from {known}"
    if lane not in LANES[1:]:
        yield f"`lanes` gives {reason} the lane {lane!r}; the lanes are {', '.join(LANES[1:])}"


def _wrong_blocks(file: PolicyFile) -> Iterator[str]:
    seen = set()
    for block in file.block:
        where = f"the block of {block.id or 'nobody'}"
        yield from _wrong_platform(where, block.platform)
        if not block.id.strip():
            yield "a block has an empty id: give the platform's own id of the author"
        if (block.platform, block.id) in seen:
            yield f"{where} stands there twice: keep one"
        seen.add((block.platform, block.id))
        if block.until.tzinfo is None:
            yield f"{where} needs a time zone in `until`"
        elif block.until.astimezone(UTC).year > 9000:
            yield f"{where} needs a real end"
        if not block.reason.strip():
            yield f"{where} needs a reason"


def _wrong_organisations(file: PolicyFile) -> Iterator[str]:
    seen = set()
    for one in file.organisation:
        where = f"the organisation {one.id or 'without id'}"
        yield from _wrong_platform(where, one.platform)
        if not one.id.strip():
            yield "an organisation has an empty id: give the platform's own id of its account"
        if (one.platform, one.id) in seen:
            yield f"{where} stands there twice: keep one"
        seen.add((one.platform, one.id))


def _wrong_platform(where: str, platform: str) -> Iterator[str]:
    if platform not in KNOWN_PLATFORMS:
        known = ", ".join(KNOWN_PLATFORMS)
        yield f"{where} names the platform {platform!r}; known are {known}"


def _tag(hashtag: str) -> str:
    return hashtag.lstrip("#＃").casefold()
