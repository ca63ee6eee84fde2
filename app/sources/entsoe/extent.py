"""How far an answer reaches into its window: what it leaves out at an end may have been cut off. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from app.entsoe.items import ItemSpec
from app.market.areas import Place
from app.market.calendar import deadlines
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Interval

SPARE = timedelta(days=1)
"""Less than a day without values at an end is usual: a source that is late, a zone whose day begins later."""


def unread(
    spec: ItemSpec, place: Place, window: Interval, blocks: Sequence[SeriesBlock], now: datetime
) -> list[Interval]:
    """The ends of the window that should have values by now and for which the answer has none.

    Where answers are limited to so many TimeSeries, one that is cut may lack the end of some series alone.
    """
    ends = [part for group in _groups(spec, blocks) for part in _ends(spec, place, window, group, now)]
    head = max((part.end for part in ends if part.start == window.start), default=window.start)
    tail = max(head, min((part.start for part in ends if part.start > window.start), default=window.end))
    return [part for part in (Interval(window.start, head), Interval(tail, window.end)) if not part.empty]


def brings(blocks: Collection[SeriesBlock], part: Interval) -> bool:
    """Whether a value begins within the interval."""
    first, last = part.start.timestamp(), part.end.timestamp()
    return any(bool(((block.starts >= first) & (block.starts < last)).any()) for block in blocks)


def _groups(spec: ItemSpec, blocks: Sequence[SeriesBlock]) -> list[list[SeriesBlock]]:
    if spec.max_series is None:
        return [list(blocks)] if blocks else []
    by_key: dict[SeriesKey, list[SeriesBlock]] = {}
    for block in blocks:
        by_key.setdefault(block.key, []).append(block)
    return list(by_key.values())


def _ends(
    spec: ItemSpec, place: Place, window: Interval, blocks: Sequence[SeriesBlock], now: datetime
) -> list[Interval]:
    first = min(int(block.starts.min()) for block in blocks)
    latest = max(blocks, key=lambda block: int(block.starts.max()))
    resolution = max((block.resolution for block in blocks), key=lambda one: one.nominal)
    last = latest.resolution.step(datetime.fromtimestamp(int(latest.starts.max()), UTC), 1, place.zone)
    spare = max(SPARE, 2 * resolution.nominal)
    begin = datetime.fromtimestamp(first, UTC)
    found = []
    if window.start + spare <= begin:
        found.append(Interval(window.start, min(begin, window.end)))
    if window.start < last and last + spare <= window.end:
        # The unit a spare later: what is not public yet was not cut off.
        following = np.array([int((last + spare - resolution.nominal).timestamp())], np.int64)
        if int(deadlines(spec.publication, following, resolution, place.zone)[0]) <= now.timestamp():
            found.append(Interval(last, window.end))
    return found
