"""What travels is what the committed schemas and examples say, seen from both sides."""

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import msgspec
import pytest

from toog.contracts import generate, headers, wire
from toog.contracts.topics import CURSORS, TOPICS, parse_record, record_of
from toog.contracts.verdicts import About, Verdict

EXAMPLES = sorted(generate.EXAMPLES.glob("*/*.json"))


@pytest.mark.parametrize("name", generate.types())
def test_the_committed_schema_is_the_one_of_the_code(name: str) -> None:
    committed = (generate.SCHEMAS / f"{name}.json").read_text()

    assert committed == generate.text(generate.schema(generate.types()[name])), "make contracts"


def test_the_committed_asyncapi_is_the_one_of_the_registry() -> None:
    assert generate.ASYNCAPI.read_text() == generate.text(generate.asyncapi()), "make contracts"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_example_is_valid_for_others_and_for_us(path: Path) -> None:
    schema = json.loads((generate.SCHEMAS / f"{path.parent.name}.json").read_text())
    example = json.loads(path.read_text())
    jsonschema.validate(example, schema, format_checker=jsonschema.FormatChecker())
    value = msgspec.json.decode(path.read_bytes(), type=generate.types()[path.parent.name])

    jsonschema.validate(json.loads(msgspec.json.encode(value)), schema)


def test_the_headers_of_the_desk_are_described_and_no_others() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    verdict = wire.verdict_headers(Verdict("addressed", "mention", "dm"), "1", "t:0:0")
    written = [
        *wire.cloud_event("id", "/router", "type", now, "00-1-2-01"),
        *verdict,
        *wire.about_headers(About("question", "nl", -0.5, "press")),
        *wire.origin_headers("revive", "els"),
    ]
    described = generate.asyncapi()["channels"]["social.desk.v1"]["messages"]["event"]["headers"]
    values = {name: value.decode() for name, value in written}

    assert values.keys() == headers.DESK.keys()
    jsonschema.validate(values, described)
    for wrong in ({"ce_kind": "rant"}, {"ce_tag": "suspect"}, {"ce_outcome": "dropped"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**values, **wrong}, described)


def test_every_type_has_an_example_and_every_schema_a_type() -> None:
    assert {path.parent.name for path in EXAMPLES} == set(generate.types())
    assert {path.stem for path in generate.SCHEMAS.glob("*.json")} == set(generate.types())


def test_an_example_that_lies_is_refused() -> None:
    schema = json.loads((generate.SCHEMAS / "page.json").read_text())
    example = json.loads((generate.EXAMPLES / "page" / "one_line.json").read_text())

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**example, "lines": [{**example["lines"][0], "reason": "?"}]}, schema)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s["properties"].pop("text"), "field text is gone"),
        (lambda s: s["properties"]["id"].update(type="integer"), "type was string"),
        (lambda s: s["required"].append("native"), "field native is required now"),
        (lambda s: s["properties"]["kind"]["enum"].remove("edited"), "value 'edited' is gone"),
    ],
)
def test_a_breaking_change_is_named(change: object, said: str) -> None:
    old = generate.schema(generate.types()["event"])
    new = json.loads(json.dumps(old))
    change(new["$defs"]["Event"])

    assert any(said in line for line in generate.breaking(old, new))


def test_growing_breaks_nobody() -> None:
    old = generate.schema(generate.types()["event"])
    new = json.loads(json.dumps(old))
    new["$defs"]["Event"]["properties"]["weather"] = {"type": "string"}

    assert generate.breaking(old, new) == []


def test_text_rolls_out_of_kafka_every_hour_and_nothing_of_the_flow_is_compacted() -> None:
    for topic in TOPICS:
        if topic is CURSORS:
            continue
        assert topic.config["cleanup.policy"] == "delete"
        if topic.text:
            assert int(topic.config["segment.ms"]) <= 3_600_000


def test_coordinates_survive_the_way_there_and_back() -> None:
    assert parse_record(record_of("a:b.social.events.v1", 3, 7)) == ("a:b.social.events.v1", 3, 7)
    with pytest.raises(ValueError, match="not enough values"):
        parse_record("social.events.v1")
