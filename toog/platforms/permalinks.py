"""Which message a link points to, in any of the forms in which people copy links. Pure."""

from urllib.parse import SplitResult, urlsplit

from toog.platforms.base import Pointed
from toog.platforms.table import PLATFORMS

LONGEST_LINK = 2_000


def point(text: str) -> Pointed | None:
    """What this link names, or None where it is no link to a message of a platform of ours.

    Also without its scheme, and Bluesky's own `at://` addresses.
    """
    url = _url(text.strip())
    if url is None:
        return None
    found = (platform.permalink.pointed(url) for platform in PLATFORMS.values())
    return next((pointed for pointed in found if pointed is not None), None)


def _url(text: str) -> SplitResult | None:
    if "/" not in text or len(text) > LONGEST_LINK or any(c.isspace() for c in text):
        return None
    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
        if url.scheme not in {"http", "https", "at"} or not url.netloc:
            return None
        if url.scheme != "at":
            url.port  # noqa: B018 - raises where it is none
    except ValueError:
        return None
    return url
