"""The policy file: what it says takes effect, what it cannot say is refused with a sentence."""

import pytest

from services.router.policy import PolicyError, code_version, read_policy, shipped_policy


def test_the_shipped_policy_is_valid() -> None:
    policy = read_policy(shipped_policy())

    assert "politie247" in policy.hashtags
    assert policy.sounds_like_danger("Help, er wordt ingebroken!")
    assert not policy.sounds_like_danger("mooie aflevering van #politie247")


BLOCK = '[[block]]\nplatform="x"\nid="1"\nreason="r"\nuntil=2026-12-01T00:00:00Z\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('followed_hashtags = ["two words"]', "'two words' must be one word"),
        ('followed_hashtags = ["#"]', "'#' must be one word"),
        ('followed_conversations = [" "]', "must name its platform"),
        ('followed_conversations = ["x:"]', "must name its platform"),
        ('followed_conversations = ["icq:1"]', "platform 'icq'"),
        ("[emergency]", "`emergency` holds no phrases"),
        ('[lanes]\ncomments = "dm"', "'comments', whose lane cannot be chosen"),
        ('[lanes]\ncomment = "emergency"', "lane 'emergency'; the lanes are dm, mention"),
        ('[switches]\nbystander = ["twitter"]', "platform 'twitter'; known are x,"),
        ('[switches]\nbystanders = ["x"]', "`switches`: it cannot hold `bystanders`"),
        (
            '[[organisation]]\nplatform="x"\nid="1"\ntag="suspect"',
            "number 1, `tag`: choose from press, partner, not 'suspect'",
        ),
        ('[[organisation]]\nplatform="x"\nid=" "\ntag="press"', "not its handle"),
        ('[[organisation]]\nplatform="myspace"\nid="1"\ntag="press"', "platform 'myspace'"),
        ('[[organisation]]\nplatform="x"\nid="1"\ntag="press"\n' * 2, "stands there twice"),
        (BLOCK * 2, "stands there twice"),
        (BLOCK.replace('"x"', '"icq"'), "platform 'icq'"),
        (BLOCK.replace('"1"', '"@jan"'), "not its handle"),
        ("block = 3", "block"),
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


def test_a_policy_that_says_nothing_of_danger_has_the_shipped_phrases() -> None:
    assert read_policy("").sounds_like_danger("er wordt hier ingebroken")


def test_the_rules_version_tells_policies_and_code_apart() -> None:
    first, second = read_policy("").rules, read_policy("# the same, written otherwise").rules

    assert first.partition("+")[0] == second.partition("+")[0]
    assert code_version()[:8] in first
    assert first != second


def test_a_conversation_is_followed_by_where_it_began() -> None:
    policy = read_policy('followed_conversations = ["x:10", "facebook:1_9", "mastodon:55"]')

    assert policy.follows("x", "me", "10", None)
    assert not policy.follows("bluesky", "me", "10", None)
    assert policy.follows("facebook", "me", "1_9_top", "facebook:me:post:1_9")
    assert not policy.follows("facebook", "other", "1_9_top", "facebook:me:post:1_9")
    assert policy.follows("mastodon", "me", "somebody", "mastodon:me:status:55")
    assert not policy.follows("mastodon", "me", "55", None), "there 55 names a person"


def test_every_mistake_gets_a_sentence_of_its_own() -> None:
    text = (
        "followed = []\nfollowed_hashtags = 3\n" + BLOCK.replace('"r"', "7") + '[[block]]\nid="2"'
    )

    with pytest.raises(PolicyError, match="and 3 more mistakes") as caught:
        read_policy(text)

    assert "followed_hashtags, followed_conversations" in caught.value.mistakes[0]
    assert caught.value.mistakes[1:] == [
        "`followed_hashtags`: expected a list in [ ], got a number",
        "[[block]] number 1, `reason`: expected a text in quotes, got a number",
        "[[block]] number 2: it lacks `platform`",
    ]


def test_every_wrong_phrase_gets_a_sentence_of_its_own() -> None:
    text = 'emergency_phrases = ["a ...", "rode ballon", "in{x"]'
    text += '\n[[emergency.group]]\nname = "g"\nphrases = ["met {mes}", "met een mes", "... mes"]'

    with pytest.raises(PolicyError) as caught:
        read_policy(text)

    told = [
        next(w for w in ("a ...", "in{x", "met {mes}", "... mes") if f"`{w}`" in said)
        for said in caught.value.mistakes
    ]
    assert told == ["met {mes}", "... mes", "a ...", "in{x"]


def test_an_organisation_has_its_tag_and_nobody_else() -> None:
    policy = read_policy('[[organisation]]\nplatform="x"\nid="7"\ntag="press"')

    assert policy.tag("x", "7") == "press"
    assert policy.tag("mastodon", "7") is None
    assert policy.tag("x", "8") is None
