"""What Toog's night never sets, but every client expects to stand there."""

from collections.abc import Mapping
from typing import Final

BORN: Final = "2026-08-01T00:00:00.000Z"

NEVER_SET: Final[Mapping[str, dict[str, object]]] = {
    "person": {
        "locked": False,
        "bot": False,
        "discoverable": None,
        "indexable": False,
        "group": False,
        "created_at": BORN,
        "note": "",
        "avatar": "",
        "avatar_static": "",
        "header": "",
        "header_static": "",
        "followers_count": 0,
        "following_count": 0,
        "statuses_count": 0,
        "last_status_at": None,
        "emojis": [],
        "roles": [],
        "fields": [],
    },
    "status": {
        "sensitive": False,
        "replies_count": 0,
        "reblogs_count": 0,
        "favourites_count": 0,
        "quotes_count": 0,
        "favourited": False,
        "reblogged": False,
        "muted": False,
        "bookmarked": False,
        "pinned": False,
        "filtered": [],
        "reblog": None,
        "application": None,
        "media_attachments": [],
        "emojis": [],
        "card": None,
        "poll": None,
    },
}
