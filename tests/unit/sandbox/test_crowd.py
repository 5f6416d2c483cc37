"""The plan of a night: seeded, noisy enough, and with something for everybody in a short one."""

import re
from collections import Counter
from itertools import pairwise

import pytest

from toog.platforms.playing import Citizen
from toog.sandbox.corpus import MAX_WEIGHT, weight
from toog.sandbox.crowd import night, size_of
from toog.sandbox.plan import Deed, Desk

US = "Stadspolitie Demo"
DESKS = {
    "x": Desk(Citizen("1111111111111111111", "StadPolDem", US), "politie247"),
    "mastodon": Desk(Citizen("109000000000000001", "stadpoldem", US), "politie247"),
    "facebook": Desk(Citizen("1029384756102938", "stadpoldem", US), "politie247"),
    "instagram": Desk(Citizen("17841400000000000", "stadpoldem", US), "politie247"),
    "bluesky": Desk(Citizen("did:plc:" + "a" * 24, "stadpoldem.test", US), "politie247"),
}
ADDRESSED = {
    "x": {"mention", "reply", "dm"},
    "mastodon": {"mention", "reply", "dm"},
    "facebook": {"reply", "visitor_post", "dm"},
    "instagram": {"reply", "story_reply", "dm"},
    "bluesky": {"mention", "reply", "dm"},
}


def plan(seed: int = 1, rate: float = 20, seconds: float = 60) -> list[Deed]:
    return list(night(seed, rate=rate, seconds=seconds, desks=DESKS))


NIGHT = plan()


def test_the_same_seed_is_the_same_night() -> None:
    assert plan(7, seconds=20) == plan(7, seconds=20)


def test_another_seed_is_another_night() -> None:
    one, other = plan(7, seconds=20), plan(8, seconds=20)

    assert [deed.text for deed in one] != [deed.text for deed in other]
    assert [deed.at for deed in one] != [deed.at for deed in other]


def test_the_rate_is_the_mean_over_the_whole_night() -> None:
    assert len(NIGHT) == 1_200
    assert size_of(20, 60, DESKS) == 1_200


def test_deeds_come_in_order_of_time_and_number_within_the_night() -> None:
    assert [deed.number for deed in NIGHT] == list(range(len(NIGHT)))
    assert all(a.at <= b.at for a, b in pairwise(NIGHT))
    assert NIGHT[0].at >= 0
    assert NIGHT[-1].at <= 60


@pytest.mark.parametrize("seed", range(3))
def test_about_95_percent_is_noise_on_x_and_some_on_bluesky(seed: int) -> None:
    deeds = plan(seed, rate=40)
    noise = Counter(deed.platform for deed in deeds if deed.kind == "noise")

    assert 0.93 <= noise.total() / len(deeds) <= 0.97
    assert set(noise) == {"x", "bluesky"}
    assert noise["x"] > 0.85 * noise.total()


def test_the_first_seconds_hold_addressed_messages_on_each_platform() -> None:
    for platform in DESKS:
        early = {d.kind for d in NIGHT if d.platform == platform and d.at < 5}

        assert early >= {*ADDRESSED[platform], "own_post"}


def test_each_platform_is_heard_at_least_three_times_in_the_first_five_seconds() -> None:
    early = Counter(d.platform for d in NIGHT if d.at < 5 and d.kind in ADDRESSED[d.platform])

    assert set(early) == set(DESKS)
    assert min(early.values()) >= 3


def test_a_citizen_has_the_id_and_handle_of_the_platform() -> None:
    shapes = {
        "x": (r"\d{19}", r"\w{1,15}"),
        "facebook": (r"\d{17}", r"\w{1,15}"),
        "instagram": (r"\d{16}", r"[a-z0-9_]{1,15}"),
        "mastodon": (r"\d{18}", r"\w{1,15}@[a-z.]+"),
        "bluesky": (r"did:plc:[a-z2-7]{24}", r"[a-z0-9][a-z0-9-]*\.test"),
    }
    for deed in NIGHT:
        if deed.citizen != DESKS[deed.platform].us:
            id_, handle = shapes[deed.platform]

            assert re.fullmatch(id_, deed.citizen.id)
            assert re.fullmatch(handle, deed.citizen.handle)


def test_we_are_named_as_the_platform_names_people() -> None:
    mentions = {d.platform: d.text for d in NIGHT if d.kind == "mention"}

    assert US in mentions["facebook"]
    assert all(f"@{DESKS[p].us.handle}" in mentions[p] for p in mentions if p != "facebook")


def test_instagram_tells_of_mended_messages_only() -> None:
    mends = [d for d in NIGHT if d.platform == "instagram" and d.kind in {"edit", "delete"}]

    assert mends
    assert {NIGHT[d.target.number].kind for d in mends if d.target} == {"dm"}


def test_a_short_night_holds_every_kind_of_act() -> None:
    kinds = {(deed.platform, deed.kind) for deed in plan(seconds=5)}

    assert {kind for _, kind in kinds} == {
        "noise",
        "mention",
        "reply",
        "bystander",
        "repost",
        "quote",
        "dm",
        "edit",
        "delete",
        "own_post",
        "own_delete",
        "visitor_post",
        "story_reply",
        "story_mention",
    }
    assert ("x", "delete") not in kinds  # X tells of our own deletions only
    assert ("mastodon", "own_delete") not in kinds


def test_a_night_of_one_platform_stays_on_it() -> None:
    only = {"mastodon": DESKS["mastodon"]}
    deeds = list(night(1, rate=5, seconds=10, desks=only))

    assert {deed.platform for deed in deeds} == {"mastodon"}


def test_a_citizen_is_the_same_person_all_night_and_nobody_shares_a_handle() -> None:
    people = {(d.platform, d.citizen.id): d.citizen for d in NIGHT}

    assert all(people[d.platform, d.citizen.id] == d.citizen for d in NIGHT)
    assert len({(p, c.handle.casefold()) for (p, _), c in people.items()}) == len(people)
    assert all(re.fullmatch(r"\w{1,15}", c.handle) for (p, c) in _on("x", people))


def _on(platform: str, people: dict[tuple[str, str], Citizen]) -> list[tuple[str, Citizen]]:
    return [(p, citizen) for (p, _), citizen in people.items() if p == platform]


def test_some_write_often_and_most_now_and_then() -> None:
    often = Counter(d.citizen.id for d in NIGHT if d.kind == "noise")
    counts = sorted(often.values(), reverse=True)

    assert counts[0] >= 10
    assert counts[len(counts) // 2] <= 5


def test_no_text_is_read_too_often() -> None:
    texts = Counter(d.text.casefold() for d in NIGHT if d.kind == "noise")

    assert texts.most_common(1)[0][1] <= 4
    assert len(texts) > 0.95 * sum(texts.values())


def test_every_text_is_filled_and_fits_x() -> None:
    for deed in NIGHT:
        assert not re.search(r"[{}]", deed.text)
        assert weight(deed.text) <= MAX_WEIGHT
        assert deed.text or deed.kind in {"repost", "delete", "own_delete"}


def test_a_target_is_an_earlier_deed_of_the_same_platform() -> None:
    for deed in NIGHT:
        if deed.target is not None:
            past = NIGHT[deed.target.number]

            assert past.number < deed.number
            assert past.platform == deed.platform
            if deed.kind in {"edit", "delete", "own_delete"}:
                assert past.citizen == deed.citizen
            if deed.kind == "edit":
                assert deed.text.startswith(past.text[:40])


def test_nothing_refers_to_what_was_taken_back() -> None:
    gone: set[int] = set()
    for deed in plan(3, rate=60):
        if deed.target is not None:
            assert deed.target.number not in gone
            if deed.kind in {"delete", "own_delete"}:
                gone.add(deed.target.number)


def test_who_answers_our_answer_is_who_asked() -> None:
    deeds = plan(4, rate=60)
    answering = [d for d in deeds if d.target is not None and d.target.our_answer]

    assert answering
    for deed in answering:
        assert deed.target is not None
        assert deed.target.otherwise is not None
        assert deeds[deed.target.number].citizen == deed.citizen
        assert deeds[deed.target.otherwise].kind == "own_post"


def test_the_room_is_loudest_after_the_start() -> None:
    before = sum(1 for d in NIGHT if d.at < 6 and d.kind == "noise")
    surge = sum(1 for d in NIGHT if 6 <= d.at < 12)

    assert surge > 4 * before
