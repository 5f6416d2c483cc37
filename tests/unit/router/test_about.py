"""What is said beside the verdict: on what is addressed, and the mood of a sample of the rest."""

from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import pytest
from aiokafka.structs import ConsumerRecord
from prometheus_client import CollectorRegistry
from support.pages import lines_of

from services.router.about import about, get_ready, mood
from services.router.handlers import Judge
from services.router.language import _model
from services.router.policy import read_policy
from services.router.rules import Facts, judge
from services.router.telemetry import RouterMetrics
from toog.contracts import events
from toog.contracts.events import Author, Event, Mention
from toog.contracts.topics import DESK, DROPPED, EVENTS
from toog.contracts.verdicts import About
from toog.kit.stream.produce import Outgoing
from toog.platforms.accounts import Account, Accounts

NOW = datetime(2026, 11, 22, 20, 41, tzinfo=UTC)
US = Accounts([Account("x", "1", "StadPolDem", "http://127.0.0.1:1")])
POLICY = read_policy('[[organisation]]\nplatform = "x"\nid = "7"\ntag = "press"')


def event(**given: Any) -> Event:
    base: dict[str, Any] = {
        "id": "x:1:post:2",
        "kind": "created",
        "platform": "x",
        "account": "1",
        "occurred_at": NOW,
        "received_at": NOW,
        "source": "test",
        "surface": "post",
        "author": Author("7", "krant"),
        "text": "@StadPolDem wanneer is de brug weer open?",
        "mentions": (Mention("StadPolDem", "1"),),
    }
    return Event(**{**base, **given})


async def sent(*given: Event) -> list[Outgoing]:
    out: list[Outgoing] = []

    async def send(records: Any) -> None:
        out.extend(records)

    handle = Judge(
        EVENTS,
        "own",
        policy=POLICY,
        accounts=US,
        send=send,
        metrics=RouterMetrics(CollectorRegistry()),
    )
    records = [
        ConsumerRecord(
            EVENTS.name, 0, n, 1_700_000_000_000, 0, b"k", events.encode(e), None, 1, 1, ()
        )
        for n, e in enumerate(given)
    ]
    assert list(await handle(records)) == []
    return out


async def test_an_addressed_message_says_its_kind_language_mood_and_organisation() -> None:
    (record,) = await sent(event())
    headers = dict(record.headers)

    assert record.topic is DESK
    assert headers["ce_kind"] == b"question"
    assert headers["ce_language"] == b"nl"
    assert headers["ce_tag"] == b"press"
    assert -1 <= float(headers["ce_sentiment"]) <= 1


async def test_context_says_nothing_of_it() -> None:
    (record,) = await sent(event(kind="deleted", of="x:1:post:1"))

    assert dict(record.headers)["ce_outcome"] == b"context"
    assert not {"ce_kind", "ce_language", "ce_sentiment", "ce_tag"} & set(dict(record.headers))


async def test_the_mood_stands_on_every_tenth_line_of_the_ledger_by_its_id() -> None:
    given = [event(id=f"x:1:post:{n}", text="prachtig! ❤️", mentions=()) for n in range(300)]
    pages = await sent(*given)

    assert {record.topic for record in pages} == {DROPPED}
    lines = [line for page in pages for _, line in lines_of(page.value)]
    told = {e.id for e, line in zip(given, lines, strict=True) if line.sentiment is not None}
    assert told == {e.id for e in given if crc32(e.id.encode()) % 10 == 0}
    assert 15 < len(told) < 45


def facts(**given: Any) -> Facts:
    fields = {f: getattr(event(**given), f) for f in Facts.__struct_fields__}
    return Facts(**fields)


def test_the_word_of_the_platform_goes_before_a_guess() -> None:
    assert about(facts(language="fr"), POLICY).language == "fr"
    assert about(facts(language=None), POLICY).language == "nl"


def test_a_person_has_no_tag() -> None:
    assert about(facts(author=Author("8")), POLICY).tag is None
    assert about(facts(author=None), POLICY).tag is None
    assert set(About.__struct_fields__) == {"kind", "language", "sentiment", "tag"}


@pytest.mark.parametrize(
    "given", [{"own": True, "mentions": ()}, {"kind": "signal", "signal": "like", "text": ""}]
)
def test_what_no_citizen_said_has_no_mood(given: dict[str, Any]) -> None:
    for n in range(50):
        one = facts(id=f"x:1:post:{n}", **given)
        assert mood(one, judge(one, "own", POLICY, US)) is None


def test_no_message_waits_for_the_language_model() -> None:
    _model.cache_clear()
    get_ready(POLICY)

    assert _model.cache_info().currsize == 1
