"""Settings of the sandbox."""

from pathlib import Path

from pydantic import Field, SecretStr

from toog.kit.settings import Bind, Settings


class SandboxSettings(Settings):
    """What the sandbox reads from the environment.

    `sandbox_seconds` 0 plays episodes of half an hour, one after the other, until stopped.
    Webhooks go to `sandbox_webhooks` + `/webhooks/<platform>`; without it there are none.
    """

    accounts: Path
    secrets: SecretStr
    sandbox_bind: Bind = "127.0.0.1:9090"
    sandbox_webhooks: str | None = None
    sandbox_seed: int = 1
    sandbox_rate: float = Field(default=20.0, gt=0, le=2_000)
    sandbox_seconds: float = Field(default=0.0, ge=0, le=86_400)
