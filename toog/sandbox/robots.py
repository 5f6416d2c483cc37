"""Robot agents: they use the responder's HTTP API as people at the desk would."""

import asyncio
import contextlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import httpx

from toog.sandbox.corpus import LANGUAGES, Corpus, Language, load_corpus

_IDLE_S: Final = (0.2, 0.6)
_RETRY_AFTER_MAX_S: Final = 5.0
_TRIES: Final = 6
_AGAIN: Final = frozenset({429, 503})
_TIMEOUT_S: Final = 10.0
_REFERENCE: Final = 12


@dataclass(slots=True)
class Stats:
    """What all robots did together."""

    answered: int = 0
    closed: int = 0
    conflicts: int = 0
    waited: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Manner:
    """How a robot works: thinking time in seconds, share of cases it closes without an answer.

    `pause_s` is the least time between two requests for a case: it bounds the rate per robot.
    """

    think_s: tuple[float, float] = (0.1, 0.5)
    closes: float = 0.1
    pause_s: float = 0.1
    after_error_s: tuple[float, float] = (0.5, 5.0)


async def work(
    base_url: str,
    tokens: Sequence[str],
    *,
    seed: int,
    stop: asyncio.Event,
    stats: Stats | None = None,
    manner: Manner | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Stats:
    """Lets one robot per token answer cases until `stop` is set; each finishes what it holds.

    `stats` is filled while they work. `transport` replaces the network in tests. Never raises for
    what the API answers: errors are counted and waited out.
    """
    stats, manner = stats or Stats(), manner or Manner()
    async with httpx.AsyncClient(
        base_url=base_url, timeout=_TIMEOUT_S, transport=transport, trust_env=False
    ) as client:
        robots = [
            _Robot(client, token, Random(seed * 1_000 + n), stop=stop, stats=stats, manner=manner)
            for n, token in enumerate(tokens)
        ]
        await asyncio.gather(*(robot.work() for robot in robots))
    return stats


def answer_text(case: dict[str, Any], corpora: Mapping[Language, Corpus], random: Random) -> str:
    """An answer in the citizen's language; the case's reference makes it unlike any other."""
    language = _language(case)
    reference = f"{str(case['id'])[-_REFERENCE:]}/{case['version']}"
    return corpora[language].sentence("robot", random, {"ref": reference})


def _language(case: dict[str, Any]) -> Language:
    for message in reversed(case.get("messages") or []):
        spoken = message.get("language")
        if spoken in LANGUAGES and not message.get("own"):
            return next(known for known in LANGUAGES if known == spoken)
    return "nl"


class _Robot:
    """One agent: takes the next case, thinks, answers or closes it."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        token: str,
        random: Random,
        *,
        stop: asyncio.Event,
        stats: Stats,
        manner: Manner,
    ) -> None:
        self._client, self._random, self._stop = client, random, stop
        self._headers = {"Authorization": f"Bearer {token}"}
        self._stats, self._manner = stats, manner
        self._corpora = load_corpus()

    async def work(self) -> None:
        while not self._stop.is_set():
            try:
                response = await self._post("/api/v1/cases/next")
                if response.status_code == 200:
                    await self._serve(response.json())
                elif response.status_code == 204:
                    await self._rest(*_IDLE_S)
                else:
                    await self._refused(response)
            except (httpx.HTTPError, ValueError, KeyError):
                self._stats.errors += 1
                await self._rest(*self._manner.after_error_s)
            await self._rest(self._manner.pause_s, self._manner.pause_s * 1.5)

    async def _serve(self, case: dict[str, Any]) -> None:
        await self._rest(*self._manner.think_s)
        path, version = f"/api/v1/cases/{case['id']}", case["version"]
        if self._random.random() < self._manner.closes:
            body = {"reason": "no_answer_needed", "version": version}
            self._stats.closed += await self._settle(f"{path}/close", body)
        else:
            body = {"text": answer_text(case, self._corpora, self._random), "version": version}
            self._stats.answered += await self._settle(f"{path}/replies", body)

    async def _settle(self, path: str, body: object) -> bool:
        """Whether it was taken. Tries again, with the same key, while the API is away."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        for _ in range(_TRIES):
            try:
                response = await self._post(path, body, key)
            except httpx.HTTPError:
                self._stats.errors += 1
                await self._rest(*self._manner.after_error_s)
                continue
            if response.is_success:
                return True
            await self._refused(response)
            if response.status_code == 409:
                await self._give_back(path)
            if response.status_code not in _AGAIN:
                return False
        return False

    async def _give_back(self, path: str) -> None:
        """The case has changed: whoever is next reads it anew, and does not wait for our lease."""
        case = path.rpartition("/")[0]
        with contextlib.suppress(httpx.HTTPError):
            await self._post(f"{case}/release")

    async def _refused(self, response: httpx.Response) -> None:
        """409: somebody was quicker, go on. 503 and 429: wait as told. Else count and slow down."""
        if response.status_code == 409:
            self._stats.conflicts += 1
        elif response.status_code in _AGAIN:
            self._stats.waited += 1
            await self._rest(*_told(response))
        else:
            self._stats.errors += 1
            await self._rest(*self._manner.after_error_s)

    async def _post(
        self, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return await self._client.post(
            path, json=body, headers={**self._headers, **(headers or {})}
        )

    async def _rest(self, least: float, most: float) -> None:
        """A pause of random length that ends early when it is time to stop."""
        try:
            async with asyncio.timeout(self._random.uniform(least, most)):
                await self._stop.wait()
        except TimeoutError:
            return


def _told(response: httpx.Response) -> tuple[float, float]:
    try:
        told = float(response.headers.get("retry-after", "1"))
    except ValueError:
        told = 1.0
    told = min(max(told, 0.1), _RETRY_AFTER_MAX_S)
    return told, told * 1.25
