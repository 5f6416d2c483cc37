"""Playing a night: due times stay those of the plan, targets become the platform's ids."""

import asyncio
import time
from collections.abc import Iterator

from starlette.applications import Starlette

from toog.platforms.playing import Act, ActKind, Citizen, Ledger, SeenReply
from toog.sandbox.plan import Deed, Target
from toog.sandbox.player import Player

SOMEBODY = Citizen("1", "tine_fietsbel", "Tine Regenjas")


class Recorder:
    """A platform that keeps what was done and gives each message the next number."""

    def __init__(self, ledger: Ledger, *, fails_on: str = "", slow_s: float = 0.0) -> None:
        self.ledger = ledger
        self.acts: list[Act] = []
        self.fails_on, self.slow_s = fails_on, slow_s

    def app(self) -> Starlette:
        return Starlette()

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def act(self, act: Act) -> str | None:
        await asyncio.sleep(self.slow_s)
        if act.kind == self.fails_on:
            raise RuntimeError("not played")
        self.acts.append(act)
        return f"n{len(self.acts)}"


def deed(number: int, kind: ActKind, at: float = 0.0, target: Target | None = None) -> Deed:
    return Deed(number, at, "x", kind, SOMEBODY, f"tekst {number}", "nl", target)


async def played(
    deeds: list[Deed], ledger: Ledger | None = None, *, fails_on: str = "", slow_s: float = 0.0
) -> tuple[Player, Recorder]:
    ledger = ledger or Ledger()
    platform = Recorder(ledger, fails_on=fails_on, slow_s=slow_s)
    player = Player({"x": platform}, ledger)
    await player.play(iter(deeds), time.monotonic())
    return player, platform


async def test_a_target_becomes_the_native_id() -> None:
    _, platform = await played([deed(0, "mention"), deed(1, "edit", target=Target(0))])

    assert [act.target for act in platform.acts] == [None, "n1"]


async def test_an_answer_goes_to_our_answer_once_there_is_one() -> None:
    ledger = Ledger()
    ledger.replies.append(SeenReply("x", "n2", "antwoord", "ours", "x:1:post:ours", 0.0, True))
    deeds = [
        deed(0, "own_post"),
        deed(1, "mention"),
        deed(2, "reply", target=Target(1, our_answer=True, otherwise=0)),
    ]

    _, platform = await played(deeds, ledger)

    assert platform.acts[2].target == "ours"


async def test_an_answer_goes_to_our_post_while_we_have_not_answered() -> None:
    ledger = Ledger()
    ledger.replies.append(SeenReply("x", "n2", "geweigerd", None, None, 0.0, False))
    deeds = [
        deed(0, "own_post"),
        deed(1, "mention"),
        deed(2, "reply", target=Target(1, our_answer=True, otherwise=0)),
    ]

    _, platform = await played(deeds, ledger)

    assert platform.acts[2].target == "n1"


async def test_an_act_without_its_target_is_skipped_and_a_failing_one_counted() -> None:
    deeds = [deed(0, "mention"), deed(1, "edit", target=Target(0)), deed(2, "noise")]

    player, platform = await played(deeds, fails_on="mention")

    assert (player.failed, player.skipped, player.acted) == (1, 1, 1)
    assert [act.kind for act in platform.acts] == ["noise"]


async def test_deeds_wait_for_their_time() -> None:
    begun = time.monotonic()
    player, _ = await played([deed(0, "noise"), deed(1, "noise", at=0.05)])

    assert time.monotonic() - begun >= 0.05
    assert player.acted == 2


async def test_a_late_player_catches_up_and_says_how_late_it_was() -> None:
    deeds = [deed(number, "noise", at=number * 0.001) for number in range(10)]

    player, platform = await played(deeds, slow_s=0.01)

    assert len(platform.acts) == 10
    assert player.worst_late_s > 0.03


async def test_the_plan_is_read_as_it_is_played() -> None:
    """A night of hours is never held in memory."""
    asked: list[int] = []

    def endless() -> Iterator[Deed]:
        for number in range(1_000_000):
            asked.append(number)
            yield deed(number, "noise", at=number * 10.0)

    ledger = Ledger()
    player = Player({"x": Recorder(ledger)}, ledger)
    task = asyncio.create_task(player.play(endless(), time.monotonic()))
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert len(asked) == 2
