"""What metrics reads from its environment."""

from toog.kit.settings import KafkaSettings, PostgresSettings


class Settings(KafkaSettings, PostgresSettings):
    """Both dependencies, and nothing of its own: what it counts is fixed by contract."""
