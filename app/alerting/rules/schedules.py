"""When a rule is due: an interval or a cron expression. Instants are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zlib import crc32

from app.kit.durations import show_duration
from app.market.slots import EPOCH


@dataclass(frozen=True, slots=True)
class EveryInterval:
    """Every so long, counted from 1970 plus an offset that keeps rules of one interval apart."""

    length: timedelta
    offset: timedelta = timedelta(0)

    def next_slot(self, after: datetime) -> datetime:
        origin = EPOCH + self.offset
        return origin + ((after - origin) // self.length + 1) * self.length

    def __str__(self) -> str:
        return f"every {show_duration(self.length)}"


def spread(every: EveryInterval, name: str) -> EveryInterval:
    """The interval moved by a part of itself that the name decides: the same in every process."""
    return replace(every, offset=every.length * (crc32(name.encode()) % 1000) / 1000)
