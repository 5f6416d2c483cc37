"""What the router reads from its environment."""

from pathlib import Path

from toog.kit.settings import KafkaSettings


class Settings(KafkaSettings):
    """Accounts without secrets; without a policy file the shipped policy holds."""

    accounts: Path
    policy: Path | None = None
