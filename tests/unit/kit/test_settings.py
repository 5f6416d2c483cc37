"""Settings: one registry, secrets from files, and a sentence for every mistake."""

import importlib
from pathlib import Path

import pytest

from toog.kit import settings
from toog.kit.errors import StartError
from toog.kit.settings import REGISTRY, KafkaSettings, PostgresSettings, Settings, load


class Both(KafkaSettings, PostgresSettings):
    pass


def test_values_come_from_the_environment_and_unset_ones_keep_their_default() -> None:
    loaded = load(Both, {"TOOG_POSTGRES": "postgresql://x", "TOOG_KAFKA_REPLICATION": "3"})

    assert (loaded.kafka_replication, loaded.kafka) == (3, "127.0.0.1:9092")
    assert loaded.postgres.get_secret_value() == "postgresql://x"


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("postgresql://y\n")

    loaded = load(Both, {"TOOG_POSTGRES_FILE": str(tmp_path / "dsn")})

    assert loaded.postgres.get_secret_value() == "postgresql://y"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"TOOG_KAFAK": "x"}, "TOOG_KAFAK is no setting"),
        ({"TOOG_KAFKA_FILE": "x"}, "TOOG_KAFKA_FILE is no setting"),
        ({}, "TOOG_POSTGRES .*DSN"),
        ({"TOOG_POSTGRES": "a", "TOOG_POSTGRES_FILE": "b"}, "keep one"),
        ({"TOOG_POSTGRES_FILE": "/nowhere/at/all"}, "cannot be read"),
        ({"TOOG_POSTGRES": "a", "TOOG_KAFKA_SECURITY": "NONE"}, "TOOG_KAFKA_SECURITY"),
        ({"TOOG_POSTGRES": "a", "TOOG_INTERNAL_BIND": "8080"}, "127.0.0.1:8080"),
    ],
)
def test_a_mistake_refuses_the_start_with_a_sentence(
    environment: dict[str, str], said: str
) -> None:
    with pytest.raises(StartError, match=said):
        load(Both, environment)


def test_a_wrong_value_is_never_quoted() -> None:
    with pytest.raises(StartError) as refused:
        load(Both, {"TOOG_POSTGRES": "a", "TOOG_KAFKA_REPLICATION": "hunter2"})

    assert "hunter2" not in str(refused.value)


def test_what_kubernetes_injects_is_ignored() -> None:
    load(Settings, {"TOOG_INGEST_SERVICE_HOST": "10.0.0.1", "TOOG_INGEST_PORT_80_TCP": "x"})


@pytest.mark.parametrize(
    "module",
    [
        "services.ingest.settings",
        "services.router.settings",
        "services.responder.settings",
        "services.metrics.settings",
        "toog.sandbox.settings",
    ],
)
def test_every_field_of_a_program_stands_in_the_registry(module: str) -> None:
    found = [
        value
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, type) and issubclass(value, Settings)
    ]

    for cls in found:
        for field in cls.model_fields:
            assert f"TOOG_{field.upper()}" in REGISTRY


def test_no_setting_looks_like_what_kubernetes_injects() -> None:
    import fnmatch

    for name in REGISTRY:
        assert not any(fnmatch.fnmatch(name, p) for p in settings._INJECTED_BY_KUBERNETES), name


def test_the_documentation_lists_every_setting_with_its_sentence() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()

    for name, sentence in REGISTRY.items():
        assert f"| `{name}` | {sentence} |" in page
