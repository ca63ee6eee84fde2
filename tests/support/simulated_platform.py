"""A seeded platform on simulated time, and a service that asks it: the pure decisions of the service, without a database.

Values are published late, in holes that are filled days later or never, and published anew; answers may be empty or fail
for a while. The service has the jobs of the plan with their intervals, and decides with the functions that `serve` uses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from app.collection.answers import Answers
from app.collection.corrections import item_pace, windows_again
from app.collection.gaps.classification import REASONS, Asked, Reason, classify_gaps, due
from app.collection.gaps.question_schedule import DAY, HOUR, AskPolicy
from app.collection.gaps.windows import Gap, windows_due
from app.collection.models import CollectionRequest
from app.entsoe.items import ITEMS, request_windows
from app.market.areas import Place
from app.market.calendar import AfterDelivery
from app.market.series import DataItem
from app.market.time import MARKET_ZONE, Interval, Resolution
from app.scheduling.due import considered, expected, fresh_request, merge_requests, next_hour
from app.scheduling.jobs.collection import PRICES
from app.scheduling.plan import group_of
from app.timeseries.grid import Units, contiguous_runs
from app.wiring.catalog import CATALOG

NEVER = np.iinfo(np.int64).max
RECENT_DAYS, ANALYSIS_DAYS = 7, 45
UNIT = Resolution.PT60M


def second(instant: datetime) -> int:
    return int(instant.timestamp())


@dataclass
class PublishedSeries:
    """One hourly series of an item and place: when each unit appears, and when units are published anew."""

    item: DataItem
    place: Place
    starts: NDArray[np.int64]
    appears: NDArray[np.int64]
    corrections: list[tuple[int, NDArray[np.int64]]] = field(default_factory=list)
    empty: list[tuple[int, int]] = field(default_factory=list)
    """Times in which every answer wrongly is "no matching data"."""
    failing: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(cls, item: DataItem, place: Place, interval: Interval) -> PublishedSeries:
        """All of an interval, each unit twenty minutes before its deadline; prices at 12:57 in Brussels."""
        starts = UNIT.starts(interval, place.zone)
        units = Units(starts, starts + HOUR, np.full(len(starts), UNIT.id, np.int16))
        deadlines = due(CATALOG.publication(item), units, place.zone, None)
        early = 48 if item is DataItem.PRICE_DAY_AHEAD else 20
        return cls(item, place, starts, deadlines - early * 60)

    def between(self, first: datetime, last: datetime) -> NDArray[np.int64]:
        """The numbers of the units that start in between."""
        begin, end = np.searchsorted(self.starts, (second(first), second(last)))
        return np.arange(begin, end)

    def hole(self, first: datetime, last: datetime, filled: datetime | None) -> None:
        self.appears[self.between(first, last)] = second(filled) if filled else NEVER

    def correct(self, moment: datetime, units: NDArray[np.int64]) -> None:
        self.corrections.append((second(moment), units))

    def correct_at_random(self, random: np.random.Generator, interval: Interval, share: float) -> None:
        """On a share of the days six hours are published anew, an hour to five days after delivery, on working days."""
        for first in range(second(interval.start), second(interval.end), DAY):
            if random.random() >= share:
                continue
            begin = first + int(random.integers(0, 18)) * HOUR
            moment = begin + 6 * HOUR + int(random.integers(HOUR, 5 * DAY))
            while datetime.fromtimestamp(moment, UTC).weekday() > 4:
                moment += DAY
            self.corrections.append((moment, np.flatnonzero((self.starts >= begin) & (self.starts < begin + 6 * HOUR))))

    def versions(self, now: int) -> NDArray[np.int64]:
        """The version of each unit that is public: -1 where it is not."""
        found = np.where(self.appears <= now, 0, -1)
        for moment, units in self.corrections:
            if moment <= now:
                found[units] += 1
        return found


class SimulatedService:
    """Asks for one series as `serve` does, with its jobs at their intervals."""

    def __init__(self, series: PublishedSeries, start: datetime, *, backfilled: bool = True, tick: int = 10) -> None:
        self.series = series
        self.now = start
        self.tick = timedelta(minutes=tick)
        self.stored = np.full(len(series.starts), -1, np.int64)
        self.stored_at = np.zeros(len(series.starts), np.int64)
        self.requests: list[tuple[int, Interval]] = []
        self._runs: list[tuple[int, int, int, bool, bool]] = []
        self._read_runs: tuple[int, tuple[NDArray[np.int64], ...]] = (-1, ())
        self._first = datetime.fromtimestamp(int(series.starts[0]), UTC)
        if backfilled:
            self._ask(Interval(self._first, start))

    def run(self, days: float) -> None:
        end = self.now + timedelta(days=days)
        while self.now < end:
            self.now += self.tick
            self._step()

    def stale(self) -> NDArray[np.int64]:
        """The units whose stored value is another than the public one."""
        return np.flatnonzero(self.series.versions(second(self.now)) != self.stored)

    def requests_between(self, first: datetime, last: datetime) -> int:
        return sum(second(first) <= moment < second(last) for moment, _ in self.requests)

    def _step(self) -> None:
        minute = second(self.now) // 60
        if self._collects(minute):
            self._collect()
        self._again(self._first)
        if minute % 240 < self.tick.total_seconds() // 60:
            self._fill(self.now - timedelta(days=ANALYSIS_DAYS), self.now)
            # What is older is known from the gaps that are kept.
            self._fill(self._first, self.now - timedelta(days=ANALYSIS_DAYS))

    def _collects(self, minute: int) -> bool:
        group = group_of(self.series.item, CATALOG)
        if group == PRICES:
            local = self.now.astimezone(MARKET_ZONE)
            return (local.hour, local.minute) >= (12, 45)
        return minute % (30 if group == "near_real_time" else 360) < self.tick.total_seconds() // 60

    def _request(self, days: int) -> CollectionRequest:
        item, place = self.series.item, self.series.place
        return CollectionRequest(item, place, considered(item, place, days, self.now, catalog=CATALOG))

    def _collect(self) -> None:
        request = self._request(RECENT_DAYS)
        gaps = self._gaps(request.interval)
        found = list(windows_due(gaps, now=self.now).requests)
        found += [one for gap in gaps if (one := expected(gap, self.now))]
        fresh = fresh_request(request, self.now, CATALOG)
        again = self._due_again(request.interval)
        for one in merge_requests([*found, *([fresh] if fresh else []), *again]):
            self._ask(one.interval)

    def _again(self, first: datetime) -> None:
        request = self._request(0)
        for one in merge_requests(self._due_again(Interval(first, request.interval.end))):
            self._ask(one.interval)

    def _due_again(self, interval: Interval) -> list[CollectionRequest]:
        item, place = self.series.item, self.series.place
        stored = np.flatnonzero(self.stored >= 0)
        if not len(stored):
            return []
        end = interval.end
        if isinstance(ITEMS[item].publication, AfterDelivery):
            end = datetime.fromtimestamp(int(self.series.starts[stored[-1]]) + HOUR, UTC)
        first = datetime.fromtimestamp(int(self.series.starts[stored[0]]), UTC)
        part = Interval(first, max(first, end)).intersection(interval)
        windows = windows_again(part, self._answers(), item_pace(item, CATALOG), self.now) if part else []
        return [CollectionRequest(item, place, window) for window in windows]

    def _fill(self, first: datetime, last: datetime) -> None:
        if first < last:
            for one in windows_due(self._gaps(Interval(first, last)), now=self.now).requests:
                self._ask(one.interval)

    def _gaps(self, interval: Interval) -> list[Gap]:
        inside = (self.series.starts >= second(interval.start)) & (self.series.starts < second(interval.end))
        missing = self.series.starts[inside & (self.stored < 0)]
        if not len(missing):
            return []
        units = Units(missing, missing + HOUR, np.full(len(missing), UNIT.id, np.int16))
        due_at = due(CATALOG.publication(self.series.item), units, self.series.place.zone, None)
        verdict = classify_gaps(units, due_at, self._asked(units), second(self.now), AskPolicy())
        labels = verdict.reasons.astype(np.int64) + 8 * verdict.next_ask
        return [
            Gap(
                self.series.item, self.series.place, None, _interval(units, part), UNIT, part.stop - part.start,
                REASONS[int(verdict.reasons[part.start])], self.now,
                int(verdict.asked[part.start]), None, datetime.fromtimestamp(int(verdict.next_ask[part.start]), UTC),
            )
            for part in contiguous_runs(units, labels)
        ]  # fmt: skip

    def _columns(self) -> tuple[NDArray[np.int64], ...]:
        if self._read_runs[0] != len(self._runs):
            self._read_runs = len(self._runs), tuple(np.array(self._runs, np.int64).reshape(-1, 5).T)
        return self._read_runs[1]

    def _asked(self, units: Units) -> Asked:
        begins, ends, finished, usable, _ = self._columns()
        meets = (ends > units.starts[0]) & (begins < units.ends[-1])
        return Asked(begins[meets], ends[meets], finished[meets], finished[meets], usable[meets].astype(np.bool_))

    def _answers(self) -> Answers:
        """What the statement of `AnswerRepository` reads."""
        begins, ends, finished, usable, corrected = self._columns()
        now = second(self.now)
        read = (finished > now - 12 * HOUR) | (ends - begins > 4 * HOUR) | (finished - ends > 20 * HOUR)
        return Answers(begins[read], ends[read], finished[read], usable[read] > 0, corrected[read] > 0)

    def _ask(self, interval: Interval) -> None:
        for window in request_windows(ITEMS[self.series.item], self.series.place, interval):
            now = second(self.now)
            self.requests.append((now, window))
            usable = not any(first <= now < last for first, last in self.series.failing)
            corrected = usable and self._store(window, now)
            self._runs.append((second(window.start), second(window.end), now, usable, corrected))

    def _store(self, window: Interval, now: int) -> bool:
        """Whether a stored value has become another."""
        if any(first <= now < last for first, last in self.series.empty):
            return False
        units = self.series.between(window.start, window.end)
        public = self.series.versions(now)[units]
        changed = units[(public != self.stored[units]) & (public >= 0)]
        corrected = bool((self.stored[changed] >= 0).any())
        self.stored[changed] = self.series.versions(now)[changed]
        self.stored_at[changed] = now
        return corrected


def _interval(units: Units, part: slice) -> Interval:
    return Interval(
        datetime.fromtimestamp(int(units.starts[part.start]), UTC),
        datetime.fromtimestamp(int(units.ends[part.stop - 1]), UTC),
    )


__all__ = ["NEVER", "PublishedSeries", "Reason", "SimulatedService", "next_hour", "second"]
