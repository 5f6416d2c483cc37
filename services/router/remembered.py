"""What was found of single words, so that common ones are looked at once. Pure."""

import re
from collections.abc import Callable
from typing import Final, Generic, TypeVar

Word = TypeVar("Word")
Known = TypeVar("Known")

KEPT: Final = 20_000
"""Words that are remembered together; then all are forgotten and the common ones soon known again."""
LONGEST_KEPT: Final = 40
"""Letters; what is longer is rarely written twice."""

LARGEST_KEPT: Final = 8
"""Words that one becomes; who writes without spaces, or in signs that stand for many letters, fills no memory."""
_SOMEBODYS: Final = re.compile(r"(?:\d\D*){4}|\d-|-\d|\w[./_]\w")
"""Could be the number of a telephone, account or car, or part of an address: never kept."""


class Remembered(dict[Word, Known], Generic[Word, Known]):
    """What `find` tells of each word that was asked, `remembered[word]`; of a bounded number and size."""

    def __init__(self, find: Callable[[Word], Known]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, word: Word) -> Known:
        known = self._find(word)
        if _worth(word) and not (isinstance(known, tuple) and len(known) > LARGEST_KEPT):
            if len(self) >= KEPT:
                self.clear()
            self[word] = known
        return known


def _worth(word: object) -> bool:
    return not isinstance(word, str) or (len(word) <= LONGEST_KEPT and not _SOMEBODYS.search(word))
