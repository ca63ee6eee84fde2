"""Services of one database whose interfaces are probed, with what the probes have shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from app.db.feed.notices import INTERFACES, RESULTS, notices_of
from app.db.retention import Retention, erase
from app.errors import Conflict, NotFound
from app.market.time import iso
from app.probes.config import ServiceConfig
from app.probes.interfaces import sql
from app.probes.interfaces.documents import DocumentsNow, KeptDocument
from app.probes.interfaces.models import (
    CycleOutcome,
    CycleStatistics,
    CycleTrigger,
    InterfaceChange,
    InterfaceCycle,
    InterfaceWrites,
    OperationKey,
    OperationRow,
    OperationState,
    OperationStatus,
    ProbedOperation,
    ProbeRecord,
    ServiceOverview,
    StepRecord,
    SuiteRow,
)
from app.probes.scanning.models import DocumentScan

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Connection, Database

_SCAN: TypeAdapter[DocumentScan] = TypeAdapter(DocumentScan)
_STEPS: TypeAdapter[tuple[StepRecord, ...]] = TypeAdapter(tuple[StepRecord, ...])


REMOVED = "removed"
"""The notice that services are in the file no more."""
REQUESTED = "requested"
"""The notice that somebody asks for a cycle."""


@dataclass(frozen=True, slots=True)
class TakenService:
    """What is known of a service that a process takes over."""

    documents: Mapping[str, KeptDocument]
    due_at: datetime | None
    aborted: bool
    """Whether a cycle of it was under way."""


class InterfaceRepository:
    """Every public method is one transaction, but those that erase in parts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take_over(self, names: Iterable[str], now: datetime) -> dict[str, TakenService]:
        """What is known of services, for a process that begins to probe them; cycles that another one left are over."""
        chosen = list(names)
        async with self._database.transaction() as connection:
            aborted = {row["name"] for row in await connection.fetch(sql.ABORT_CYCLES, chosen, now)}
            await connection.execute(sql.SETTLE_PENDING, chosen)
            due = {row["name"]: row["next_due_at"] for row in await connection.fetch(sql.DUE_AT, chosen)}
            documents: dict[str, dict[str, KeptDocument]] = {}
            for row in await connection.fetch(sql.DOCUMENT_ROWS, chosen):
                kept = _document(row)
                if kept is not None:
                    documents.setdefault(row["service"], {})[row["file"]] = kept
        return {name: TakenService(documents.get(name, {}), due.get(name), name in aborted) for name in chosen}

    async def place(self, due: Mapping[str, datetime]) -> None:
        """Say when the next cycles are due, so that whoever takes a service over goes on with its clock."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.PLACE_DUE, list(due), list(due.values()))

    async def keep_service(
        self,
        config: ServiceConfig,
        before: Mapping[str, KeptDocument],
        found: DocumentsNow,
        operations: Sequence[ProbedOperation],
        now: datetime,
    ) -> tuple[int, list[OperationRow]]:
        """Keep what a scan found of a service: its number, and the operations that are probed with how they stand."""
        async with self._database.transaction() as connection:
            service_id = await connection.fetchval(
                sql.KEEP_SERVICE,
                config.name,
                config.group,
                config.parent,
                list(config.base_urls),
                int(config.interval.total_seconds()),
                found.described,
                now,
                "; ".join(found.problems)[:2000],
                config.auth,
            )
            await _keep_documents(connection, service_id, before, found.documents)
            columns = zip(*((*one.key, one.name, one.document) for one in operations), strict=True)
            rows = await connection.fetch(
                sql.KEEP_OPERATIONS, service_id, now, *([list(column) for column in columns] or [[]] * 5)
            )
            await connection.execute(sql.REMOVE_OPERATIONS, service_id, now, [row["operation_id"] for row in rows])
            await connection.executemany(
                sql.ADD_CHANGE, [(service_id, *astuple(change)[:-2], list(change.parts)) for change in found.changes]
            )
        return service_id, [_operation(row, config.name) for row in rows]

    async def documents(self, service_id: int) -> dict[str, KeptDocument]:
        """The documents of a service by their files."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.DOCUMENTS_OF, service_id)
        found = {row["file"]: _document(row) for row in rows}
        return {file: kept for file, kept in found.items() if kept is not None}

    async def remove_others(self, names: Iterable[str], now: datetime) -> None:
        """Services that are not among these are in the file no more; others who still have them hear of it."""
        async with self._database.transaction() as connection:
            if await connection.fetch(sql.REMOVE_SERVICES, list(names), now):
                await connection.execute(sql.ABORT_REMOVED, now)
                await connection.execute(sql.TELL, INTERFACES, REMOVED)

    async def record(self, writes: InterfaceWrites) -> None:
        async with self._database.transaction() as connection:
            await connection.executemany(
                sql.ADD_RESULT, [_result_row(operation_id, record) for operation_id, record in writes.results]
            )
            if writes.states:
                ordered = sorted(writes.states.items())
                columns = zip(*(_state_columns(state) for _, state in ordered), strict=True)
                await connection.execute(
                    sql.KEEP_STATES, [number for number, _ in ordered], *(list(column) for column in columns)
                )
            for cycle in writes.cycles.values():
                await _keep_cycle(connection, cycle)
            await connection.executemany(sql.KEEP_AUTH, [(number, *one) for number, one in writes.auth.items()])
            await connection.executemany(sql.KEEP_DUE, list(writes.due.items()))
            await _tell_results(connection, writes)

    async def requested(self) -> list[tuple[str, str, datetime]]:
        """Services for which somebody asked for a cycle that has not begun, or for the run of one suite, and when."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.REQUESTED)
        return [(row["name"], row["requested_suite"], row["requested_at"]) for row in rows]

    async def is_requested(self, service_id: int) -> bool:
        """Whether what somebody asked for has not begun."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(sql.IS_REQUESTED, service_id))

    async def suite_begun(self, service: str) -> None:
        """The run that somebody asked for begins."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.SUITE_BEGUN, service)

    async def request(self, service_id: int, now: datetime, suite: str = "") -> None:
        """Let a cycle begin now, or the run of one suite; Conflict where a cycle is running."""
        async with self._database.transaction() as connection:
            running = await connection.fetchval(sql.RUNNING, service_id)
            if running is not None:
                raise Conflict(f"a cycle of the service has been running since {iso(running)}; wait until it has ended")
            if await connection.fetchval(sql.REQUEST, service_id, now, suite) is None:
                raise _absent(service_id)
            await connection.execute(sql.TELL, INTERFACES, REQUESTED)

    async def overviews(self, after: int, limit: int) -> list[ServiceOverview]:
        """The services behind a number, in the order of their numbers."""
        async with self._database.connection() as connection:
            return [ServiceOverview(**dict(row)) for row in await connection.fetch(sql.OVERVIEWS, after, limit)]

    async def overview(self, service_id: int) -> ServiceOverview:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.OVERVIEW, service_id)
        if row is None:
            raise _absent(service_id)
        return ServiceOverview(**dict(row))

    async def named(self, name: str) -> ServiceOverview | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.NAMED, name)
        return ServiceOverview(**dict(row)) if row is not None else None

    async def operations(
        self, service_id: int, status: OperationStatus | None, after: int, limit: int
    ) -> list[OperationRow]:
        """Operations behind a number, in the order of their numbers."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.OPERATIONS_OF, service_id, status, after, limit)
        return [_operation(row, row["service"]) for row in rows]

    async def worst(self, service_id: int, limit: int) -> list[OperationRow]:
        """Operations, those that fail longest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.WORST_OF, service_id, limit)
        return [_operation(row, row["service"]) for row in rows]

    async def operation(self, operation_id: int) -> OperationRow:
        """An operation that is probed; NotFound where there is none."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.OPERATION, operation_id)
        if row is None:
            raise _no_operation(operation_id)
        return _operation(row, row["service"])

    async def cycles(self, service_id: int, before: datetime | None, limit: int) -> list[InterfaceCycle]:
        """The newest first."""
        async with self._database.connection() as connection:
            return [_cycle(row) for row in await connection.fetch(sql.CYCLES_OF, service_id, before, limit)]

    async def results(self, operation_id: int, before: datetime | None, limit: int) -> list[ProbeRecord]:
        """The newest first; NotFound where there is no such operation."""
        async with self._database.connection() as connection:
            if await connection.fetchval(sql.OPERATION_IS, operation_id) is None:
                raise _no_operation(operation_id)
            rows = await connection.fetch(sql.RESULTS_OF, operation_id, before, limit)
        return [_result(row) for row in rows]

    async def suites(self, service_id: int) -> list[SuiteRow]:
        """The suites of a service with what their last runs came to."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.SUITES_OF, service_id)
            last = await connection.fetch(sql.LAST_RESULTS, [row["operation_id"] for row in rows])
        results = {row["operation_id"]: _result(row) for row in last}
        return [SuiteRow(_operation(row, row["service"]), results.get(row["operation_id"])) for row in rows]

    async def changes(self, service_id: int, before: int | None, limit: int) -> list[InterfaceChange]:
        """The newest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.CHANGES_OF, service_id, before, limit)
        return [InterfaceChange(**{**dict(row), "parts": tuple(row["parts"])}) for row in rows]

    async def erase_old(self, kept: Retention, before: datetime) -> int:
        """Forgets rows of a table of before the instant; how many."""
        async with self._database.connection() as connection:
            return await erase(connection, kept, before)


def _no_operation(operation_id: int) -> NotFound:
    return NotFound(f"there is no operation {operation_id}; `gridkeeper interfaces show SERVICE` lists them")


def _absent(service_id: int) -> NotFound:
    return NotFound(f"there is no service {service_id}; `gridkeeper interfaces list` shows them all")


async def _tell_results(connection: Connection, writes: InterfaceWrites) -> None:
    """Let whoever looks at the services and operations look again."""
    touched = {*writes.due, *writes.auth, *(one.service_id for one in writes.cycles.values())}
    if writes.states:
        touched |= {row["service_id"] for row in await connection.fetch(sql.SERVICES_OF, list(writes.states))}
    words = [*(f"s{number}" for number in sorted(touched)), *(f"o{number}" for number in sorted(writes.states))]
    for said in notices_of(words):
        await connection.execute(sql.TELL, RESULTS, said)


async def _keep_documents(
    connection: Connection, service_id: int, before: Mapping[str, KeptDocument], found: Mapping[str, KeptDocument]
) -> None:
    """Write what differs: a large document is not written again with each scan."""
    changed = [(file, kept) for file, kept in found.items() if before.get(file) != kept]
    await connection.executemany(
        sql.KEEP_DOCUMENT,
        [
            (service_id, file, _SCAN.dump_json(kept.scan).decode(), kept.read_at, kept.missing_since)
            for file, kept in changed
        ],
    )
    await connection.execute(sql.FORGET_DOCUMENTS, service_id, list(found))


async def _keep_cycle(connection: Connection, cycle: InterfaceCycle) -> None:
    statistics = cycle.statistics
    await connection.execute(
        sql.KEEP_CYCLE,
        cycle.service_id,
        cycle.started_at,
        cycle.due_at,
        cycle.trigger,
        cycle.outcome,
        cycle.operations,
        cycle.finished_at,
        statistics.checked,
        statistics.failed,
        statistics.ours,
        statistics.p50_ms,
        statistics.p95_ms,
        statistics.p99_ms,
        json.dumps(list(statistics.slowest)),
    )
    if cycle.outcome is CycleOutcome.SKIPPED:
        return
    # A short one is written once, at its end.
    await connection.execute(sql.BEGUN, cycle.service_id, cycle.started_at)
    if cycle.outcome is not CycleOutcome.RUNNING:
        await connection.execute(sql.SETTLE, cycle.service_id, cycle.finished_at)


def _document(row: Record) -> KeptDocument | None:
    """None where another version of the program wrote it: the document is read anew then, and nothing counts as changed."""
    try:
        scan = _SCAN.validate_json(row["scan"])
    except ValidationError:
        return None
    return KeptDocument(scan, row["read_at"], row["missing_since"])


def _result_row(operation_id: int, record: ProbeRecord) -> tuple[object, ...]:
    steps = _STEPS.dump_json(record.steps).decode() if record.steps else None
    return (operation_id, *(getattr(record, one.name) for one in fields(record) if one.name != "steps"), steps)


def _result(row: Record) -> ProbeRecord:
    values = {name: value for name, value in row.items() if name != "operation_id"}
    return ProbeRecord(**{**values, "steps": _STEPS.validate_json(row["steps"] or "[]")})


def _operation(row: Record, service: str) -> OperationRow:
    return OperationRow(
        row["operation_id"],
        service,
        ProbedOperation(OperationKey(row["method"], row["origin"], row["path"]), row["name"], row["document"]),
        OperationState(
            OperationStatus(row["status"]),
            row["status_since"],
            row["first_failed_at"],
            row["failures"],
            row["checked_at"],
            row["reason"],
            row["http_status"],
            row["total_ms"],
            row["message"],
        ),
    )


def _state_columns(state: OperationState) -> tuple[object, ...]:
    return tuple(getattr(state, one.name) for one in fields(state))


def _cycle(row: Record) -> InterfaceCycle:
    statistics = CycleStatistics(
        row["checked"],
        row["failed"],
        row["ours"],
        row["p50_ms"],
        row["p95_ms"],
        row["p99_ms"],
        json.loads(row["slowest"]),
    )
    return InterfaceCycle(
        row["service_id"],
        row["started_at"],
        row["due_at"],
        CycleTrigger(row["trigger"]),
        CycleOutcome(row["outcome"]),
        row["operations"],
        row["finished_at"],
        statistics,
    )
