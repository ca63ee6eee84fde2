"""How far an answer reaches into its window: what it leaves out at an end may have been cut off. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from app.entsoe.items import ItemSpec
from app.market.areas import Place
from app.market.calendar import deadlines
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Interval, Resolution

SPARE = timedelta(days=1)
"""Less than a day without values at the begin is usual: a zone whose day begins later. At the end it is so while the values
are that fresh: a source may be late."""
MANY_SERIES = 5
"""An answer with a fifth of the TimeSeries that a page may hold, but not a whole page, may lack a series altogether."""


def unread(
    spec: ItemSpec, place: Place, window: Interval, blocks: Sequence[SeriesBlock], now: datetime, *, spare: bool
) -> list[Interval]:
    """The ends of the window that should have values by now and for which the answer has none.

    Where answers are limited to so many TimeSeries, one that is cut may lack the end of some series alone. `spare`: less
    than a day at the end does not count.
    """
    ends = [part for group in _groups(spec, blocks) for part in _ends(spec, place, window, group, now, spare=spare)]
    head = max((part.end for part in ends if part.start == window.start), default=window.start)
    tail = max(head, min((part.start for part in ends if part.start > window.start), default=window.end))
    return [part for part in (Interval(window.start, head), Interval(tail, window.end)) if not part.empty]


def brings(blocks: Collection[SeriesBlock], part: Interval) -> bool:
    """Whether a value begins within the interval."""
    first, last = part.start.timestamp(), part.end.timestamp()
    return any(bool(((block.starts >= first) & (block.starts < last)).any()) for block in blocks)


def last_day(spec: ItemSpec, window: Interval, blocks: Sequence[SeriesBlock], count: int) -> Interval | None:
    """The day that shows whether an answer of so many TimeSeries lacks one altogether; None where it need not be asked for.

    A platform that sends fewer than it documents may end an answer between two series.
    """
    if not blocks or spec.max_series is None or not spec.max_series / MANY_SERIES <= count < spec.max_series:
        return None
    end = _instant(max(int(block.starts.max() + block.resolution.seconds) for block in blocks))
    return Interval(end - SPARE, end) if window.duration > SPARE else None


def _groups(spec: ItemSpec, blocks: Sequence[SeriesBlock]) -> list[list[SeriesBlock]]:
    if spec.max_series is None:
        return [list(blocks)] if blocks else []
    by_key: dict[SeriesKey, list[SeriesBlock]] = {}
    for block in blocks:
        by_key.setdefault(block.key, []).append(block)
    return list(by_key.values())


def _ends(
    spec: ItemSpec, place: Place, window: Interval, blocks: Sequence[SeriesBlock], now: datetime, *, spare: bool
) -> list[Interval]:
    latest = max(blocks, key=lambda block: int(block.starts.max()))
    begin = _instant(min(int(block.starts.min()) for block in blocks))
    last = latest.resolution.step(_instant(int(latest.starts.max())), 1, place.zone)
    longest = max((block.resolution for block in blocks), key=lambda one: one.nominal)
    usual = max(SPARE, 2 * longest.nominal)
    found = []
    if window.start + usual <= begin:
        found.append(Interval(window.start, min(begin, window.end)))
    if not window.start < last < window.end:
        return found
    # The unit a spare later: what is not public yet was not cut off.
    if last + usual <= window.end:
        cut = _deadline(spec, place, last + usual - longest.nominal, longest) <= now
    else:
        cut = not spare and _breaks_off(spec, place, Interval(last, window.end), blocks, now)
    return [*found, Interval(last, window.end)] if cut else found


def _breaks_off(spec: ItemSpec, place: Place, end: Interval, blocks: Sequence[SeriesBlock], now: datetime) -> bool:
    """Whether less than a day at the end is missing although due for a day, after values without a hole for longer.

    Where holes are usual, the end is one of them; the gap analysis has it asked for again.
    """
    shortest = min((block.resolution for block in blocks), key=lambda one: one.nominal)
    if any(block.resolution.is_calendar for block in blocks) or end.duration < shortest.nominal:
        return False
    due = _deadline(spec, place, end.end - shortest.nominal, shortest) + SPARE
    return due <= now and _instant(_unbroken_since(blocks)) + end.duration < end.start


def _unbroken_since(blocks: Sequence[SeriesBlock]) -> int:
    """When the values begin that are adjacent to each other up to the last."""
    starts = np.concatenate([block.starts for block in blocks])
    ends = np.concatenate([block.starts + block.resolution.seconds for block in blocks])
    order = np.argsort(starts, kind="stable")
    starts, reached = starts[order], np.maximum.accumulate(ends[order])
    holes = np.flatnonzero(starts[1:] > reached[:-1])
    return int(starts[holes[-1] + 1] if len(holes) else starts[0])


def _deadline(spec: ItemSpec, place: Place, start: datetime, resolution: Resolution) -> datetime:
    starts = np.array([int(start.timestamp())], np.int64)
    return _instant(int(deadlines(spec.publication, starts, resolution, place.zone)[0]))


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
