"""The invented force's accounts and their random credentials, written for one run."""

import secrets
from pathlib import Path
from typing import Final

IDS: Final = {
    "x": "1111111111111111111",
    "facebook": "1029384756102938",
    "instagram": "17841400000000000",
    "mastodon": "110000000000000001",
    "bluesky": "did:plc:stadpoldem2demo2demo2dem",
}
"""Our account on each platform of the demo."""

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
platform = "facebook"
id = "{facebook}"
handle = "stadpoldem"
former_handles = []
base_url = "{platforms}/facebook"
[[account.source]]
kind = "webhook"

[[account]]
platform = "instagram"
id = "{instagram}"
handle = "stadpoldem"
former_handles = []
base_url = "{platforms}/instagram"
[[account.source]]
kind = "webhook"

[[account]]
platform = "mastodon"
id = "{mastodon}"
handle = "stadpoldem"
former_handles = []
base_url = "{platforms}/mastodon"
[[account.source]]
kind = "user_stream"

[[account]]
platform = "bluesky"
id = "{bluesky}"
handle = "stadpoldem.test"
former_handles = []
base_url = "{platforms}/bluesky"
[[account.source]]
kind = "notifications"
[[account.source]]
kind = "jetstream"
hashtags = ["politie247"]
[[account.source]]
kind = "chat"
"""

_CREDENTIALS: Final = {
    "x": ("consumer_secret", "bearer", "user_token"),
    "facebook": ("app_secret", "verify_token", "page_token"),
    "instagram": ("app_secret", "verify_token", "token"),
    "mastodon": ("token",),
    "bluesky": ("app_password",),
}
_BLUESKY_NAME: Final = "stadpoldem.test"


def write_accounts(path: Path, platforms: str) -> None:
    """Write accounts.toml; `platforms` is the sandbox, each platform under its name."""
    path.write_text(ACCOUNTS.format(**IDS, platforms=platforms), encoding="utf-8")


def write_secrets(path: Path) -> None:
    """Write secrets.toml with new random credentials, readable by us alone."""
    write_private(path, "\n".join(_table(platform) for platform in IDS))


def _table(platform: str) -> str:
    lines = [f'["{platform}:{IDS[platform]}"]']
    if platform == "bluesky":  # one signs in with a name, and it is no secret
        lines.append(f'identifier = "{_BLUESKY_NAME}"')
    lines += [f'{name} = "{secrets.token_urlsafe(24)}"' for name in _CREDENTIALS[platform]]
    return "\n".join(lines) + "\n"


def write_private(path: Path, text: str) -> None:
    """Write a new file that only we can read, from its first byte on."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text, encoding="utf-8")
