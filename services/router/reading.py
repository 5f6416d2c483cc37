"""One text as a book of phrases reads it: what stands there is looked up when it is first asked for. Pure."""

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import Generic, TypeVar

from services.router.clues import Could
from services.router.phrasebook import Phrasebook, Standing
from services.router.phrases import WINDOW
from services.router.places import Hit

Tag = TypeVar("Tag")


class Reading(Generic[Tag]):
    """The words of a text, and what of a book stands in its sentences."""

    def __init__(self, words: Sequence[str], book: Phrasebook[Tag], could: Could[Tag]) -> None:
        self.words, self.could, self._book = words, could, book
        self._starts: dict[Tag, list[int]] = {}

    @cached_property
    def _sentences(self) -> list[Standing]:
        return [self._book.standing(self.words, *places) for places in sentences(self.words)]

    def told(self, tag: Tag) -> bool:
        """Whether a phrase of it stands there."""
        could = self.could
        return tag in could.told or (tag in could.tags and any(True for _ in self._begins(tag)))

    def starts(self, tag: Tag) -> list[int]:
        """Where its phrases begin, in order."""
        if tag not in self.could.tags:
            return []
        if tag not in self._starts:
            self._starts[tag] = sorted(set(self._begins(tag)))
        return self._starts[tag]

    def _begins(self, tag: Tag) -> Iterator[int]:
        tried = self._book.tried(self.could, (tag,))
        for sentence in self._sentences:
            yield from self._book.starts(self.words, sentence, tried)

    def hits(self, tags: Collection[Tag]) -> Iterator[tuple[Tag, list[Hit]]]:
        """Those of the tags that stand there, sentence by sentence, and where."""
        tried = self._book.tried(self.could, tags)
        for sentence in self._sentences:
            yield from self._book.hits(self.words, sentence, tried)


def sentences(words: Sequence[str]) -> list[tuple[int, int]]:
    """From the first word of each to after its last; a long one is cut."""
    start, found = 0, list[tuple[int, int]]()
    for stop in (*[n for n, word in enumerate(words) if word == "."], len(words)):
        found += [(cut, min(cut + WINDOW, stop)) for cut in range(start, stop, WINDOW)]
        start = stop + 1
    return found
