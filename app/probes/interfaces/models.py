"""Services whose interfaces are probed, their operations, and what the probes have shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple


class OperationStatus(StrEnum):
    """How an operation is; `pending`: it failed and is asked again before it counts as down."""

    UNKNOWN = "unknown"
    UP = "up"
    PENDING = "pending"
    DOWN = "down"


class CycleOutcome(StrEnum):
    """What became of a cycle; `skipped`: the one before was still running; `auth`: the service gave no token."""

    RUNNING = "running"
    COMPLETED = "completed"
    SKIPPED = "skipped"
    ABORTED = "aborted"
    AUTH = "auth"


class CycleTrigger(StrEnum):
    CLOCK = "clock"
    MANUAL = "manual"


class OperationKey(NamedTuple):
    """What tells the operations of a service apart."""

    method: str
    origin: str
    """Scheme, host and port that are asked."""
    path: str
    """With the names of its parameters, without their values."""

    def __str__(self) -> str:
        return f"{self.method} {self.origin}{self.path}"


@dataclass(frozen=True, slots=True)
class ProbedOperation:
    """An operation as its document names it."""

    key: OperationKey
    name: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True)
class OperationState:
    """What the probes of an operation have shown so far."""

    status: OperationStatus
    since: datetime
    """Of down: the first failed probe of the run that confirmed it."""
    first_failed_at: datetime | None = None
    failures: int = 0
    """In a row."""
    checked_at: datetime | None = None
    reason: str = ""
    """Of the last failed probe; empty once one was good."""
    http_status: int | None = None
    total_ms: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class OperationRow:
    """An operation with its number and how it stands."""

    operation_id: int
    service: str
    operation: ProbedOperation
    state: OperationState


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What came of one request of a suite; `request` is as the file writes it, without values."""

    number: int
    name: str
    request: str
    cleanup: bool = False
    skipped: bool = False
    ok: bool = False
    reason: str = ""
    status: int | None = None
    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    total_ms: float = 0.0
    bytes: int = 0
    address: str = ""
    message: str = ""
    taken: tuple[str, ...] = ()
    """What the answer gave to later steps: names with the kind and size of each value, never the value."""


@dataclass(frozen=True, slots=True)
class ProbeRecord:
    """What came of an operation in a cycle, as it is kept."""

    at: datetime
    ok: bool
    reason: str = ""
    status: int | None = None
    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    total_ms: float = 0.0
    bytes: int = 0
    attempts: int = 1
    address: str = ""
    message: str = ""
    excerpt: str = ""
    steps: tuple[StepRecord, ...] = ()
    """Of a suite."""


@dataclass(frozen=True, slots=True)
class SuiteRow:
    """A suite with how it stands, and what its last run came to."""

    row: OperationRow
    last: ProbeRecord | None


@dataclass(frozen=True, slots=True)
class CycleStatistics:
    """What a cycle came to; latencies are those of good answers, in milliseconds."""

    checked: int = 0
    failed: int = 0
    ours: int = 0
    """Probes that say nothing of the service, because this machine had no network."""
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    slowest: Sequence[Mapping[str, Any]] = ()

    @property
    def success_percent(self) -> float | None:
        known = self.checked - self.ours
        return 100 * (known - self.failed) / known if known else None


@dataclass(frozen=True, slots=True)
class InterfaceCycle:
    """One time that all operations of a service are probed."""

    service_id: int
    started_at: datetime
    due_at: datetime
    trigger: CycleTrigger
    outcome: CycleOutcome
    operations: int
    finished_at: datetime | None = None
    statistics: CycleStatistics = CycleStatistics()


@dataclass(frozen=True, slots=True)
class ServiceOverview:
    """A service with how its operations stand and what its last cycle came to."""

    service_id: int
    name: str
    group_name: str
    parent: str
    interval_seconds: int
    described: int
    operations: int
    failing: int
    pending: int
    unknown: int
    failing_percent: float
    failing_since: datetime | None
    failing_parents: str
    scanned_at: datetime | None
    scan_problem: str
    scan_failing_since: datetime | None
    auth_problem: str
    auth_failing_since: datetime | None
    next_due_at: datetime | None
    cycle_started_at: datetime | None
    cycle_finished_at: datetime | None
    cycle_outcome: str | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None

    @property
    def status(self) -> str:
        """Up, failing, auth (it gives no token) or unknown."""
        if self.auth_failing_since is not None:
            return "auth"
        if self.failing:
            return "failing"
        return "unknown" if self.operations in {0, self.unknown} else "up"


@dataclass(frozen=True, slots=True)
class InterfaceChange:
    """What a document added, removed or changed."""

    at: datetime
    kind: str
    method: str
    path: str
    name: str
    document: str
    breaking: bool
    parts: tuple[str, ...]
    change_id: int = 0


@dataclass(slots=True)
class InterfaceWrites:
    """What is to be kept; later words about the same thing take the place of earlier ones."""

    results: list[tuple[int, ProbeRecord]] = field(default_factory=list)
    states: dict[int, OperationState] = field(default_factory=dict)
    cycles: dict[tuple[int, datetime], InterfaceCycle] = field(default_factory=dict)
    auth: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    """By service, why it gives no token; empty where it gives one."""
    due: dict[int, datetime] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.results or self.states or self.cycles or self.auth or self.due)

    def before(self, later: InterfaceWrites) -> InterfaceWrites:
        """These, and then those."""
        return InterfaceWrites(
            [*self.results, *later.results],
            self.states | later.states,
            self.cycles | later.cycles,
            self.auth | later.auth,
            self.due | later.due,
        )
