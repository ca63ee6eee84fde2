"""What the alerting speaks of: rules, evaluations, alerts, and the events that people may be notified of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted by name; together with the rule they identify an alert."""


def labels_of(mapping: Mapping[str, str]) -> Labels:
    return tuple(sorted(mapping.items()))


class Severity(StrEnum):
    """How urgent an alert is; later members are more urgent."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class NoDataPolicy(StrEnum):
    """What an evaluation without rows, or one that failed, means for the alerts of its rule."""

    ALERT = "alert"
    OK = "ok"
    KEEP = "keep"


class RowContract(StrEnum):
    """What the rows of a rule mean."""

    SIGNALS = "signals"
    """Each row may be a fault, by its value and the threshold."""
    STATUS = "status"
    """One row, whose column `status` says ALERT or OK, as in files of SQL Sentinel."""


class Trigger(StrEnum):
    """Why a rule was evaluated."""

    CRON = "cron"
    MANUAL = "manual"
    API = "api"


class Schedule(Protocol):
    """When a rule is due; `str` of it is its text form."""

    def next_slot(self, after: datetime) -> datetime:
        """The first slot later than the instant, both aware UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Threshold:
    """The comparison under which a row counts as a fault: `value <operator> limit`."""

    operator: str
    limit: float

    def __str__(self) -> str:
        return f"{self.operator} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Override:
    """What differs from the rule (or nothing is seen: disabled) where all the labels agree; None: as in the rule."""

    labels: Labels
    threshold: Threshold | None = None
    enabled: bool = True
    hold: timedelta | None = None
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert rule of the book; `sql` or `condition` says what is looked at."""

    name: str
    schedule: Schedule
    severity: Severity = Severity.WARNING
    description: str = ""
    sql: str = ""
    condition: str = ""
    database: str = "gridkeeper"
    threshold: Threshold | None = None
    overrides: tuple[Override, ...] = ()
    hold: timedelta = timedelta(0)
    """`for`: how long the fault must last before it fires."""
    keep_firing: timedelta = timedelta(0)
    remind_every: timedelta = timedelta(hours=4)
    time_out: timedelta = timedelta(seconds=10)
    no_data: NoDataPolicy = NoDataPolicy.OK
    on_error: NoDataPolicy = NoDataPolicy.KEEP
    labels: Labels = ()
    route: str = ""
    depends_on: tuple[str, ...] = ()
    lookback: timedelta = timedelta(0)
    """For how long after their end the alerts of those rules still explain this one's: so far its question looks back."""
    runbook: str = ""
    """A link, or a path below the service's own address."""
    unit: str = ""
    """Of `value` and of the threshold, for messages."""
    enabled: bool = True
    built_in: bool = False
    contract: RowContract = RowContract.SIGNALS
    origin: str = ""
    """File and line of its definition."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One row that shows a fault."""

    labels: Labels
    value: float | None = None
    threshold: float | None = None
    severity: Severity | None = None
    """Where the row or an override names one, it goes before the rule's."""
    annotations: Labels = ()
    """Texts of the row that are no label: a summary, an error message."""
    hold: timedelta | None = None
    """Where an override names one, it goes before the rule's."""


class EvaluationStatus(StrEnum):
    """What an evaluation found."""

    FIRING = "firing"
    OK = "ok"
    NO_DATA = "no_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation of a rule.

    Alerts without a signal end, but for those whose labels stand in `kept`; with `keep` all without a signal stay.
    """

    rule: str
    at: datetime
    seconds: float
    verdict: EvaluationStatus
    signals: tuple[Signal, ...] = ()
    keep: bool = False
    kept: tuple[Labels, ...] = ()
    """Labels of rows without a value, where the rule says that their alerts stay."""
    value: float | None = None
    threshold: float | None = None
    error: str = ""


class Phase(StrEnum):
    """Where an alert stands."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class EventKind(StrEnum):
    """What happened to an alert; people are notified of those in `NOTIFYING_EVENTS`, the others are only kept."""

    PENDING = "pending"
    DROPPED = "dropped"
    """A pending alert whose fault went before its hold had passed."""
    SUPPRESSED = "suppressed"
    """It fires, and for the reason in the note nobody is notified for now."""
    FIRED = "fired"
    REMINDED = "reminded"
    SEVERITY = "severity"
    """It is more urgent than people were notified of."""
    ACKNOWLEDGED = "acknowledged"
    ENDED = "ended"
    """It ended while nobody may be notified, or without anybody having been notified of it."""
    RESOLVED = "resolved"


NOTIFYING_EVENTS = frozenset({EventKind.FIRED, EventKind.REMINDED, EventKind.SEVERITY, EventKind.RESOLVED})


@dataclass(frozen=True, slots=True)
class Alert:
    """One fault of one rule with one set of labels, from its first sight to its end. Instants are aware UTC."""

    rule: str
    labels: Labels
    severity: Severity
    phase: Phase
    since: datetime
    """When the fault was first seen; `for` counts from here."""
    seen_at: datetime
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    value: float | None = None
    threshold: float | None = None
    annotations: Labels = ()
    notified_at: datetime | None = None
    """When people were last notified that it fires; None: never, so nobody is notified of its end."""
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    alert_id: int | None = None
    gone_at: datetime | None = None
    """Since when it has shown no fault while it is kept firing."""
    notified_severity: Severity | None = None
    """The highest that people were notified of since the last message that said how it stands."""
    resolved_notified_at: datetime | None = None
    """When people were notified of its end; None though `notified_at` is not, after the end: that is due."""
    firings: tuple[datetime, ...] = ()
    """When alerts of this rule and these labels fired of late, this one included; for flapping."""
    flapping: bool = False
    suppressed: str = ""
    """Why nobody is notified at present."""

    @property
    def open(self) -> bool:
        return self.phase is not Phase.RESOLVED

    @property
    def resolution_due(self) -> bool:
        """Whether people were notified that it fires and not yet that it ended."""
        return self.phase is Phase.RESOLVED and self.notified_at is not None and self.resolved_notified_at is None


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """Something that happened to an alert; `rule` carries route, description and runbook link for the message."""

    kind: EventKind
    alert: Alert
    rule: Rule
    at: datetime
    note: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
