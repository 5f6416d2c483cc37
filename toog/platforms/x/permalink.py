"""A link to a post on X, by its old and new names: the last number behind `status` is the post."""

import re
from typing import Final
from urllib.parse import SplitResult

from toog.platforms.base import Pointed

_HOSTS: Final = frozenset(
    f"{sub}{name}" for name in ("x.com", "twitter.com") for sub in ("", "www.", "mobile.", "m.")
)
_POST: Final = re.compile(r"/(?:i/web|i|\w{1,20})/status(?:es)?/(\d{1,20})(?:/.*)?")


def pointed(url: SplitResult) -> Pointed | None:
    """The post, also of a link to a picture in it."""
    found = _POST.fullmatch(url.path) if (url.hostname or "") in _HOSTS else None
    return Pointed("x", (found[1],), types=("post",)) if found else None
