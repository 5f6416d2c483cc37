"""What each program of the system is started with: command line, settings, probe."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from toog.local import ports
from toog.local.processes import Program

SERVICES: Final = ("ingest", "router", "responder", "metrics")
WITH_PUBLIC: Final = frozenset({"ingest", "responder"})


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """What the sandbox's crowd does: mean events per second, seconds (0: again and again), which crowd."""

    rate: float = 20.0
    seconds: float = 0.0
    seed: int = 1


@dataclass(frozen=True)
class Binds:
    """Where everything listens, `host:port`, chosen before anything starts: they need each other's."""

    sandbox: str
    public: dict[str, str] = field(default_factory=dict)
    internal: dict[str, str] = field(default_factory=dict)


def choose_binds(asked: dict[str, int]) -> Binds:
    """A free port for each, the asked one for `sandbox`, `ingest`, `responder`."""

    def bind(name: str) -> str:
        return f"{ports.HOST}:{asked.get(name) or ports.free_port()}"

    return Binds(
        sandbox=bind("sandbox"),
        public={name: bind(name) for name in SERVICES if name in WITH_PUBLIC},
        internal={name: bind(f"{name}-internal") for name in SERVICES},
    )


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Makes the programs of one run. Each is told only the secrets that it needs."""

    run: Path
    binds: Binds
    kafka: str
    postgres_file: Path
    accounts: Path
    secrets: Path

    def job(self, verb: str) -> Program:
        """`toog topics` or `toog migrate`."""
        settings = self._kafka() if verb == "topics" else self._postgres()
        # The same as the console script `toog`, which exists only where the project is installed.
        argv = [sys.executable, "-c", "from toog.cli import app; app()", verb]
        return Program(
            name=f"toog {verb}",
            argv=argv,
            env={**_environment(), **settings},
            log=self._log(f"toog-{verb}"),
        )

    def sandbox(self, crowd: Crowd) -> Program:
        """The platforms, played."""
        settings = {
            "TOOG_SANDBOX_BIND": self.binds.sandbox,
            "TOOG_SANDBOX_WEBHOOKS": f"http://{self.binds.public['ingest']}",
            "TOOG_SANDBOX_SEED": str(crowd.seed),
            "TOOG_SANDBOX_RATE": str(crowd.rate),
            "TOOG_SANDBOX_SECONDS": str(crowd.seconds),
            **self._accounts(),
            **self._secrets(),
        }
        return self._program(
            "sandbox", "toog.sandbox", settings, f"http://{self.binds.sandbox}/livez"
        )

    def service(self, name: str) -> Program:
        """One of the four."""
        settings = {
            "ingest": {**self._kafka(), **self._accounts(), **self._secrets()},
            "router": {**self._kafka(), **self._accounts()},
            "responder": {
                **self._kafka(),
                **self._postgres(),
                **self._accounts(),
                **self._secrets(),
            },
            "metrics": {**self._kafka(), **self._postgres()},
        }[name]
        settings["TOOG_INSTANCE"] = f"{name}-1"
        settings["TOOG_INTERNAL_BIND"] = self.binds.internal[name]
        if name in self.binds.public:
            settings["TOOG_PUBLIC_BIND"] = self.binds.public[name]
        ready = f"http://{self.binds.internal[name]}/readyz"
        return self._program(name, f"services.{name}", settings, ready)

    def _program(self, name: str, module: str, settings: dict[str, str], ready: str) -> Program:
        return Program(
            name=name,
            argv=[sys.executable, "-m", module],
            env={**_environment(), **settings},
            log=self._log(name),
            ready_url=ready,
        )

    def _log(self, name: str) -> Path:
        return self.run / "logs" / f"{name}.log"

    def _kafka(self) -> dict[str, str]:
        return {"TOOG_KAFKA": self.kafka, "TOOG_KAFKA_REPLICATION": "1"}

    def _postgres(self) -> dict[str, str]:
        return {"TOOG_POSTGRES_FILE": str(self.postgres_file)}

    def _accounts(self) -> dict[str, str]:
        return {"TOOG_ACCOUNTS": str(self.accounts)}

    def _secrets(self) -> dict[str, str]:
        return {"TOOG_SECRETS_FILE": str(self.secrets)}


def _environment() -> dict[str, str]:
    """Ours without settings of Toog (a person's would lead a program elsewhere) and proxies."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TOOG_")}
    return {**ours, "NO_PROXY": ports.HOST, "no_proxy": ports.HOST, "PYTHONUNBUFFERED": "1"}
