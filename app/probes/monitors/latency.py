"""How long checks of a website took, phase by phase, over a range. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

PHASES = ("dns", "connect", "tls", "first_byte", "rest")
"""What a check takes its time for, in order; `rest` is the body and what lies between the others."""


class LatencyRange(StrEnum):
    """How far back one looks."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_SPANS: Mapping[LatencyRange, tuple[timedelta, timedelta]] = {
    LatencyRange.DAY: (timedelta(days=1), timedelta(minutes=10)),
    LatencyRange.WEEK: (timedelta(days=7), timedelta(hours=1)),
    LatencyRange.MONTH: (timedelta(days=30), timedelta(hours=4)),
    LatencyRange.QUARTER: (timedelta(days=90), timedelta(days=1)),
    LatencyRange.YEAR: (timedelta(days=365), timedelta(days=1)),
}


@dataclass(frozen=True, slots=True)
class LatencySpan:
    """A range in equal steps that ends now; where it is long only days that were added up tell of it."""

    start: datetime
    end: datetime
    step: timedelta
    added_up: bool

    @classmethod
    def of(cls, chosen: LatencyRange, interval: timedelta, now: datetime) -> LatencySpan:
        """Steps are no shorter than the time between two checks."""
        length, step = _SPANS[chosen]
        end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        return cls(end - length, end, max(step, interval), step >= timedelta(days=1))

    def place(self, at: datetime) -> float:
        """Where an instant is in it, from 0 to 1."""
        return min(max((at - self.start) / (self.end - self.start), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class LatencyStep:
    """The checks of a step; times are means of good ones, and what is not known of them is None."""

    start: datetime
    checks: int
    failed: int
    whole_ms: float | None
    slowest_ms: float | None = None
    phases_ms: Mapping[str, float] | None = None
    """By phase; together they are the whole."""


def phases_of(
    dns: float | None, connect: float | None, tls: float | None, first_byte: float | None, whole: float
) -> dict[str, float]:
    """The times of all phases; one that was not needed took none."""
    known = [value or 0.0 for value in (dns, connect, tls, first_byte)]
    return dict(zip(PHASES, [*known, max(0.0, whole - sum(known))], strict=True))


@dataclass(frozen=True, slots=True)
class PhaseFigures:
    """A phase over the whole range, in milliseconds."""

    phase: str
    median_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """A range step by step, with figures of each phase and of the whole where single results are kept."""

    span: LatencySpan
    steps: Sequence[LatencyStep]
    figures: Sequence[PhaseFigures]

    @property
    def longest_ms(self) -> float:
        return max((one.whole_ms for one in self.steps if one.whole_ms is not None), default=0.0)
