"""What the crowd says: templates with slots, read from the data files of this folder.

One file per language, `corpus/<language>.toml`: `[slots]` names lists of words, every other table
is a sort of message with its groups of templates. Everything in them is invented.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from random import Random
from typing import Final, Literal

Language = Literal["nl", "fr", "en"]
Sort = Literal[
    "noise",
    "mention",
    "dm",
    "visitor_post",
    "reply",
    "bystander",
    "quote",
    "edit",
    "own_post",
    "robot",
]

LANGUAGES: Final[tuple[Language, ...]] = ("nl", "fr", "en")
MAX_WEIGHT: Final = 280
"""Weighted length of a post on X: https://docs.x.com/fundamentals/counting-characters."""

_SLOT: Final = re.compile(r"\{(\w+)\}")
_LIGHT: Final = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))


@dataclass(frozen=True, slots=True)
class Corpus:
    """The templates of one language by sort, and the words for their slots."""

    slots: Mapping[str, tuple[str, ...]]
    templates: Mapping[str, tuple[str, ...]]

    def sentence(self, sort: Sort, random: Random, given: Mapping[str, str]) -> str:
        """A sentence of this sort; `given` names slots that the crowd fills (`us`, `tag` …).

        Each template of the sort is as likely as every other. Raises KeyError for a sort or a
        slot that the language does not have.
        """
        return self.fill(random.choice(self.templates[sort]), random, given)

    def fill(self, template: str, random: Random, given: Mapping[str, str]) -> str:
        """The template with every slot filled, also the slots inside a slot's words."""

        def word(match: re.Match[str]) -> str:
            name = match.group(1)
            return given[name] if name in given else random.choice(self.slots[name])

        text = template
        while _SLOT.search(text):
            text = _SLOT.sub(word, text)
        return text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Names:
    """What invented people are called."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    word: tuple[str, ...]
    flourish: tuple[str, ...]
    server: tuple[str, ...]


def load_corpus() -> dict[Language, Corpus]:
    """The corpora of all languages."""
    return {language: _read(language) for language in LANGUAGES}


def load_names() -> Names:
    """The parts that people's names and handles are made of."""
    return Names(**{key: tuple(words) for key, words in _toml("people").items()})


def roughen(text: str, random: Random) -> str:
    """The text as people type it: sometimes without capital or full stop, or with two marks."""
    if random.random() < 0.25 and not text.startswith(("POV", "EDIT")):
        text = text[:1].lower() + text[1:]
    if text.endswith(".") and random.random() < 0.5:
        text = text[:-1]
    elif text.endswith("!") and random.random() < 0.3:
        text += "!"
    return text.replace("?", "??", 1) if random.random() < 0.05 else text


def weight(text: str) -> int:
    """At least the weighted length that X gives a text without links: an emoji may count less."""
    return sum(1 if any(a <= ord(sign) <= b for a, b in _LIGHT) else 2 for sign in text)


def _read(language: Language) -> Corpus:
    tables = _toml(language)
    slots = {name: tuple(words) for name, words in tables.pop("slots").items()}
    templates = {
        sort: tuple(line for lines in groups.values() for line in lines)
        for sort, groups in tables.items()
    }
    return Corpus(slots, templates)


def _toml(name: str) -> dict[str, dict[str, list[str]]]:
    text = files("toog.sandbox").joinpath("corpus", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
