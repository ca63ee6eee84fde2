"""Which alerts of a file are due, over changes of the file; every slot is given once. Pure."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from app.alerting.sqlsentinel.models import SentinelAlert, SentinelFile
from app.market.slots import NEVER


@dataclass(frozen=True, slots=True)
class FileChange:
    """What is different in a file, by the names of its alerts."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


class DueAlerts:
    """The enabled alerts of a file in the order of their next slots."""

    def __init__(self) -> None:
        self._alerts: dict[str, SentinelAlert] = {}
        self._slots: dict[str, datetime] = {}
        self._heap: list[tuple[datetime, int, str]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._slots)

    def use(self, file: SentinelFile, now: datetime, last: Mapping[str, datetime]) -> FileChange:
        """Take a file. An alert that stayed the same keeps its slot; the first slot after its last run counts for another,
        so that a run that was missed while nobody looked is made up for, once."""
        before, self._alerts = self._alerts, {alert.name: alert for alert in file.alerts}
        changed: list[str] = []
        for name, alert in self._alerts.items():
            if (known := before.get(name)) is not None and replace(known, line=alert.line) == alert:
                continue
            changed.append(name)
            self._slots.pop(name, None)
            same_schedule = known is None or known.schedule == alert.schedule
            since = min(last.get(name, now), now) if same_schedule else now
            slot = alert.schedule.next_slot(since)
            if alert.enabled and slot != NEVER:
                self._push(name, slot)
        removed = tuple(name for name in before if name not in self._alerts)
        for name in removed:
            self._slots.pop(name, None)
        return FileChange(
            tuple(name for name in changed if name not in before),
            tuple(name for name in changed if name in before),
            removed,
        )

    def pop(self, now: datetime) -> list[tuple[SentinelAlert, datetime]]:
        """What is due, each with its slot; several slots of one alert that have passed are one."""
        found: list[tuple[SentinelAlert, datetime]] = []
        while self._heap and self._heap[0][0] <= now:
            slot, _, name = heapq.heappop(self._heap)
            if self._slots.get(name) != slot:
                continue  # it was changed or removed since
            alert = self._alerts[name]
            found.append((alert, slot))
            following = alert.schedule.next_slot(now)
            del self._slots[name]
            if following != NEVER:
                self._push(name, following)
        return found

    def next_slot(self) -> datetime | None:
        """The earliest slot that is still to come."""
        while self._heap and self._slots.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _push(self, name: str, slot: datetime) -> None:
        self._slots[name] = slot
        heapq.heappush(self._heap, (slot, next(self._numbers), name))
