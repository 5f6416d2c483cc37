"""Who is played: the classes that the platforms' folders offer, one account each."""

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

from toog.kit.errors import StartError
from toog.platforms.accounts import Account, Accounts, SourceConfig, read_accounts
from toog.platforms.playing import Ledger
from toog.sandbox.app import targets_of
from toog.sandbox.cast import PARTS, app_secrets, desks, first_accounts, play
from toog.sandbox.settings import SandboxSettings

BASE = "http://127.0.0.1:1"
OURS = Accounts(
    Account(name, f"{n}", "stadpoldem", f"{BASE}/{name}", (), (SourceConfig("w", ("pol",)),))
    for n, name in enumerate(PARTS)
)
SECRETS = {account.name: {"app_secret": f"geheim {account.id}"} for account in OURS.all}


class Recorder:
    """A stand-in for whichever class is asked for: keeps how it was made."""

    def __init__(self, account: Account, secrets: Mapping[str, str], **more: Any) -> None:
        self.account, self.secrets, self.more = account, secrets, more


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    for platform, part in PARTS.items():
        name = f"toog.platforms.{platform}.sandbox"
        module = ModuleType(name)
        setattr(module, part.name, Recorder)
        monkeypatch.setitem(sys.modules, name, module)


def test_all_five_are_played_and_those_with_webhooks_know_where_to_deliver(
    stand_ins: None,
) -> None:
    ledger = Ledger()
    webhooks = {name: f"{BASE}/_deliver/{name}" for name in ("x", "facebook", "instagram")}

    played: dict[str, Any] = dict(play(OURS, SECRETS, webhooks=webhooks, ledger=ledger, seed=7))

    assert list(played) == ["x", "facebook", "instagram", "mastodon", "bluesky"]
    for name, one in played.items():
        told = {"webhook_url": webhooks[name]} if name in webhooks else {}
        assert one.more == {"ledger": ledger, "seed": 7, **told}
        assert one.secrets is SECRETS[one.account.name]


def test_a_platform_that_nobody_wrote_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "toog.platforms.facebook.sandbox", ModuleType("empty"))
    only = Accounts(OURS.on("facebook"))

    with pytest.raises(StartError, match=r"facebook cannot be played .*FacebookSandbox"):
        play(only, SECRETS, webhooks={}, ledger=Ledger(), seed=1)


def test_an_account_without_its_secrets_is_named() -> None:
    with pytest.raises(StartError, match="x:0"):
        play(OURS, {}, webhooks={}, ledger=Ledger(), seed=1)
    with pytest.raises(StartError, match=r"mastodon:3 lack 'token'"):
        play(Accounts(OURS.on("mastodon")), SECRETS, webhooks={}, ledger=Ledger(), seed=1)


def test_webhooks_go_to_the_base_and_the_platform_s_name() -> None:
    settings = SandboxSettings.model_validate(
        {"accounts": "a", "secrets": "s", "sandbox_webhooks": f"{BASE}/"}
    )

    assert targets_of(settings, ["x", "mastodon", "instagram"]) == {
        "x": f"{BASE}/webhooks/x",
        "instagram": f"{BASE}/webhooks/instagram",
    }


def test_only_meta_signs_batches() -> None:
    assert app_secrets(OURS, SECRETS) == {"facebook": "geheim 1", "instagram": "geheim 2"}


def test_the_crowd_sees_one_desk_per_platform() -> None:
    text = '[[account]]\nplatform = "x"\nid = "{0}"\nhandle = "h{0}"\nbase_url = "http://x"\n'
    two = read_accounts(text.format(1) + text.format(2))

    assert [account.id for account in first_accounts(two)] == ["1"]
    assert {name: (desk.us.handle, desk.tag) for name, desk in desks(two).items()} == {
        "x": ("h1", "politie247")
    }
    assert {desk.tag for desk in desks(OURS).values()} == {"pol"}
