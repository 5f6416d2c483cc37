"""What an operator's verbs read from the environment."""

from pathlib import Path

from toog.kit.settings import KafkaSettings, PostgresSettings


class Settings(KafkaSettings, PostgresSettings):
    """The log, the database that keeps the audit, and our accounts where a verb judges or parses."""

    accounts: Path | None = None
