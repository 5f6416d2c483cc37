"""What the responder reads from its environment."""

from pathlib import Path

from pydantic import Field, SecretStr

from toog.kit.settings import Bind, KafkaSettings, PostgresSettings


class Settings(KafkaSettings, PostgresSettings):
    """Brokers and database, our accounts with their credentials, the API's address, the lease."""

    accounts: Path
    secrets: SecretStr = SecretStr("")
    public_bind: Bind = "127.0.0.1:8002"
    lease_s: float = Field(default=120.0, gt=0, le=86_400)
