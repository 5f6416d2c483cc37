"""The policy: what the desk may change without a release. Pure: text in, values out."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import msgspec

from services.router.emergency import Phrases, look, wrong_phrases
from services.router.phrases import PhraseError
from services.router.policy_file import PolicyFile, hashtag, read
from services.router.signs import EmergencyFile
from toog import __version__
from toog.contracts.ids import digest, event_id
from toog.contracts.verdicts import LANES, Lane, Tag

_FIRST: Final = {
    "x": "post",
    "facebook": "post",
    "instagram": "media",
    "mastodon": "status",
    "bluesky": "post",
}
"""What a conversation begins with on each platform, in the words of event ids."""
_BY_PERSON: Final = frozenset({"mastodon"})
"""Where a conversation is named by a person; those are never followed, only what answers a status."""


class PolicyError(ValueError):
    """`policy.toml` cannot be used; `mistakes` are sentences that say what to change, one each."""

    def __init__(self, mistakes: list[str]) -> None:
        more = f" (and {len(mistakes) - 1} more mistakes)" if len(mistakes) > 1 else ""
        super().__init__(f"policy.toml: {mistakes[0]}{more}")
        self.mistakes = mistakes


class Policy:
    """The policy in the form in which the rules ask it.

    `rules` is the version that every verdict carries: of Toog, of what stands in the router's
    code, phrases and lists, and of the policy.
    """

    def __init__(self, file: PolicyFile, phrases: Phrases, text: str) -> None:
        self.hashtags = frozenset(hashtag(tag) for tag in file.followed_hashtags)
        self.switches = file.switches
        self.lanes: Mapping[str, Lane] = {
            reason: lane for reason, to in file.lanes.items() for lane in LANES if lane == to
        }
        self.rules = f"{__version__}-{code_version()[:8]}+{digest(text)[:8]}"
        self.danger = phrases
        self._followed = frozenset(
            (platform, native)
            for platform, _, native in (one.partition(":") for one in file.followed_conversations)
        )
        self._blocks = {(block.platform, block.id): block.until for block in file.block}
        self._tags: dict[tuple[str, str], Tag] = {
            (one.platform, one.id): one.tag for one in file.organisation
        }

    def follows(
        self, platform: str, account: str, conversation: str | None, parent: str | None
    ) -> bool:
        """Whether this conversation is followed, or the message with this event id began one."""
        if not self._followed:
            return False
        if (platform, conversation) in self._followed and platform not in _BY_PERSON:
            return True
        return parent is not None and any(
            parent == event_id(of, account, _FIRST[of], native)
            for of, native in self._followed
            if of == platform
        )

    def blocked(self, platform: str, author: str, at: datetime) -> bool:
        """Whether this author was blocked at that time."""
        until = self._blocks.get((platform, author))
        return until is not None and at < until

    def tag(self, platform: str, author: str) -> Tag | None:
        """What kind of organisation this account is, if the policy names it."""
        return self._tags.get((platform, author))

    def sounds_like_danger(self, text: str) -> bool:
        """Whether the text tells of danger that is there now."""
        return look(text, self.danger, named=False).found


def read_policy(text: str) -> Policy:
    """The policy of this TOML text. Raises PolicyError with a sentence per mistake."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([f"this is no TOML: {error}"]) from error
    file, mistakes = read(tables)
    try:
        phrases = _shipped_phrases() if file.emergency is None else Phrases(file.emergency)
        if file.emergency_phrases:
            phrases = phrases.beside(file.emergency_phrases)
    except PhraseError as error:
        emergency = file.emergency or _shipped_phrases().file
        every = [*mistakes, str(error), *wrong_phrases(emergency, file.emergency_phrases)]
        raise PolicyError(list(dict.fromkeys(every))) from error
    if mistakes:
        raise PolicyError(mistakes)
    return Policy(file, phrases, text)


def shipped_policy() -> str:
    """The text of the policy that Toog ships."""
    return resources.files("services.router").joinpath("policy.toml").read_text()


@cache
def code_version() -> str:
    """What tells two sets of rules apart: the hash of all that a verdict is made with."""
    names = sorted(_files(resources.files("services.router")), key=lambda file: file[0])
    return digest(b"".join(name.encode() + b"\0" + path.read_bytes() for name, path in names))


def _files(folder: Traversable, under: str = "") -> Iterator[tuple[str, Traversable]]:
    for path in folder.iterdir():
        if path.is_dir() and not path.name.startswith("__"):
            yield from _files(path, f"{under}{path.name}/")
        elif path.is_file() and path.name != "policy.toml" and not path.name.endswith(".pyc"):
            yield f"{under}{path.name}", path


@cache
def _shipped_phrases() -> Phrases:
    text = resources.files("services.router").joinpath("emergency.toml").read_text()
    return Phrases(msgspec.convert(tomllib.loads(text), EmergencyFile))
