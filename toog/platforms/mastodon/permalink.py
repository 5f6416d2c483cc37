"""A link to a status, on our own server or any other: the network has as many hosts as servers.

Our server has an id of its own for what came from elsewhere; the status carries its home's
addresses as `url` and `uri`, so the link itself is looked for too.
"""

import re
from typing import Final
from urllib.parse import SplitResult

from toog.platforms.base import Pointed

_ID: Final = r"([0-9A-Za-z]{6,40}|[0-9a-f-]{36})"
_FORMS: Final = tuple(
    re.compile(form.replace("ID", _ID))
    for form in (
        r"/@(?P<user>[\w.-]+)/(?:statuses/)?ID/?",  # Mastodon, GoToSocial: at home
        r"/(?:web/|deck/)?@[\w.-]+@[\w.:-]+/ID/?",  # somebody from elsewhere, seen on this server
        r"/(?:web|deck)/(?:@[\w.-]+|statuses)/ID/?",
        r"/users/(?P<user>[\w.-]+)/statuses/ID(?:/activity)?/?",
        r"/(?:notice|objects|statuses)/ID/?",  # Pleroma and Akkoma
    )
)
_DIGIT: Final = re.compile(r"\d")


def pointed(url: SplitResult) -> Pointed | None:
    """The status by its id on that server, and by what its home calls it."""
    if url.scheme == "at":
        return None
    for form in _FORMS:
        found = form.fullmatch(url.path)
        native = found.groups()[-1] if found else None
        if found is None or native is None or _DIGIT.search(native) is None:
            continue
        user = found.groupdict().get("user")
        marks = [f"{url.netloc}{url.path.rstrip('/')}"]
        if user is not None:
            marks += [
                f"{url.netloc}/@{user}/{native}",
                f"{url.netloc}/users/{user}/statuses/{native}",
            ]
        return Pointed("mastodon", (native,), tuple(dict.fromkeys(marks)), ("status",))
    return None
