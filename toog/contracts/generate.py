"""Writes the JSON Schema of every type and the AsyncAPI of every topic out of the registry.

`python -m toog.contracts.generate` (or `make contracts`) refuses a change that would break a
reader: inside a major version the contract only grows; anything else is a new topic.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from toog import __version__
from toog.contracts import headers
from toog.contracts.topics import DESK, TOPICS, Topic

SCHEMAS: Final = Path(__file__).with_name("schemas")
EXAMPLES: Final = Path(__file__).with_name("examples")
ASYNCAPI: Final = Path(__file__).parents[2] / "docs" / "asyncapi.json"


def types() -> dict[str, type[msgspec.Struct]]:
    """Every type that travels, by the name of its schema (`event`, `dropped` …)."""
    return {topic.type.__name__.lower(): topic.type for topic in TOPICS}


def schema(type_: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one type."""
    made = msgspec.json.schema(type_)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0: every topic with key, partitions, retention, writers and readers."""
    components = {name: _inlined(msgspec.json.schema(type_)) for name, type_ in types().items()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Toog", "version": __version__},
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "components": {"schemas": components},
    }


def _inlined(made: dict[str, Any]) -> dict[str, Any]:
    name = made["$ref"].rpartition("/")[2]
    definitions = made["$defs"]
    return {**definitions[name], "$defs": {k: v for k, v in definitions.items() if k != name}}


def _channel(topic: Topic) -> dict[str, Any]:
    type_ = topic.type.__name__.lower()
    return {
        "address": topic.name,
        "description": topic.holds,
        "messages": {type_: _message(topic, type_)},
        "bindings": {
            "kafka": {"partitions": topic.partitions, "topicConfiguration": _retention(topic)}
        },
        "x-key": topic.key,
        "x-writers": list(topic.writers),
        "x-readers": list(topic.readers),
    }


def _message(topic: Topic, type_: str) -> dict[str, Any]:
    made: dict[str, Any] = {"payload": {"$ref": f"#/components/schemas/{type_}"}}
    if topic is DESK:
        properties, required = dict(headers.DESK), list(headers.REQUIRED)
        made["headers"] = {"type": "object", "properties": properties, "required": required}
    return made


def _retention(topic: Topic) -> dict[str, Any]:
    if topic.retention_ms is None:
        return {"cleanup.policy": ["compact"]}
    return {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms}


def breaking(old: Any, new: Any, at: str = "") -> list[str]:
    """What a reader of `old` would miss or stumble over in `new`, a line each."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return []
    found = [
        f"{at or '/'}: {key} was {old[key]}, is {new.get(key)}"
        for key in ("type", "const", "$ref")
        if key in old and old[key] != new.get(key)
    ]
    found += [f"{at}: value {v!r} is gone" for v in _missing("enum", old, new)]
    if "properties" in old:
        gone = set(old["properties"]) - set(new.get("properties", {}))
        found += [f"{at}: field {name} is gone" for name in sorted(gone)]
        found += [f"{at}: field {name} is required now" for name in _missing("required", new, old)]
    for container in ("properties", "$defs"):
        for name, part in old.get(container, {}).items():
            if name in new.get(container, {}):
                found += breaking(part, new[container][name], f"{at}/{name}")
    return found


def _missing(key: str, of: dict[str, Any], there: dict[str, Any]) -> list[Any]:
    return [value for value in of.get(key, ()) if value not in there.get(key, ())]


def text(value: Any) -> str:
    """How generated JSON is written, so that equal contracts are equal files."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Writes all files; 1 where a schema would break its readers (nothing is written then)."""
    broken: list[str] = []
    for name, type_ in types().items():
        path = SCHEMAS / f"{name}.json"
        if path.exists():
            broken += [
                f"{name}{line}" for line in breaking(json.loads(path.read_text()), schema(type_))
            ]
    if broken:
        sys.stderr.write("This breaks readers; make a new topic version instead:\n")
        sys.stderr.write("".join(f"  {line}\n" for line in broken))
        return 1
    for name, type_ in types().items():
        (SCHEMAS / f"{name}.json").write_text(text(schema(type_)))
    ASYNCAPI.write_text(text(asyncapi()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
