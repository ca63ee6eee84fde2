"""Services whose interfaces are probed, their operations, cycles, results and changes, as programs read them."""

from __future__ import annotations

from typing import Self

from app.probes.interfaces.models import (
    InterfaceChange,
    InterfaceCycle,
    OperationRow,
    ProbedOperation,
    ProbeRecord,
    ServiceOverview,
)
from app.schemas import Instant, PreciseInstant, Resource


class InterfaceServiceStatus(Resource):
    """A service and how it stands: `status` is up, failing, auth (it gives no token) or unknown.

    `described` counts the operations of its documents, `operations` those that are probed. Percentiles are those of good
    answers in the last cycle, in milliseconds.
    """

    service_id: int
    name: str
    group: str
    parent: str
    status: str
    interval_seconds: int
    described: int
    operations: int
    failing: int
    pending: int
    unknown: int
    failing_percent: float
    failing_since: Instant | None
    failing_parents: str
    next_due_at: Instant | None
    cycle_started_at: Instant | None
    cycle_finished_at: Instant | None
    cycle_outcome: str | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    scanned_at: Instant | None
    scan_problem: str
    scan_failing_since: Instant | None
    auth_problem: str
    auth_failing_since: Instant | None

    @classmethod
    def of(cls, one: ServiceOverview) -> Self:
        values = {name: getattr(one, name) for name in cls.model_fields if name != "group"}
        return cls(**values, group=one.group_name)


class ProbedOperationResource(Resource):
    """An operation that is probed; `status` is unknown, up, pending (it failed and is asked again) or down.

    A suite of requests is one, too: its method is SUITE and its name that of the suite.
    """

    operation_id: int
    service: str
    method: str
    origin: str
    path: str
    name: str
    document: str
    status: str
    status_since: Instant
    failures: int
    checked_at: Instant | None
    reason: str
    http_status: int | None
    total_ms: float | None
    message: str

    @classmethod
    def of(cls, row: OperationRow) -> Self:
        operation, state = row.operation, row.state
        return cls(
            operation_id=row.operation_id,
            service=row.service,
            method=operation.key.method,
            origin=operation.key.origin,
            path=operation.key.path,
            name=operation.name,
            document=operation.document,
            status=state.status.value,
            status_since=state.since,
            failures=state.failures,
            checked_at=state.checked_at,
            reason=state.reason,
            http_status=state.http_status,
            total_ms=state.total_ms,
            message=state.message,
        )


class SlowOperationResource(Resource):
    """An operation that took long, in milliseconds."""

    operation: str
    ms: float


class InterfaceCycleResource(Resource):
    """One time that all operations of a service were probed.

    `outcome` is running, completed, skipped (the one before was still running), aborted, or auth (the service gave no
    token). `ours` counts probes that say nothing of the service, because this machine had no network.
    """

    service_id: int
    started_at: PreciseInstant
    due_at: PreciseInstant
    trigger: str
    outcome: str
    finished_at: PreciseInstant | None
    operations: int
    checked: int
    failed: int
    ours: int
    success_percent: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    slowest: list[SlowOperationResource]

    @classmethod
    def of(cls, cycle: InterfaceCycle) -> Self:
        statistics = cycle.statistics
        return cls(
            service_id=cycle.service_id,
            started_at=cycle.started_at,
            due_at=cycle.due_at,
            trigger=cycle.trigger.value,
            outcome=cycle.outcome.value,
            finished_at=cycle.finished_at,
            operations=cycle.operations,
            checked=statistics.checked,
            failed=statistics.failed,
            ours=statistics.ours,
            success_percent=statistics.success_percent,
            p50_ms=statistics.p50_ms,
            p95_ms=statistics.p95_ms,
            p99_ms=statistics.p99_ms,
            slowest=[SlowOperationResource(**one) for one in statistics.slowest],
        )


class SuiteStepResource(Resource):
    """What came of one request of a suite; a `skipped` one was not sent, and `message` says why.

    `taken` names what its answer gave to later steps, with kind and size of each value and never the value.
    """

    number: int
    name: str
    request: str
    cleanup: bool
    skipped: bool
    ok: bool
    reason: str
    status: int | None
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    total_ms: float
    bytes: int
    address: str
    message: str
    taken: list[str]


class ProbeResultResource(Resource):
    """What came of an operation in a cycle; `attempts` says how often it was asked, 0 that its host was spared.

    `steps` are those of a suite, of its last attempt.
    """

    at: PreciseInstant
    ok: bool
    reason: str
    status: int | None
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    total_ms: float
    bytes: int
    attempts: int
    address: str
    message: str
    excerpt: str
    steps: list[SuiteStepResource]

    @classmethod
    def of(cls, record: ProbeRecord) -> Self:
        return cls.model_validate(record)


class TriedProbeResource(Resource):
    """An operation or a suite that was tried once, and what came of it."""

    service: str
    method: str
    origin: str
    path: str
    name: str
    result: ProbeResultResource

    @classmethod
    def of(cls, service: str, operation: ProbedOperation, record: ProbeRecord) -> Self:
        key = operation.key
        result = ProbeResultResource.of(record)
        return cls(
            service=service, method=key.method, origin=key.origin, path=key.path, name=operation.name, result=result
        )


class InterfaceChangeResource(Resource):
    """An operation that a document added, removed or changed; `breaking` where callers may break."""

    change_id: int
    at: Instant
    kind: str
    method: str
    path: str
    name: str
    document: str
    breaking: bool
    parts: list[str]

    @classmethod
    def of(cls, change: InterfaceChange) -> Self:
        return cls.model_validate(change)
