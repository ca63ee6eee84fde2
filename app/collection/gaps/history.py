"""What became of gaps between two analyses: which values began to be missing, came, or have another reason. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from app.collection.gaps.classification import Reason
from app.collection.gaps.models import GapRow
from app.market.areas import find_place
from app.market.time import Interval, Resolution

_Line = tuple[str, str, int | None]


@dataclass(frozen=True, slots=True)
class GapChange:
    """Missing values whose reason changed; None is no gap. `whole`: they are a whole gap and not a part of one."""

    item: str
    area: str
    series_id: int | None
    interval: Interval
    resolution: Resolution
    missing: int
    was: Reason | None
    reason: Reason | None
    since: datetime
    whole: bool


def gap_changes(before: Collection[GapRow], after: Collection[GapRow]) -> list[GapChange]:
    """What differs between the gaps of two analyses, by series and time; gaps that stay may be left out of both."""
    old, new = _by_line(before), _by_line(after)
    lines = sorted(set(old) | set(new), key=lambda line: (line[0], line[1], line[2] or 0))
    return [change for line in lines for change in _changes(old.get(line, []), new.get(line, []))]


def _by_line(rows: Collection[GapRow]) -> dict[_Line, list[GapRow]]:
    found: dict[_Line, list[GapRow]] = {}
    for row in sorted(rows, key=lambda row: row.interval.start):
        found.setdefault((row.item, row.area, row.series_id), []).append(row)
    return found


def _changes(before: Sequence[GapRow], after: Sequence[GapRow]) -> Iterator[GapChange]:
    """Of one series; between two edges of gaps everything is missing, or nothing, before as well as after."""
    edges = {edge for row in (*before, *after) for edge in (row.interval.start, row.interval.end)}
    for start, end in pairwise(sorted(edges)):
        old, new = _at(before, start), _at(after, start)
        gap = new or old
        if gap is not None and (old.reason if old else None) != (new.reason if new else None):
            yield _change(gap, Interval(start, end), old, new)


def _at(rows: Sequence[GapRow], instant: datetime) -> GapRow | None:
    place = bisect_right(rows, instant, key=lambda row: row.interval.start)
    return rows[place - 1] if place and instant < rows[place - 1].interval.end else None


def _change(gap: GapRow, part: Interval, old: GapRow | None, new: GapRow | None) -> GapChange:
    return GapChange(
        gap.item,
        gap.area,
        gap.series_id,
        part,
        gap.resolution,
        gap.resolution.count(part, find_place(gap.area).zone),
        old.reason if old else None,
        new.reason if new else None,
        gap.since,
        part == (old or gap).interval,
    )
