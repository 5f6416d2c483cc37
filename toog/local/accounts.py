"""The invented force's accounts and their random credentials, written for one run."""

import secrets
from pathlib import Path
from typing import Final

X_ID: Final = "1111111111111111111"
MASTODON_ID: Final = "110000000000000001"

ACCOUNTS: Final = """\
[[account]]
platform = "x"
id = "{x}"
handle = "StadPolDem"
former_handles = []
base_url = "{platforms}/x"
[[account.source]]
kind = "activity_webhook"
[[account.source]]
kind = "stream"
hashtags = ["politie247"]

[[account]]
platform = "mastodon"
id = "{mastodon}"
handle = "stadpoldem"
former_handles = []
base_url = "{platforms}/mastodon"
[[account.source]]
kind = "user_stream"
"""

SECRETS: Final = """\
["x:{x}"]
consumer_secret = "{consumer_secret}"
bearer = "{bearer}"
user_token = "{user_token}"

["mastodon:{mastodon}"]
token = "{token}"
"""


def write_accounts(path: Path, platforms: str) -> None:
    """Write accounts.toml; `platforms` is the sandbox, each platform under its name."""
    text = ACCOUNTS.format(x=X_ID, mastodon=MASTODON_ID, platforms=platforms)
    path.write_text(text, encoding="utf-8")


def write_secrets(path: Path) -> None:
    """Write secrets.toml with new random credentials, readable by us alone."""
    names = ("consumer_secret", "bearer", "user_token", "token")
    random = {name: secrets.token_urlsafe(24) for name in names}
    write_private(path, SECRETS.format(x=X_ID, mastodon=MASTODON_ID, **random))


def write_private(path: Path, text: str) -> None:
    """Write a new file that only we can read, from its first byte on."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text, encoding="utf-8")
