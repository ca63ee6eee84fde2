"""What a file of SQL Sentinel says: a database, alerts, and whom to notify. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from app.alerting.sqlsentinel.files.cron import SentinelCron
from app.kit.yaml.tree import Problem

LONGEST_STATEMENT = timedelta(minutes=5)
"""The original waits for ever; so long a query may take where the file says nothing."""
LONGEST_WAIT = timedelta(hours=1)
"""Before another attempt."""


class Compat(StrEnum):
    """Whose laws of state and notification hold."""

    RELIABLE = "reliable"
    """No transition is lost: one during a silence, within the interval or with a failed notification is made up for."""
    STRICT = "strict"
    """As the original: such transitions are never notified of; statements may write, and nothing of it is kept."""


class Upstream(StrEnum):
    """What becomes of an alert while one that it depends on fires or fails."""

    SKIP = "skip"
    """It is not asked."""
    WAIT = "wait"
    """It is asked, after the other."""


class QueryPriority(StrEnum):
    """Who is asked first where more is due than is asked at once."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class EmailTarget:
    """Mail to people; `subject` is a template."""

    recipients: tuple[str, ...]
    subject: str = ""
    channel: str = "email"


@dataclass(frozen=True, slots=True)
class SlackTarget:
    """An incoming webhook of Slack."""

    webhook_url: SecretStr
    slack_channel: str = ""
    username: str = ""
    channel: str = "slack"


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Any HTTP receiver."""

    url: SecretStr
    method: str = "POST"
    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    channel: str = "webhook"


NoticeTarget = EmailTarget | SlackTarget | WebhookTarget


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How an alert is evaluated and notified of; the file may say it for all of its alerts, and each for itself."""

    time_out: timedelta = LONGEST_STATEMENT
    min_interval: timedelta = timedelta(0)
    remind_every: timedelta = timedelta(0)
    """Zero: nobody is reminded."""
    notify_recovery: bool = False
    retries: int = 0
    """How often a query that failed is asked again before that counts."""
    retry_wait: timedelta = timedelta(seconds=5)
    retry_backoff: float = 2.0
    """By which each further wait is longer."""
    late_after: timedelta = timedelta(0)
    """After so long from its slot an answer is late, and people are notified of that; zero: never."""
    priority: QueryPriority = QueryPriority.NORMAL

    def wait_before(self, retry: int) -> float:
        """Seconds; the first is 0."""
        return min(self.retry_wait.total_seconds() * self.retry_backoff**retry, LONGEST_WAIT.total_seconds())


@dataclass(frozen=True, slots=True)
class SentinelAlert:
    """One alert of a file."""

    name: str
    query: str
    schedule: SentinelCron
    description: str = ""
    targets: tuple[NoticeTarget, ...] = ()
    enabled: bool = True
    behaviour: Behaviour = field(default_factory=Behaviour)
    line: int = 0
    depends_on: tuple[str, ...] = ()
    upstream: Upstream = Upstream.SKIP


@dataclass(frozen=True, slots=True)
class SentinelFile:
    """A file that can be used; `warnings` are things that mean something else than they seem to."""

    name: str
    alerts: tuple[SentinelAlert, ...]
    database_url: SecretStr | None = None
    compat: Compat = Compat.RELIABLE
    warnings: tuple[Problem, ...] = ()
    history_days: int = 0
    """For so long the daemon keeps the history; 0: for ever, as the original does."""
    watch: SentinelAlert | None = None
    """Fires while the file as it stands cannot be used; no alert of the file's own."""
    upstreams: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """All that alerts depend on, by their names."""

    @property
    def notifying(self) -> tuple[str, ...]:
        """The names of all that people may be notified of."""
        late = [late_name(alert.name) for alert in self.alerts if alert.behaviour.late_after]
        return (*(alert.name for alert in (*self.alerts, *filter(None, [self.watch]))), *late)

    def receivers(self, name: str) -> tuple[NoticeTarget, ...] | None:
        """Whom an alert of this name, or one about it, notifies; None where there is none."""
        if self.watch and name == self.watch.name:
            return self.watch.targets
        alert = self.alert(name) or self.alert(name.removesuffix(_LATE))
        return alert.targets if alert else None

    def alert(self, name: str) -> SentinelAlert | None:
        return next((alert for alert in self.alerts if alert.name == name), None)


def late_name(name: str) -> str:
    """The alert that says that another one's answers are late."""
    return f"{name}{_LATE}"


_LATE = ": late"
UTC_ZONE = ZoneInfo("UTC")
