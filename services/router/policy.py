"""The policy: what the desk may change without a release. Pure: text in, values out."""

import tomllib
from datetime import UTC, datetime
from functools import cache
from importlib import resources

import msgspec

from services.router.emergency import Phrases, look
from services.router.phrases import PhraseError
from services.router.signs import EmergencyFile
from toog import __version__
from toog.contracts.ids import digest


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


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in `policy.toml`."""

    followed_hashtags: tuple[str, ...] = ()
    followed_conversations: frozenset[str] = frozenset()
    emergency_phrases: tuple[str, ...] = ()
    emergency: EmergencyFile | None = None
    switches: Switches = Switches()
    block: tuple[Block, ...] = ()


class PolicyError(ValueError):
    """`policy.toml` cannot be used; the text says what to change."""


class Policy:
    """The policy in the form in which the rules ask it."""

    def __init__(self, file: PolicyFile, text: str) -> None:
        """Without a table `emergency` the shipped `emergency.toml` holds. Raises PhraseError."""
        self.hashtags = frozenset(tag.lstrip("#").casefold() for tag in file.followed_hashtags)
        self.conversations = file.followed_conversations
        self.switches = file.switches
        shipped = "" if file.emergency is not None else shipped_emergency()
        self.rules = f"{__version__}+{digest(text + shipped)[:8]}"
        self._blocks = {(block.platform, block.id): block.until for block in file.block}
        self.danger = _phrases(file)

    def blocked(self, platform: str, author: str, at: datetime) -> bool:
        """Whether this author was blocked at that time."""
        until = self._blocks.get((platform, author))
        return until is not None and at < until

    def sounds_like_danger(self, text: str) -> bool:
        """Whether the text tells of danger that is there now."""
        return look(text, self.danger).found


def _phrases(file: PolicyFile) -> Phrases:
    phrases = _shipped_phrases() if file.emergency is None else Phrases(file.emergency)
    return phrases.beside(file.emergency_phrases) if file.emergency_phrases else phrases


@cache
def _shipped_phrases() -> Phrases:
    return Phrases(msgspec.convert(tomllib.loads(shipped_emergency()), EmergencyFile))


def read_policy(text: str) -> Policy:
    """The policy of this TOML text. Raises PolicyError with a sentence."""
    try:
        file = msgspec.convert(tomllib.loads(text), PolicyFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PolicyError(f"policy.toml: {error}") from error
    for block in file.block:
        if block.until.tzinfo is None:
            raise PolicyError(f"policy.toml: the block of {block.id} needs a time zone in `until`")
        if not block.reason.strip():
            raise PolicyError(f"policy.toml: the block of {block.id} needs a reason")
        if block.until.astimezone(UTC).year > 9000:
            raise PolicyError(f"policy.toml: the block of {block.id} needs a real end")
    try:
        return Policy(file, text)
    except PhraseError as error:
        raise PolicyError(f"policy.toml: {error}") from error


def shipped_policy() -> str:
    """The text of the policy that Toog ships."""
    return _resource("policy.toml")


def shipped_emergency() -> str:
    """The text of the emergency phrases that hold where a policy has none of its own."""
    return _resource("emergency.toml")


@cache
def _resource(name: str) -> str:
    return resources.files("services.router").joinpath(name).read_text()
