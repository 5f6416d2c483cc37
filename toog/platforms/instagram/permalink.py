"""A link to a post on Instagram: its shortcode is no id that the API knows.

It stands in the `permalink` of what was looked up; a link to a comment has the comment's id.
"""

import re
from typing import Final
from urllib.parse import SplitResult

from toog.platforms.base import Pointed

_HOSTS: Final = frozenset({"instagram.com", "www.instagram.com", "m.instagram.com"})
_MEDIA: Final = re.compile(
    r"(?:/[\w.]{1,30})?/(?:p|reels?|tv)/([\w-]{5,40})(?:/c/(\d{5,30})(?:/r/(\d{5,30}))?)?/?"
)


def pointed(url: SplitResult) -> Pointed | None:
    """The comment where the link goes to one (the answer to it, if it names that too), else the post."""
    found = _MEDIA.fullmatch(url.path) if (url.hostname or "") in _HOSTS else None
    if found is None:
        return None
    code, comment, answer = found.groups()
    native = answer or comment
    if native is None:
        return Pointed("instagram", marks=(code,))
    return Pointed("instagram", (native,), types=("comment",))
