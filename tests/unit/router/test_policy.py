"""The policy file: what it says takes effect, what it cannot say is refused with a sentence."""

import pytest

from services.router.policy import PolicyError, read_policy, shipped_policy


def test_the_shipped_policy_is_valid() -> None:
    policy = read_policy(shipped_policy())

    assert "politie247" in policy.hashtags
    assert policy.sounds_like_danger("Help, er wordt ingebroken!")
    assert not policy.sounds_like_danger("mooie aflevering van #politie247")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("followed_hashtag = []", "followed_hashtag"),
        ("followed_hashtags = 3", "followed_hashtags"),
        ("= nonsense", "policy.toml"),
        ('[[block]]\nplatform="x"\nid="1"\nreason="r"\nuntil=2026-12-01T00:00:00', "time zone"),
        ('[[block]]\nplatform="x"\nid="1"\nreason=" "\nuntil=2026-12-01T00:00:00Z', "a reason"),
        ('[[block]]\nplatform="x"\nid="1"\nreason="r"\nuntil=9999-12-01T00:00:00Z', "real end"),
    ],
)
def test_a_mistake_is_named(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        read_policy(text)


def test_without_phrases_nothing_sounds_like_danger() -> None:
    assert not read_policy("[emergency]").sounds_like_danger("er wordt ingebroken")
