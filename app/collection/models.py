"""What the collection does and leaves behind: requests, runs, sums."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self

from app.market.areas import Place
from app.market.series import DataItem
from app.market.time import Interval
from app.sources.source import FetchStatistics, RejectedPoint


class Outcome(StrEnum):
    """How a window ended; `empty` is an answer ("no matching data"), not a failure."""

    STORED = "stored"
    EMPTY = "empty"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CollectionRequest:
    """One data item for one area or border over an interval of any length."""

    item: DataItem
    place: Place
    interval: Interval


@dataclass(frozen=True, slots=True)
class Work:
    """One window, small enough for one request to the source."""

    item: DataItem
    place: Place
    window: Interval


SUMMED = ("received", "new", "revised", "unchanged", "vanished", "rejected", "notes", "store_seconds")


@dataclass(frozen=True, slots=True)
class CollectionRun:
    """One window asked for, and what came of it. Times are aware UTC, durations seconds."""

    source: str
    item: DataItem
    place: Place
    window: Interval
    started_at: datetime
    finished_at: datetime
    outcome: Outcome
    statistics: FetchStatistics
    received: int = 0
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    vanished: int = 0
    rejected: tuple[RejectedPoint, ...] = ()
    notes: tuple[str, ...] = ()
    store_seconds: float = 0.0
    error_class: str = ""
    error_message: str = ""
    run_id: int | None = None

    @classmethod
    def begun(cls, source: str, work: Work, at: datetime) -> Self:
        """A run that asks from now on; until it ends otherwise it has failed."""
        return cls(source, work.item, work.place, work.window, at, at, Outcome.FAILED, FetchStatistics())

    def failed(self, error_class: str, message: str, at: datetime) -> Self:
        """The run, ended by an error."""
        return replace(self, finished_at=at, error_class=error_class, error_message=message)

    def joined_with(self, later: CollectionRun) -> CollectionRun:
        """Two adjacent windows that shared their statistics, as one run; it failed if one of them did."""
        sums = {name: getattr(self, name) + getattr(later, name) for name in SUMMED}
        outcomes = {self.outcome, later.outcome}
        failure = self if self.outcome is Outcome.FAILED else later
        outcome = next(one for one in (Outcome.FAILED, Outcome.STORED, Outcome.EMPTY) if one in outcomes)
        return replace(
            later,
            **sums,
            window=Interval(self.window.start, later.window.end),
            outcome=outcome,
            error_class=failure.error_class,
            error_message=failure.error_message,
        )


class RunObserver(Protocol):
    """Learns of every finished run; never on the path of the collection itself."""

    async def observe(self, run: CollectionRun) -> None: ...


@dataclass(slots=True)
class RunSums:
    """The sums over the runs of one item and area. `seconds` is the time from the first start to the last end."""

    item: str
    area: str
    windows: int = 0
    received: int = 0
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    vanished: int = 0
    rejected: int = 0
    empty: int = 0
    failed: int = 0
    requests: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    failures: list[CollectionRun] = field(default_factory=list)
    rejections: list[RejectedPoint] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        if self.started_at is None or self.finished_at is None:
            return 0.0
        return (self.finished_at - self.started_at).total_seconds()

    def add(self, run: CollectionRun) -> None:
        self.windows += 1
        for name in ("received", "new", "revised", "unchanged", "vanished"):
            setattr(self, name, getattr(self, name) + getattr(run, name))
        self.rejected += len(run.rejected)
        self.requests += run.statistics.requests
        self.empty += run.outcome is Outcome.EMPTY
        self.failed += run.outcome is Outcome.FAILED
        self.started_at = min(filter(None, (self.started_at, run.started_at)))
        self.finished_at = max(filter(None, (self.finished_at, run.finished_at)))
        self.rejections.extend(run.rejected)
        self.notes.extend(run.notes)
        if run.outcome is Outcome.FAILED:
            self.failures.append(run)


class Summary:
    """The sums per item and area, in the order in which they were first seen."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], RunSums] = {}

    def add(self, run: CollectionRun) -> None:
        self.sums_of(run.item, run.place).add(run)

    def sums_of(self, item: DataItem, place: Place) -> RunSums:
        return self._sums.setdefault((item, place.code), RunSums(item, place.code))

    @property
    def sums(self) -> list[RunSums]:
        return list(self._sums.values())

    @property
    def failures(self) -> list[CollectionRun]:
        return [run for sums in self.sums for run in sums.failures]
