"""A link to a post on Bluesky: bsky.app names it by its record key, the author by handle or DID."""

import re
from typing import Final
from urllib.parse import SplitResult, unquote

from toog.platforms.base import Pointed
from toog.platforms.bluesky.payloads import read_uri

_HOSTS: Final = frozenset({"bsky.app", "www.bsky.app", "staging.bsky.app"})
_POST: Final = re.compile(r"/profile/([^/]+)/post/([\w.~:-]{1,512})/?")


def pointed(url: SplitResult) -> Pointed | None:
    """The post by its address where the link has the DID, else by its key alone."""
    if url.scheme == "at":
        address = read_uri(f"at://{url.netloc}{url.path}")
        return _post(f"at://{'/'.join(address)}") if address else None
    found = _POST.fullmatch(unquote(url.path)) if (url.hostname or "") in _HOSTS else None
    if found is None:
        return None
    actor, key = found.groups()
    whole = f"at://{actor}/app.bsky.feed.post/{key}" if actor.startswith("did:") else key
    return _post(whole)


def _post(native: str) -> Pointed:
    return Pointed("bluesky", (native,), types=("post",))
