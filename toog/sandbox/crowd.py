"""The plan of a broadcast night: who does what, when, on which platform. Pure and seeded.

The plan knows no native ids: it says "deed 12" or "our answer to deed 12", and the player finds
out which message of the platform that is.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from random import Random
from typing import Final

from toog.platforms.playing import ActKind, Citizen
from toog.sandbox.corpus import MAX_WEIGHT, Sort, load_corpus, load_names, roughen
from toog.sandbox.corpus import weight as weight_of
from toog.sandbox.curve import moment
from toog.sandbox.habits import LATER, NOISE, OPENINGS, OTHERS, mended, referred
from toog.sandbox.people import People, Person
from toog.sandbox.plan import Cue, Deed, Desk, Memory, Target

NOISE_SHARE: Final = 0.95

_SORTS: Final[Mapping[ActKind, Sort]] = {
    "noise": "noise",
    "mention": "mention",
    "dm": "dm",
    "own_post": "own_post",
    "reply": "reply",
    "bystander": "bystander",
    "quote": "quote",
    "edit": "edit",
    "visitor_post": "visitor_post",
    "story_reply": "reply",
    "story_mention": "mention",
}
_ALONE: Final = frozenset({"noise", "mention", "dm", "visitor_post", "story_mention"})
"""What people do without referring to anything."""
_OPENING_S: Final = 4.0
_ANSWERS_TO_ANSWERS: Final = 0.5
_TRIES: Final = 5
_TEXTS_REMEMBERED: Final = 50_000
_PLAIN_TAG: Final = 0.6
_PEOPLE_PER_EVENT: Final = 0.3
_PEOPLE: Final = (60, 5_000)


def night(seed: int, *, rate: float, seconds: float, desks: Mapping[str, Desk]) -> Iterator[Deed]:
    """The deeds of one night in order of time: `rate` a second in the mean over `seconds`.

    About 95 % is hashtag noise, most of it on X; the loudness follows `curve.intensity`. Each platform in
    `desks` gets addressed messages within the first four seconds (or tenth of a short night).
    """
    writer = _Writer(Random(seed), size_of(rate, seconds, desks), desks)
    return writer.deeds(_cues(seed, rate, seconds, desks))


def size_of(rate: float, seconds: float, desks: Mapping[str, Desk]) -> int:
    """How many deeds `night` plans."""
    return max(round(rate * seconds), len(_sure(seconds, desks)))


def _cues(seed: int, rate: float, seconds: float, desks: Mapping[str, Desk]) -> Iterator[Cue]:
    """When what happens: the curve's moments, with the sure ones merged in."""
    random = Random(~seed)
    size, sure = size_of(rate, seconds, desks), deque(_sure(seconds, desks))
    free = size - len(sure)
    others = {key: part for key, part in OTHERS.items() if key[0] in desks}
    rooms = {name: part for name, part in NOISE.items() if name in desks}
    # the sure ones are no noise, so that the rest holds a little more of it
    share = min(NOISE_SHARE * size / max(free, 1), 0.99) if rooms else 0.0
    for step in range(free):
        at = moment((step + random.random()) / free) * seconds
        while sure and sure[0].at <= at:
            yield sure.popleft()
        if random.random() < share:
            yield Cue(at, random.choices(list(rooms), list(rooms.values()))[0], "noise")
        else:
            yield Cue(at, *random.choices(list(others), list(others.values()))[0])
    yield from sure


def _sure(seconds: float, desks: Mapping[str, Desk]) -> list[Cue]:
    """What happens in any case, in order of time."""
    step = min(_OPENING_S, seconds / 10) / (max(map(len, OPENINGS.values())) + 1)
    first = [Cue(i * step, p, kind) for p in sorted(desks) for i, kind in enumerate(OPENINGS[p])]
    later = [Cue(part * seconds, p, kind) for part, p, kind in LATER if p in desks]
    return sorted(first + later, key=lambda cue: cue.at)


class _Writer:
    """Puts people and words to the cues of one night."""

    def __init__(self, random: Random, size: int, desks: Mapping[str, Desk]) -> None:
        self._random, self._desks = random, desks
        self._corpus, names = load_corpus(), load_names()
        crowd = min(max(round(size * _PEOPLE_PER_EVENT), _PEOPLE[0]), _PEOPLE[1])
        self._people = {p: People(p, crowd, random, names) for p in sorted(desks)}
        self._memory = {p: Memory(referred(p), mended(p)) for p in desks}
        self._said: set[str] = set()

    def deeds(self, cues: Iterator[Cue]) -> Iterator[Deed]:
        for number, cue in enumerate(cues):
            deed = self._deed(number, cue)
            self._memory[cue.platform].keep(deed)
            yield deed

    def _deed(self, number: int, cue: Cue) -> Deed:
        """The planned act; what finds nothing to refer to yet becomes a mention."""
        person = self._somebody(cue.platform)
        if cue.kind in _ALONE:
            return self._say(number, cue, person)
        if cue.kind == "own_post":
            return self._say(number, cue, self._us(cue.platform))
        past = self._memory[cue.platform].past(cue.kind, self._random)
        if past is None:
            return self._say(number, cue._replace(kind="mention"), person)
        if cue.kind == "reply":
            return self._reply(number, cue, person, past)
        if cue.kind in {"edit", "delete"}:
            return self._say(number, cue, Person(past.citizen, past.language), past)
        if cue.kind == "own_delete":
            return self._say(number, cue, self._us(cue.platform), past)
        return self._say(number, cue, person, past)

    def _say(self, number: int, cue: Cue, who: Person, past: Deed | None = None) -> Deed:
        target = Target(past.number) if past else None
        return self._put(number, cue, who, target, mends=past.text if past else "")

    def _reply(self, number: int, cue: Cue, who: Person, past: Deed) -> Deed:
        """Half of the answers go to what we answered somebody, the others to a post of ours."""
        post = self._random.choice(list(self._memory[cue.platform].own)).number
        if past.kind == "own_post" or self._random.random() > _ANSWERS_TO_ANSWERS:
            return self._put(number, cue, who, Target(post))
        asker = Person(past.citizen, past.language)
        return self._put(number, cue, asker, Target(past.number, our_answer=True, otherwise=post))

    def _put(
        self, number: int, cue: Cue, who: Person, target: Target | None, *, mends: str = ""
    ) -> Deed:
        sort = _SORTS.get(cue.kind)
        text = self._text(sort, cue.platform, who) if sort else ""
        if cue.kind == "edit":
            text = _corrected(mends, text)
        at, platform, kind = cue
        return Deed(number, at, platform, kind, who.citizen, text, who.language, target)

    def _text(self, sort: Sort, platform: str, who: Person) -> str:
        desk = self._desks[platform]
        tag = desk.tag if self._random.random() < _PLAIN_TAG else desk.tag.capitalize()
        friend = self._somebody(platform).citizen
        given = {"us": called(platform, desk.us), "tag": f"#{tag}"}
        given["friend"] = called(platform, friend)
        for _ in range(_TRIES):
            text = self._corpus[who.language].sentence(sort, self._random, given)
            if weight_of(text) < MAX_WEIGHT and text not in self._said:
                break
        self._said.add(text)
        if len(self._said) > _TEXTS_REMEMBERED:
            self._said.clear()
        return text if sort == "own_post" else roughen(text, self._random)

    def _somebody(self, platform: str) -> Person:
        return self._people[platform].pick(self._random)

    def _us(self, platform: str) -> Person:
        return Person(self._desks[platform].us, "nl")


def called(platform: str, one: Citizen) -> str:
    """How people name somebody: by name on Facebook, which tags names, else by handle."""
    return one.name if platform == "facebook" else f"@{one.handle}"


def _corrected(text: str, correction: str) -> str:
    """The earlier text with a correction after it, cut where X would not take it whole."""
    room = MAX_WEIGHT - weight_of(correction) - 1
    while weight_of(text) > room:
        text = text[:-1]
    return f"{text} {correction}"
