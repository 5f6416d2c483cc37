"""Emergency, measured: lines by writers who never saw the phrases, and a whole broadcast night."""

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from services.router.policy import read_policy, shipped_policy
from toog.platforms.playing import Citizen
from toog.sandbox import crowd
from toog.sandbox.corpus import LANGUAGES
from toog.sandbox.plan import Desk

SAMPLES = Path(__file__).parents[2] / "samples" / "emergency"
POLICY = read_policy(shipped_policy())
OURS = Desk(Citizen(id="1", handle="toog", name="Toog"), "politie247")
PLATFORMS = ("x", "facebook", "instagram", "mastodon", "bluesky")
NOT_OWN_DOOR = {"noise", "own_post", "own_delete", "delete", "repost"}
DANGERS = {
    "{us} je crois qu'on cambriole chez les voisins en ce moment, {street}",
    "{us} someone is breaking in right now at the neighbours', {street}",
    "Ik zie het even niet meer zitten. Met wie kan ik praten?",
}
"""Beside the group `urgent`, the templates of the corpus that tell of danger."""


def danger_templates() -> Iterator[str]:
    for language in LANGUAGES:
        text = files("toog.sandbox").joinpath("corpus", f"{language}.toml").read_text()
        for name, sort in tomllib.loads(text).items():
            for group, lines in sort.items() if name != "slots" else ():
                yield from (line for line in lines if group == "urgent" or line in DANGERS)


def own_door(seed: int, messages: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of a night without the room's noise, which our own door does not see."""
    monkeypatch.setattr(crowd, "NOISE_SHARE", 0.0)
    deeds = crowd.night(
        seed, rate=messages / 1_000, seconds=1_000, desks=dict.fromkeys(PLATFORMS, OURS)
    )
    return [deed.text for deed in deeds if deed.kind not in NOT_OWN_DOOR and deed.text]


@pytest.mark.cpu(12)
def test_of_a_seeded_night_few_messages_are_falsely_an_emergency(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = (re.split(r"\{\w+\}", template) for template in danger_templates())
    danger = re.compile("|".join(".+".join(map(re.escape, p)) for p in parts), re.IGNORECASE)
    texts = own_door(247, 13_000, monkeypatch)
    real = [text for text in texts if danger.search(text)]
    others = [text for text in texts if not danger.search(text)]
    false = [text for text in others if POLICY.sounds_like_danger(text)]
    found = sum(map(POLICY.sounds_like_danger, real))
    print(  # noqa: T201 - the figures are to be read
        f"emergency, a night: {len(false)} false of {len(others)}, {found} found of {len(real)}"
    )

    assert len(others) >= 10_000
    assert len(false) * 10_000 <= 6 * len(others)
    assert found >= 0.9 * len(real) > 0


@pytest.mark.cpu(3)
@pytest.mark.parametrize("name", ["fresh.tsv", "heldout.tsv", "watched.tsv"])
def test_lines_that_were_never_tuned_on(name: str) -> None:
    rows = [line.split("\t") for line in (SAMPLES / name).read_text().splitlines()[1:]]
    judged = [(label == "danger", POLICY.sounds_like_danger(text)) for label, _, text in rows]
    hits = judged.count((True, True))
    recall = hits / (hits + judged.count((True, False)))
    precision = hits / (hits + judged.count((False, True)))
    print(f"emergency, {name}: recall {recall:.3f}, precision {precision:.3f}")  # noqa: T201 - the figures are to be read

    assert (recall >= 0.95, precision >= 0.7) == (True, True)


def test_a_third_of_the_least_that_is_asked_was_never_read_and_nothing_stands_there_twice() -> None:
    texts = {
        name: [line.split("\t")[2] for line in (SAMPLES / name).read_text().splitlines()[1:]]
        for name in ("ours.tsv", "fresh.tsv", "heldout.tsv", "watched.tsv")
    }
    every = [text for some in texts.values() for text in some]

    assert len(every) == len(set(every)) >= 450
    assert len(texts["fresh.tsv"]) + len(texts["heldout.tsv"]) >= 150
