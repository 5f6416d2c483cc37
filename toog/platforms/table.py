"""The table of platforms: a new one is its folder and one line here.

The modules are imported when they are first asked for: ingest never loads what sends, the
responder never loads what parses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, cast

from toog.platforms.base import Incoming, Outgoing, Permalinks
from toog.platforms.text.length import weighted


@dataclass(frozen=True)
class Platform:
    """One platform: its folder's modules, and how long a reply may be, as `length` counts it.

    `webhook` is the kind of source that opens `/webhooks/<platform>` for an account: the platform's
    `incoming` then offers what `base.Webhooks` says. `whole_network`: one of its sources tells what
    happens on all of the network (`Heard.if_seen`).
    """

    folder: str
    reply_length: int
    webhook: str | None = None
    whole_network: bool = False
    length: Callable[[str], int] = len

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

    @cached_property
    def permalink(self) -> Permalinks:
        """Knows the platform's links to messages."""
        return cast("Permalinks", import_module(f"{self.folder}.permalink"))


PLATFORMS: Final[Mapping[str, Platform]] = MappingProxyType(
    {
        "x": Platform(
            "toog.platforms.x", reply_length=280, webhook="activity_webhook", length=weighted
        ),
        "facebook": Platform("toog.platforms.facebook", reply_length=2000, webhook="webhook"),
        "instagram": Platform("toog.platforms.instagram", reply_length=300, webhook="webhook"),
        "mastodon": Platform("toog.platforms.mastodon", reply_length=500),
        "bluesky": Platform("toog.platforms.bluesky", reply_length=300, whole_network=True),
    }
)
