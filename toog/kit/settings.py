"""Settings by environment: `TOOG_…`, secrets also `TOOG_…_FILE`, one registry for all programs.

A name that no program knows refuses the start: a typo in a variable must not pass as a default.
"""

import fnmatch
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from toog.kit.errors import StartError

REGISTRY: Final[dict[str, str]] = {
    "TOOG_ACCOUNTS": "path of accounts.toml: our own accounts and their sources",
    "TOOG_DEPENDENCY_WAIT_S": "seconds that a starting program waits for Kafka or PostgreSQL",
    "TOOG_INGEST_PENDING": "events that may wait for Kafka before webhooks are answered 503",
    "TOOG_INSTANCE": "the slot of this process, stable over restarts (static group membership)",
    "TOOG_INTERNAL_BIND": "host:port of probes, metrics and operator calls",
    "TOOG_KAFKA": "bootstrap servers, comma-separated",
    "TOOG_KAFKA_CA": "path of the certificate authority that signed the brokers' certificates",
    "TOOG_KAFKA_PASSWORD": "password for SASL",
    "TOOG_KAFKA_PREFIX": "put before every topic and group name, to share a cluster",
    "TOOG_KAFKA_REPLICATION": "replication factor of the topics that `toog topics` creates",
    "TOOG_KAFKA_SASL_MECHANISM": "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
    "TOOG_KAFKA_SECURITY": "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
    "TOOG_KAFKA_USER": "user for SASL",
    "TOOG_LEASE_S": "seconds that a claim lasts without a sign of life",
    "TOOG_LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR",
    "TOOG_POLICY": "path of policy.toml; without it the shipped policy holds",
    "TOOG_POSTGRES": "DSN of the database, with its password",
    "TOOG_POSTGRES_CA": "path of the certificate authority that signed the database's certificate",
    "TOOG_POSTGRES_TLS": "disable, require or verify-full",
    "TOOG_PUBLIC_BIND": "host:port of what the outside may reach",
    "TOOG_SANDBOX_BIND": "host:port of the sandbox",
    "TOOG_SANDBOX_RATE": "mean events per second of the played night",
    "TOOG_SANDBOX_SECONDS": "length of the played night; 0 repeats until stopped",
    "TOOG_SANDBOX_SEED": "which night is played",
    "TOOG_SANDBOX_WEBHOOKS": "where played platforms deliver: the base of /webhooks/<platform>",
    "TOOG_SECRETS": "platform credentials per account, as TOML",
}
"""Every variable that any program reads, with a sentence. A test holds the classes against it."""

SECRET_NAMES: Final = frozenset({"TOOG_KAFKA_PASSWORD", "TOOG_POSTGRES", "TOOG_SECRETS"})

_INJECTED_BY_KUBERNETES: Final = ("TOOG_*_SERVICE_*", "TOOG_*_PORT*")


def _bind(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError("must look like 127.0.0.1:8080")
    return value


Bind = Annotated[str, AfterValidator(_bind)]


class Settings(BaseModel):
    """What every program reads. A subclass adds its own; a field `x` is read from `TOOG_X`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance: str = Field(default_factory=socket.gethostname)
    internal_bind: Bind = "127.0.0.1:9100"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    dependency_wait_s: float = Field(default=120.0, ge=0)


class KafkaSettings(Settings):
    """How the brokers are reached."""

    kafka: str = "127.0.0.1:9092"
    kafka_prefix: str = ""
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_user: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca: Path | None = None
    kafka_replication: int = Field(default=1, ge=1)


class PostgresSettings(Settings):
    """How the database is reached."""

    postgres: SecretStr
    postgres_tls: Literal["disable", "require", "verify-full"] = "disable"
    postgres_ca: Path | None = None


S = TypeVar("S", bound=Settings)


def load(cls: type[S], environment: Mapping[str, str] | None = None) -> S:
    """The settings of a program out of the environment.

    Raises StartError with one sentence where a name is unknown, a value is wrong, or a secret is
    given twice or its file cannot be read. A value is never quoted: it may be a secret.
    """
    environment = os.environ if environment is None else environment
    refuse_unknown(environment)
    values = {
        field: value
        for field in cls.model_fields
        if (value := _value(environment, f"TOOG_{field.upper()}")) is not None
    }
    try:
        return cls(**values)  # type: ignore[arg-type]  # pydantic turns the texts into the types
    except ValidationError as error:
        first = error.errors()[0]
        name = "TOOG_" + str(first["loc"][0]).upper() if first["loc"] else "the settings"
        sentence = REGISTRY.get(name, "")
        raise StartError(f"{name} ({sentence}): {first['msg']}") from None


def refuse_unknown(environment: Mapping[str, str]) -> None:
    """Raises StartError for a `TOOG_` variable that no program knows."""
    for name in environment:
        known = name in REGISTRY or (
            name.endswith("_FILE") and name.removesuffix("_FILE") in SECRET_NAMES
        )
        injected = any(fnmatch.fnmatchcase(name, pattern) for pattern in _INJECTED_BY_KUBERNETES)
        if name.startswith("TOOG_") and not known and not injected:
            raise StartError(
                f"{name} is no setting of Toog: correct the name or remove it "
                "(docs/operations.md lists them all)"
            )


def _value(environment: Mapping[str, str], name: str) -> str | None:
    plain = environment.get(name)
    path = environment.get(f"{name}_FILE") if name in SECRET_NAMES else None
    if path is None:
        return plain
    if plain is not None:
        raise StartError(f"{name} and {name}_FILE are both set: keep one")
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise StartError(f"{name}_FILE cannot be read: {error.strerror}") from None


def read_file(path: Path, name: str) -> str:
    """The text of a configuration file. Raises StartError with a sentence where it is unreadable."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        raise StartError(
            f"{name} names a file that cannot be read; make it readable or correct the path"
        ) from None
