"""What ingest reads from its environment."""

from pathlib import Path

from pydantic import Field, SecretStr

from toog.kit.settings import Bind, KafkaSettings


class Settings(KafkaSettings):
    """Accounts, the platforms' credentials as TOML, and where webhooks arrive.

    Without credentials every webhook path answers 404: a door that nobody can check stays shut.
    """

    accounts: Path
    secrets: SecretStr = SecretStr("")
    public_bind: Bind = "127.0.0.1:8080"
    ingest_pending: int = Field(default=20_000, ge=1)
