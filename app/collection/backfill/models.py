"""What a backfill is: its request, its windows and their states, its progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from app.collection.gaps.classification import Reason
from app.collection.gaps.windows import AskEvidence
from app.collection.models import CollectionRequest, CollectionRun, Outcome, Work
from app.errors import AccessDenied, AnswerOutdated, RateLimited, SourceUnavailable
from app.market.text import counted
from app.settings import BackfillSettings

UNANSWERED_BY = frozenset({SourceUnavailable.__name__, RateLimited.__name__})
"""The errors of windows that the source did not answer."""
LONGEST_HOLD = timedelta(minutes=10)
"""One window asks so often whether a source is back that was down for long."""
TELLING, TELLING_SECONDS = 10, 3.0
"""So many windows, ended over so long, tell the pace of a backfill; never those that began together alone."""


class Reprocess(StrEnum):
    """Which windows of the range are asked for."""

    MISSING = "missing"
    MISSING_AND_FAILED = "missing+failed"
    ALL = "all"


class WindowState(StrEnum):
    """Where a window stands; `empty` is an answer of the source ("no matching data"), not a failure."""

    PENDING = "pending"
    CLAIMED = "claimed"
    STORED = "stored"
    EMPTY = "empty"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        return self not in {WindowState.PENDING, WindowState.CLAIMED}


class BackfillState(StrEnum):
    """Where a backfill stands; it is completed once every window has ended, failed ones too."""

    RUNNING = "running"
    HELD = "held"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    COMPLETED = "completed"

    @property
    def terminal(self) -> bool:
        return self in {BackfillState.CANCELLED, BackfillState.COMPLETED}


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """What is to be backfilled; `concurrency` is the number of windows under way at once, over all processes.

    `stays`: a person asked for it, so that what the source lacks now stays asked for.
    """

    requests: tuple[CollectionRequest, ...]
    reprocess: Reprocess = Reprocess.MISSING
    newest_first: bool = True
    concurrency: int = 4
    description: str = ""
    stays: bool = False


@dataclass(frozen=True, slots=True)
class MissingInterval:
    """An interval of an item and place (`Place.eic`) without values; `since` is when the first of them is due."""

    item: str
    area: str
    start: datetime
    end: datetime
    reason: Reason = Reason.OURS
    since: datetime | None = None
    evidence: AskEvidence = AskEvidence.NEVER_ASKED

    @property
    def wanted(self) -> bool:
        """Whether asking for it may bring a value."""
        return self.reason in {Reason.LATE, Reason.OURS}


@dataclass(frozen=True, slots=True)
class ClaimedWindow:
    """A claimed window; only the holder of the lease may end it."""

    window_id: int
    backfill_id: int
    work: Work
    lease: UUID
    attempts: int


class WindowEnd(StrEnum):
    """What came of a window here: nothing (its lease was lost, or there was none), or its end."""

    LOST = "lost"
    LAST = "last"
    """No other window of the backfill can be claimed at this moment."""
    MORE = "more"


@dataclass(frozen=True, slots=True)
class Opening:
    """So many windows of a backfill can be claimed at once."""

    backfill_id: int
    windows: int


@dataclass(frozen=True, slots=True)
class BackfillRetryPolicy:
    """How often a window is tried, the first pause after a failure, how long a claim lasts without a sign of life."""

    attempts: int = 5
    retry: timedelta = timedelta(seconds=60)
    lease: timedelta = timedelta(seconds=60)

    @classmethod
    def of(cls, settings: BackfillSettings) -> Self:
        return cls(
            settings.attempts, timedelta(seconds=settings.retry_seconds), timedelta(seconds=settings.lease_seconds)
        )

    def hold(self, rounds: int) -> timedelta:
        """How long a backfill waits for its source after so many rounds of failures."""
        return min(self.pause(rounds), max(self.retry, LONGEST_HOLD))

    def pause(self, failures: int) -> timedelta:
        """The pause after so many failures: doubled each time, an hour at most."""
        doublings = max(0, min(failures, 20) - 1)
        return min(self.retry * float(2**doublings), max(self.retry, timedelta(hours=1)))


class WindowDecision(StrEnum):
    """What a run means for its window."""

    ENDED = "ended"
    LATER = "later"
    REFUSED = "refused"


AGAIN = UNANSWERED_BY | {AnswerOutdated.__name__}


def next_step(run: CollectionRun, attempts: int, patience: BackfillRetryPolicy) -> WindowDecision:
    """A source that does not answer is asked again later; one that refuses the token is asked by a person first.

    So is one whose answer came too late to be believed, for which the source can do nothing.
    """
    if run.outcome is not Outcome.FAILED:
        return WindowDecision.ENDED
    if run.error_class == AccessDenied.__name__:
        return WindowDecision.REFUSED
    return WindowDecision.LATER if run.error_class in AGAIN and attempts < patience.attempts else WindowDecision.ENDED


@dataclass(frozen=True, slots=True)
class WindowAttempt:
    """What came of one attempt at a window."""

    outcome: Outcome
    run_id: int | None = None
    requests: int = 0
    error_class: str = ""
    error_message: str = ""

    @classmethod
    def of_run(cls, run: CollectionRun) -> WindowAttempt:
        return cls(run.outcome, run.run_id, run.statistics.requests, run.error_class, run.error_message)

    @classmethod
    def of_error(cls, error: Exception) -> WindowAttempt:
        return cls(Outcome.FAILED, error_class=type(error).__name__, error_message=str(error))


@dataclass(frozen=True, slots=True)
class FailedWindow:
    """A window that failed, for a person to read; `run_id` leads to the collection run."""

    item: str
    area: str
    start: datetime
    end: datetime
    attempts: int
    error_class: str
    error_message: str
    run_id: int | None


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """A window of a backfill and where it stands, for a person to read; `position` is its place in the plan."""

    position: int
    item: str
    area: str
    start: datetime
    end: datetime
    state: WindowState
    attempts: int
    requests: int
    claimed_by: str
    ended_at: datetime | None
    error_class: str
    error_message: str
    run_id: int | None


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds windows; without a sign of life of it they are free again at `until`."""

    name: str
    windows: int
    until: datetime


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """A backfill and its windows by state; `requests` is what the ended ones cost.

    The `recent_windows` ended within `recent_seconds`, each after `window_seconds` of work without waiting for the budget.
    `claimable`: a window could be claimed now if fewer were under way; `last_ended` is when one ended last. `waiting`:
    nobody holds one that could be claimed, and none has ended for a while.
    """

    backfill_id: int
    description: str
    state: BackfillState
    reason: str
    created_at: datetime
    finished_at: datetime | None
    reprocess: Reprocess
    newest_first: bool
    concurrency: int
    counts: Mapping[WindowState, int]
    requests: int
    claimable: bool = False
    holders: tuple[Holder, ...] = ()
    last_ended: datetime | None = None
    waiting: bool = False
    recent_windows: int = 0
    recent_seconds: float = 0.0
    window_seconds: float | None = None

    @property
    def planned(self) -> int:
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        return sum(count for state, count in self.counts.items() if state.terminal)

    @property
    def pace(self) -> float | None:
        """Windows a second that ended of late; None where too few did to tell."""
        if self.recent_windows < TELLING or self.recent_seconds <= 0:
            return None
        return (self.recent_windows - 1) / self.recent_seconds

    @property
    def explanation(self) -> str:
        """Why it stands where it stands, with the remedy where nobody works on it."""
        if self.waiting:
            return (
                "waiting for a worker: a running `gridkeeper serve` takes its windows within seconds; where none runs, "
                f"start it, or `gridkeeper backfill resume {self.backfill_id} --follow`"
            )
        if self.state is BackfillState.COMPLETED and (empty := self.counts[WindowState.EMPTY]):
            return f"completed, {counted(empty, 'window')} empty"
        return self.reason

    def held_by_others(self, worker: str) -> tuple[Holder, ...]:
        """Whom the worker has to wait for before it may claim a window; nobody while it has one or could have one."""
        if any(one.name == worker for one in self.holders):
            return ()
        free = self.concurrency - sum(one.windows for one in self.holders)
        return () if self.claimable and free > 0 else self.holders

    def seconds_left(self, requests_per_second: float) -> float:
        """What the remaining windows take by what is measured: requests and seconds of each, and the pace of late."""
        answered = sum(self.counts[state] for state in (WindowState.STORED, WindowState.EMPTY, WindowState.FAILED))
        each = max(1.0, self.requests / answered) if answered else 1.0
        pace = windows_per_second(requests_per_second, each, self.window_seconds or 0.0, self.concurrency)
        telling = max(TELLING_SECONDS, 2 * (self.window_seconds or 0.0))
        if self.recent_windows >= TELLING and self.recent_seconds >= telling:
            pace = min(pace, (self.recent_windows - 1) / self.recent_seconds)
        return (self.planned - self.ended) / pace


def windows_per_second(requests_per_second: float, requests: float, seconds: float, concurrency: int) -> float:
    """How fast windows can be worked on that take so many requests and seconds each."""
    pace = requests_per_second / max(1.0, requests)
    return min(pace, concurrency / seconds) if seconds > 0 else pace
