"""Who is played: one account per platform, by the class that the platform's folder offers."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from toog.kit.errors import StartError
from toog.platforms.accounts import Account, Accounts, Secrets
from toog.platforms.playing import Citizen, Ledger, Played
from toog.sandbox.plan import Desk

_NO_TAG: Final = "politie247"


@dataclass(frozen=True, slots=True)
class Part:
    """A played platform: its class in `toog.platforms.<name>.sandbox`, and how it delivers.

    `webhooks`: it takes a `webhook_url`. `app_secret`: what it signs batches with, where it makes any.
    """

    name: str
    webhooks: bool = False
    app_secret: str | None = None


PARTS: Final[Mapping[str, Part]] = {
    "x": Part("XSandbox", webhooks=True),
    "facebook": Part("FacebookSandbox", webhooks=True, app_secret="app_secret"),  # noqa: S106 - its name
    "instagram": Part("InstagramSandbox", webhooks=True, app_secret="app_secret"),  # noqa: S106 - its name
    "mastodon": Part("MastodonSandbox"),
    "bluesky": Part("BlueskySandbox"),
}
"""A new platform is its folder and one line here."""


def play(
    accounts: Accounts,
    secrets: Secrets,
    *,
    webhooks: Mapping[str, str],
    ledger: Ledger,
    seed: int,
) -> dict[str, Played]:
    """The played platforms by name, one account each; `webhooks` says where each delivers.

    Raises StartError without its secrets, or where nobody wrote it yet.
    """
    played: dict[str, Played] = {}
    for account in first_accounts(accounts):
        own = secrets.get(account.name)
        if own is None:
            raise StartError(f"the secrets hold no table for {account.name}: add it")
        part = PARTS[account.platform]
        more = {"webhook_url": webhooks.get(account.platform)} if part.webhooks else {}
        try:
            one = _class(account.platform)(account, own, ledger=ledger, seed=seed, **more)
        except KeyError as missing:
            raise StartError(f"the secrets of {account.name} lack {missing}: add it") from None
        played[account.platform] = one
    return played


def desks(accounts: Accounts) -> dict[str, Desk]:
    """Our accounts as the crowd sees them; the hashtag is the first one that a source follows."""
    tags = [tag for account in accounts.all for source in account.source for tag in source.hashtags]
    tag = tags[0] if tags else _NO_TAG
    return {
        account.platform: Desk(Citizen(account.id, account.handle, "Stadspolitie Demo"), tag)
        for account in first_accounts(accounts)
    }


def first_accounts(accounts: Accounts) -> list[Account]:
    """One account per platform: the crowd speaks to one desk."""
    return [ours[0] for name in PARTS if (ours := accounts.on(name))]


def app_secrets(accounts: Accounts, secrets: Secrets) -> dict[str, str]:
    """What the platforms that deliver in batches sign with."""
    found = {
        account.platform: secrets.get(account.name, {}).get(name)
        for account in first_accounts(accounts)
        if (name := PARTS[account.platform].app_secret)
    }
    return {platform: secret for platform, secret in found.items() if secret}


def _class(platform: str) -> Any:
    """The played class, imported only where it is played: a night of one platform needs no other."""
    name = PARTS[platform].name
    try:
        return getattr(import_module(f"toog.platforms.{platform}.sandbox"), name)
    except (ModuleNotFoundError, AttributeError):
        raise StartError(
            f"{platform} cannot be played (toog.platforms.{platform}.sandbox has no {name}): "
            "take its account out of accounts.toml"
        ) from None
