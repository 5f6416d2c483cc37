"""Our own accounts, as `accounts.toml` and the platform secrets tell them. Pure: text in, values out."""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

KNOWN_PLATFORMS = ("x", "facebook", "instagram", "mastodon", "bluesky")


class SourceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way in, in the words of the platform's `sources.py`; `hashtags` are room rules.

    `url`: where it is, if that is not the account's `base_url` (Bluesky's Jetstream).
    """

    kind: str
    hashtags: tuple[str, ...] = ()
    url: str | None = None


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of our own profiles. `base_url` is the platform's API, without a slash at the end."""

    platform: str
    id: str
    handle: str
    base_url: str
    former_handles: tuple[str, ...] = ()
    source: tuple[SourceConfig, ...] = ()

    @property
    def name(self) -> str:
        """`platform:id`: how secrets and sources name the account."""
        return f"{self.platform}:{self.id}"

    def source_of(self, kind: str) -> SourceConfig | None:
        """The source of this kind, or None when the account does not use it."""
        return next((source for source in self.source if source.kind == kind), None)


class Accounts:
    """All accounts of ours, looked up by id first, current and former handles second."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.all = tuple(accounts)
        self._by_id = {(a.platform, a.id): a for a in self.all}
        self.ids = frozenset(self._by_id)
        """Platform and id of each: for who asks of every event in the room."""
        self._by_handle = {
            (a.platform, handle.casefold()): a
            for a in self.all
            for handle in (a.handle, *a.former_handles)
        }

    def by_id(self, platform: str, id_: str | None) -> Account | None:
        """The account of ours with this platform id, or None."""
        return self._by_id.get((platform, id_)) if id_ is not None else None

    def by_handle(self, platform: str, handle: str | None) -> Account | None:
        """The account of ours that has, or had, this handle (any case, no @), or None."""
        return self._by_handle.get((platform, handle.casefold())) if handle else None

    def ours(self, platform: str, id_: str | None, handle: str | None = None) -> bool:
        """Whether this is one of us: by id where there is one, else by handle."""
        if id_ is not None:
            return (platform, id_) in self._by_id
        return self.by_handle(platform, handle) is not None

    def on(self, platform: str) -> tuple[Account, ...]:
        """Our accounts on this platform."""
        return tuple(a for a in self.all if a.platform == platform)


class AccountsError(ValueError):
    """`accounts.toml` or the secrets cannot be used; the text says what to change."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account: tuple[Account, ...] = ()


def read_accounts(text: str) -> Accounts:
    """The accounts of this TOML text.

    Raises AccountsError, with a sentence, where it is no TOML, names something unknown, repeats an
    account or has none.
    """
    try:
        file = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise AccountsError(f"accounts.toml: {error}") from error
    if not file.account:
        raise AccountsError("accounts.toml names no account: add at least one [[account]]")
    seen: set[str] = set()
    for account in file.account:
        if account.platform not in KNOWN_PLATFORMS:
            known = ", ".join(KNOWN_PLATFORMS)
            raise AccountsError(
                f"accounts.toml: platform {account.platform!r} is not known; known are {known}"
            )
        if account.name in seen:
            raise AccountsError(f"accounts.toml: account {account.name} stands there twice")
        seen.add(account.name)
    return Accounts(file.account)


Secrets = Mapping[str, Mapping[str, str]]
"""Per account name (`x:1111`): the credentials, in the words of the platform's folder."""


def read_secrets(text: str) -> Secrets:
    """The platform credentials of this TOML text. Raises AccountsError; never quotes a value."""
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AccountsError("the platform secrets are no valid TOML") from error
    for name, table in tables.items():
        if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
            raise AccountsError(f"the platform secrets of {name!r} must be a table of strings")
    return tables
