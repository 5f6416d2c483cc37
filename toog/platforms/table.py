"""The table of platforms: a new one is its folder and one line here.

The modules are imported when they are first asked for: ingest never loads what sends, the
responder never loads what parses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, cast

from toog.platforms.base import Incoming, Outgoing


@dataclass(frozen=True)
class Platform:
    """One platform: its folder's modules, and how long a reply may be (in code points)."""

    folder: str
    reply_length: int

    @cached_property
    def incoming(self) -> Incoming:
        """Verifies and parses what the platform tells us."""
        return cast("Incoming", import_module(f"{self.folder}.incoming"))

    @cached_property
    def sources(self) -> Any:
        """Says what to ask the platform next: the ways in that we open ourselves."""
        return import_module(f"{self.folder}.sources")

    @cached_property
    def outgoing(self) -> Outgoing:
        """Builds the request that sends a reply, and reads its answer."""
        return cast("Outgoing", import_module(f"{self.folder}.outgoing"))


PLATFORMS: Final[Mapping[str, Platform]] = MappingProxyType(
    {
        "x": Platform("toog.platforms.x", reply_length=280),
        "facebook": Platform("toog.platforms.facebook", reply_length=2000),
        "instagram": Platform("toog.platforms.instagram", reply_length=300),
        "mastodon": Platform("toog.platforms.mastodon", reply_length=500),
        "bluesky": Platform("toog.platforms.bluesky", reply_length=300),
    }
)
