"""A link to a post or comment on Facebook, in its many forms.

The API's ids are `page_post` and `post_comment`: a link has one half of them, so its end counts.
"""

import re
from typing import Final
from urllib.parse import SplitResult, parse_qs

from toog.platforms.base import Pointed

_HOSTS: Final = frozenset(
    f"{sub}facebook.com" for sub in ("", "www.", "m.", "mobile.", "web.", "nl-nl.", "touch.")
)
_IN_PATH: Final = re.compile(
    r"/(?:[^/]+/)*(?:posts|videos|reel|photos|permalink)/(?:[^/]+/)*(\d{5,30}|pfbid\w{10,80})/?"
)
_BARE: Final = re.compile(r"/(\d{5,30}(?:_\d{5,30})?)/?")
_ID: Final = re.compile(r"\d{5,30}(?:_\d{5,30})?|pfbid\w{10,80}")


def pointed(url: SplitResult) -> Pointed | None:
    """The answer to a comment, else the comment, else the post that the link names.

    A `pfbid…` is no id that the API knows; it can only stand in a `permalink_url`.
    """
    if (url.hostname or "") not in _HOSTS:
        return None
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    comment = query.get("reply_comment_id") or query.get("comment_id")
    if comment is not None and comment.isdecimal():
        return Pointed("facebook", (comment,), types=("comment",))
    named = query.get("story_fbid") or query.get("fbid") or query.get("v")
    for form in (_IN_PATH, _BARE):
        if named is None and (found := form.fullmatch(url.path)):
            named = found[1]
    if named is None or _ID.fullmatch(named) is None:
        return None
    if named.startswith("pfbid"):
        return Pointed("facebook", marks=(named,))
    return Pointed("facebook", (named,), types=("post",))
