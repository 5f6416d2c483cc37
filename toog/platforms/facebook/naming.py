"""Who is tagged, which hashtags and links stand in a text, as Facebook tells or writes them."""

import re
from collections.abc import Iterable
from typing import Final

from toog.contracts.events import Mention
from toog.platforms.facebook.fields import Fields, id_, text

_LINK: Final = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_HASHTAG: Final = re.compile(r"(?<![\w&/#])#(\w+)")


def tags_of(value: Fields) -> list[Fields]:
    """The `message_tags`: a list now, lists by offset in older shapes."""
    told = value.get("message_tags")
    if isinstance(told, dict):
        told = [tag for at in told.values() if isinstance(at, list) for tag in at]
    return [tag for tag in told if isinstance(tag, dict)] if isinstance(told, list) else []


def mentions_of(tags: Iterable[Fields]) -> tuple[Mention, ...]:
    """The people and pages tagged, by name as it stands in the text; a tagged hashtag is none."""
    found = [(text(tag, "name").removeprefix("@"), id_(tag)) for tag in tags]
    named = [Mention(name, native) for name, native in found if name and not name.startswith("#")]
    return tuple(dict.fromkeys(named))


def hashtags_of(words: str) -> tuple[str, ...]:
    """The hashtags without #, case as written; a number alone is none, nor what stands in a link."""
    plain = _LINK.sub(" ", words)
    found = [tag for tag in _HASHTAG.findall(plain) if not tag.replace("_", "").isdecimal()]
    return tuple(dict.fromkeys(found))


def links_of(words: str, shared: str = "") -> tuple[str, ...]:
    """The links in the text, and the one that was shared with it."""
    found = [link.rstrip(".,;:!?)'") for link in _LINK.findall(words)]
    return tuple(dict.fromkeys([*found, *([shared] if shared else [])]))
