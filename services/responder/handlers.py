"""Kafka in: what the router sends to the desk becomes messages and cases, each record once."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from aiokafka.structs import ConsumerRecord

from services.responder import intake, workflow
from services.responder.intake import Arrival, Cases, Counted, Plan, Taken
from services.responder.store import Connection, Pool, desk, outbox, transaction
from toog.contracts.activity import Activity, ActivityKind, Progress
from toog.kit.errors import DATA_ERRORS
from toog.kit.stream.consume import Rejected


class Intake:
    """Handles batches of the desk topic (`topic`: its name at this cluster, with the prefix)."""

    def __init__(self, pool: Pool, topic: str) -> None:
        self._pool = pool
        self._topic = topic

    async def __call__(
        self, records: Sequence["ConsumerRecord[bytes, bytes]"]
    ) -> Iterable[Rejected]:
        """One transaction for the batch; names what cannot be read, or what the database refuses.

        Raises the database's data error where several records stand together: the kit halves.
        """
        batch: dict[tuple[int, int], ConsumerRecord[bytes, bytes]] = {}
        taken: list[Taken] = []
        rejected: list[Rejected] = []
        for record in records:
            try:
                taken.append(intake.read(record))
                batch[record.partition, record.offset] = record
            except ValueError as error:
                rejected.append(Rejected(record, error))
        places = [(r.record.partition, r.record.offset) for r in rejected]
        try:
            async with transaction(self._pool) as connection:
                await desk.remember_refused(connection, self._topic, places)
                again = await take_in(connection, self._topic, taken, datetime.now(UTC))
        except DATA_ERRORS as error:
            if len(taken) != 1:
                raise
            again, rejected = [], [*rejected, await self._refused(batch, taken[0], error)]
        for one in again:
            try:
                await self._once_more(one)
            except DATA_ERRORS as error:
                rejected.append(await self._refused(batch, one, error))
        return rejected

    async def _once_more(self, taken: Taken) -> None:
        async with transaction(self._pool) as connection:
            await desk.lock_progress(connection, self._topic, [taken.partition])
            await desk.no_longer_refused(connection, self._topic, taken.partition, taken.offset)
            await store(connection, self._topic, [taken], datetime.now(UTC))

    async def _refused(
        self,
        batch: dict[tuple[int, int], "ConsumerRecord[bytes, bytes]"],
        taken: Taken,
        error: Exception,
    ) -> Rejected:
        """Records behind this one move the guard on; without a note it would count as done."""
        place = (taken.partition, taken.offset)
        async with transaction(self._pool) as connection:
            await desk.remember_refused(connection, self._topic, [place])
        return Rejected(batch[place], error)


async def take_in(
    connection: Connection, topic: str, taken: Sequence[Taken], now: datetime
) -> list[Taken]:
    """Takes in what was not taken in before; gives back what was refused before, to try alone."""
    if not taken:
        return []
    next_offset = await desk.lock_progress(connection, topic, {t.partition for t in taken})
    fresh = [t for t in taken if t.offset >= next_offset[t.partition]]
    if fresh:
        await store(connection, topic, fresh, now)
    if len(fresh) == len(taken):
        return []
    old = [(t.partition, t.offset) for t in taken if t.offset < next_offset[t.partition]]
    refused = await desk.refused_among(connection, topic, old)
    return [t for t in taken if (t.partition, t.offset) in refused]


async def store(connection: Connection, topic: str, batch: Sequence[Taken], now: datetime) -> None:
    """Makes the batch's effect, its figures and what is told of it durable together."""
    deleted_now = intake.deletions(batch)
    await desk.bury(connection, deleted_now)
    homes, deleted = await desk.known(connection, intake.names(batch))
    made = intake.plan(batch, homes, deleted)
    own = await _own_with_cases(connection, made)
    touched = {a.case for a in made.arrivals} | {h.case for h in homes.values()}
    touched |= {case for _, case in own}
    cases = Cases(await desk.lock_cases(connection, touched) if touched else {})
    stored = await desk.insert_messages(connection, made.arrivals)
    for arrival in made.arrivals:
        if arrival.id in stored:
            cases.take(arrival)
    await _changes(connection, made, deleted_now, cases, now)
    await _own_replies(connection, own, cases)
    await _write_cases(connection, cases)
    figures = intake.counted(batch, made, stored)
    await desk.advance(connection, topic, figures)
    await outbox.add(connection, [*_told(cases, now), *_progress(figures, now)])


async def _own_with_cases(connection: Connection, made: Plan) -> list[tuple[Taken, str]]:
    """Replies of ours from elsewhere, with their case: by what they answer, else by conversation."""
    own = [(taken, case) for taken, case in made.own if case is not None]
    places = {
        taken.message: (taken.event.platform, taken.event.account, taken.event.conversation)
        for taken, case in made.own
        if case is None and taken.event.conversation is not None
    }
    if places:
        found = await desk.cases_of_conversations(connection, list(places.values()))
        for taken, _ in made.own:
            case = found.get(places[taken.message]) if taken.message in places else None
            if case is not None:
                own.append((taken, case))
    return own


async def _changes(
    connection: Connection,
    made: Plan,
    deleted_now: Sequence[str],
    cases: Cases,
    now: datetime,
) -> None:
    """Higher lanes, edits and deletions of messages that we have."""
    if made.raised:
        await desk.raise_messages(connection, {id_: lane for id_, (_, lane) in made.raised.items()})
        for case_id, lane in made.raised.values():
            if (case := cases.get(case_id)) is not None:
                cases.put(workflow.raised(case, lane))
    changed = (
        await desk.edit_messages(connection, list(made.edits.values())) if made.edits else set()
    )
    emptied = await desk.delete_messages(connection, deleted_now) if deleted_now else set()
    for case_id in changed | emptied:
        if (case := cases.get(case_id)) is not None:
            cases.put(workflow.after_change(case))
    if emptied:
        left = await desk.newest_messages(connection, emptied)
        for case_id in emptied:
            case = cases.get(case_id)
            if case is not None and (case_id not in left or left[case_id].received_at < case.since):
                cases.put(workflow.withdrawn(case, now))


async def _own_replies(
    connection: Connection, own: Sequence[tuple[Taken, str]], cases: Cases
) -> None:
    if not own:
        return
    stored = await desk.insert_own(connection, own)
    newest = await desk.newest_messages(connection, set(stored.values()))
    for taken, case_id in own:
        case = cases.get(case_id)
        if taken.message in stored and case is not None:
            last = newest[case_id].occurred_at if case_id in newest else None
            cases.put(workflow.answered_outside(case, taken.event.occurred_at, last))


async def _write_cases(connection: Connection, cases: Cases) -> None:
    opened: list[tuple[workflow.Case, Arrival]] = [
        (cases.after[id_], arrival) for id_, arrival in cases.opened.items()
    ]
    if opened:
        await desk.insert_cases(connection, opened)
    if cases.changed:
        await desk.update_cases(connection, cases.changed)


def _told(cases: Cases, now: datetime) -> list[Activity]:
    """What the batch did to cases, for the outbox."""
    told: list[Activity] = []
    for id_, case in cases.after.items():
        before = cases.before.get(id_)
        kind: ActivityKind
        if before is None:
            kind = "case_opened"
        elif before.state == "closed" and case.state != "closed":
            kind = "case_reopened"
        elif before.state != "closed" and case.state == "closed":
            kind = "case_closed"
        else:
            continue
        told.append(
            Activity(
                id=f"{kind}:{id_}:{case.version}",
                kind=kind,
                at=now,
                case=id_,
                platform=case.platform,
                lane=case.lane,
            )
        )
    return told


def _progress(figures: dict[int, Counted], now: datetime) -> list[Activity]:
    return [
        Activity(
            id=f"desk:{partition}:{c.first}-{c.last}",
            kind="desk_progress",
            at=now,
            progress=Progress(
                partition=partition,
                first=c.first,
                last=c.last,
                stored=c.stored,
                duplicates=c.duplicates,
                applied=c.applied,
            ),
        )
        for partition, c in figures.items()
    ]
