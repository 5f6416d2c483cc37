"""Who is in the crowd: invented people, each the same all night, some of whom write often. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from random import Random
from typing import Final

from toog.platforms.playing import Citizen
from toog.sandbox.corpus import Language, Names

_HANDLE_LENGTH: Final = 15  # X: https://help.x.com/en/managing-your-account/x-username-rules
_EAGERNESS: Final = 2.2
_FIRST_ID: Final = {
    "x": 1_800_000_000_000_000_000,
    "mastodon": 113_000_000_000_000_000,
    "facebook": 24_500_000_000_000_000,
    "instagram": 1_730_000_000_000_000,
}
_STEP: Final = 7_919_000
_DID_SIGNS: Final = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True, slots=True)
class Person:
    """A citizen and the language that they write in."""

    citizen: Citizen
    language: Language


class People:
    """The citizens of one platform; `pick` favours the eager ones."""

    def __init__(self, platform: str, size: int, random: Random, names: Names) -> None:
        taken: set[str] = set()
        self._all = [_person(platform, n, random, names, taken) for n in range(size)]

    def pick(self, random: Random) -> Person:
        """Somebody: the first tenth of the crowd writes about a third of everything."""
        return self._all[int(len(self._all) * random.random() ** _EAGERNESS)]


def _person(platform: str, number: int, random: Random, names: Names, taken: set[str]) -> Person:
    first = random.choice(names.first)
    name = f"{first} {random.choice(names.last)}{random.choice(names.flourish)}"
    handle = _handle(first, random, names)
    while handle.casefold() in taken:
        handle = f"{handle[: _HANDLE_LENGTH - 4]}{random.randrange(1000, 9999)}"
    taken.add(handle.casefold())
    handle = _at_home(platform, handle, random, names)
    language: Language = random.choices(("nl", "fr", "en"), (83, 10, 7))[0]
    return Person(Citizen(id=_id(platform, number, random), handle=handle, name=name), language)


def _id(platform: str, number: int, random: Random) -> str:
    if platform == "bluesky":  # https://web.plc.directory/spec/v0.1/did-plc
        return "did:plc:" + "".join(random.choices(_DID_SIGNS, k=24))
    return str(_FIRST_ID[platform] + number * _STEP + random.randrange(_STEP))


def _at_home(platform: str, handle: str, random: Random, names: Names) -> str:
    """The handle in the platform's shape; Bluesky's are domain names in lower case."""
    if platform == "mastodon":
        return f"{handle}@{random.choice(names.server)}"
    if platform == "bluesky":
        return f"{handle.replace('_', '-').strip('-').lower()}.test"
    return handle.lower() if platform == "instagram" else handle


def _handle(first: str, random: Random, names: Names) -> str:
    word = random.choice(names.word)
    shape = random.choice(("{word}{n}", "{first}_{word}", "{word}_{first}", "{first}{n}{word}"))
    text = shape.format(word=word, first=first.lower(), n=random.randrange(1, 99))
    plain = unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode()
    return re.sub(r"\W", "", plain)[:_HANDLE_LENGTH]
