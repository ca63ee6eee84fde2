"""The last checks, hours or days of a website as ninety bars. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.probes.websites.models import OURS, StatusWindow, WindowKind

BARS = 90
TICK = timedelta(microseconds=1)


class BarLength(StrEnum):
    """What a bar stands for."""

    CHECKS = "checks"
    HOURS = "hours"
    DAYS = "days"


_STEPS = {BarLength.HOURS: timedelta(hours=1), BarLength.DAYS: timedelta(days=1)}


class BarTone(StrEnum):
    """What a bar shows: all good, some failed, half or more failed, failed in maintenance, ours, or nothing."""

    GOOD = "good"
    PARTLY = "partly"
    FAILED = "failed"
    PLANNED = "planned"
    OURS = "ours"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CountedChecks:
    """Checks of an hour or a day, or one check by itself; the latency is that of good ones."""

    at: datetime
    checks: int
    good: int
    ours: int
    total_ms: float
    reason: str = ""

    @property
    def failed(self) -> int:
        return self.checks - self.good - self.ours


@dataclass(frozen=True, slots=True)
class HistoryBar:
    """One of the ninety; `why` says of a bar without checks what there was in their place."""

    tone: BarTone
    found: CountedChecks | None
    why: str = ""

    @property
    def latency_ms(self) -> float | None:
        found = self.found
        return found.total_ms / found.good if found is not None and found.good else None


def first_bar(length: BarLength, now: datetime) -> datetime:
    """Where ninety hours or days of UTC that end with the present one begin; of checks a day ago."""
    if length is BarLength.CHECKS:
        return now - timedelta(days=1)
    return _begin(length, now) - (BARS - 1) * _STEPS[length]


def _begin(length: BarLength, at: datetime) -> datetime:
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if length is BarLength.HOURS else hour.replace(hour=0)


def history_bars(
    length: BarLength, found: Sequence[CountedChecks], windows: Iterable[StatusWindow], now: datetime
) -> list[HistoryBar]:
    """The ninety bars, the oldest first; `windows` are those that reach into the range."""
    kinds: dict[WindowKind, list[StatusWindow]] = {}
    for window in windows:
        kinds.setdefault(window.kind, []).append(window)
    planned = kinds.get(WindowKind.MAINTENANCE, [])
    if length is BarLength.CHECKS:
        bars = [HistoryBar(_tone(one, planned=_within(planned, one.at, one.at + TICK)), one) for one in found[-BARS:]]
        return [HistoryBar(BarTone.NONE, None)] * (BARS - len(bars)) + bars
    return list(_periods(_STEPS[length], first_bar(length, now), {one.at: one for one in found}, kinds))


def _periods(
    step: timedelta,
    start: datetime,
    found: Mapping[datetime, CountedChecks],
    kinds: Mapping[WindowKind, Sequence[StatusWindow]],
) -> Iterator[HistoryBar]:
    for number in range(BARS):
        begin = start + number * step
        one = found.get(begin)
        if one is not None:
            yield HistoryBar(
                _tone(one, planned=_within(kinds.get(WindowKind.MAINTENANCE, ()), begin, begin + step)), one
            )
            continue
        why = next((kind for kind in WindowKind if _within(kinds.get(kind, ()), begin, begin + step)), "")
        tone = BarTone.FAILED if why is WindowKind.DOWN else BarTone.NONE
        yield HistoryBar(tone, CountedChecks(begin, 0, 0, 0, 0.0), str(why))


def _within(windows: Iterable[StatusWindow], start: datetime, end: datetime) -> bool:
    return any(one.start < end and (one.end is None or one.end > start) for one in windows)


def _tone(found: CountedChecks, *, planned: bool) -> BarTone:
    if found.ours == found.checks:
        return BarTone.OURS
    if not found.failed:
        return BarTone.GOOD
    if planned:
        return BarTone.PLANNED
    return BarTone.FAILED if 2 * found.failed >= found.checks - found.ours else BarTone.PARTLY


def check_of(at: datetime, ok: bool, reason: str, total_ms: float) -> CountedChecks:
    """One check by itself."""
    return CountedChecks(at, 1, int(ok), int(reason == OURS), total_ms if ok else 0.0, reason)


def cycle_bars(found: Sequence[tuple[CountedChecks, str]]) -> list[HistoryBar]:
    """The last ninety cycles of a service with their outcomes; one that gave no token has failed."""
    bars = [
        HistoryBar(BarTone.FAILED if outcome == "auth" else BarTone.NONE, one, outcome)
        if not one.checks
        else HistoryBar(_tone(one, planned=False), one)
        for one, outcome in found[-BARS:]
    ]
    return [HistoryBar(BarTone.NONE, None)] * (BARS - len(bars)) + bars
