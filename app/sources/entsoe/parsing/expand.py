"""From the points of a Period to its curve: positions become slots of the Period's grid, A03 repeats within it.

Pure: knows nothing of XML. A position not written is a gap under A01 and A02; under A03 it repeats the last written
value up to the next written position or the end of the Period, never beyond it. Nothing is repeated where a point
that could not be read may stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class UnreadablePoint:
    """A Point that carries no number; `position` is None where even that could not be read, `ordinal` counts from 1."""

    ordinal: int
    position: int | None
    category: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The readable points of a Period in document order; no `categories` means that none has a price category.

    `ordinals` count all points of the Period from 1; without them the readable points are the first.
    `written`: positions of the points of all measures, where there are several; one that says nothing of this measure
    ends the block before.
    """

    positions: NDArray[np.int64]
    values: NDArray[np.float64]
    categories: NDArray[np.object_] | None = None
    unreadable: tuple[UnreadablePoint, ...] = ()
    ordinals: NDArray[np.int64] | None = None
    written: NDArray[np.int64] | None = None

    @property
    def category_names(self) -> list[str]:
        """In order of appearance."""
        return [""] if self.categories is None else list(dict.fromkeys(self.categories.tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """Rows by ascending slot (the position less one), and what could not become a row."""

    category: str
    slots: NDArray[np.int64]
    values: NDArray[np.float64]
    filled: NDArray[np.bool_]
    outside: tuple[tuple[int, float], ...] = ()
    repeated: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A value that holds from one slot up to another, which it does not include."""

    first: int
    end: int
    value: float


def expand(points: Points, count: int, *, repeat: bool) -> list[Expansion]:
    """One expansion for each price category, in order of appearance; `count` is the number of positions."""
    return [
        _expand_category(part, unknown=_unknown(part, count), count=count, repeat=repeat)
        for part in _by_category(points)
    ]


def curve_segments(points: Points, count: int, *, repeat: bool) -> list[Segment]:
    """The curve as intervals, for Periods of too many positions to be expanded; without price categories.

    Under A03 one for each written point, else one for each run of adjacent positions with the same value.
    """
    part = _Category("", points.positions, points.values, _ordinals(points), points)
    written = {
        position - 1: value
        for position, value in zip(part.positions.tolist(), part.values.tolist(), strict=True)
        if 1 <= position <= count
    }
    if not repeat:
        return _runs(written)
    bounds = sorted({*written, *_unknown(part, count).tolist(), count})
    following = dict(pairwise(bounds))
    return [Segment(slot, following[slot], written[slot]) for slot in sorted(written)]


def _runs(written: dict[int, float]) -> list[Segment]:
    found: list[Segment] = []
    for slot in sorted(written):
        if found and found[-1].end == slot and found[-1].value == written[slot]:
            found[-1] = Segment(found[-1].first, slot + 1, written[slot])
        else:
            found.append(Segment(slot, slot + 1, written[slot]))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Category:
    """The readable points of one price category, and all points of the Period."""

    name: str
    positions: NDArray[np.int64]
    values: NDArray[np.float64]
    ordinals: NDArray[np.int64]
    period: Points

    @property
    def unreadable(self) -> list[UnreadablePoint]:
        """A Point with neither value nor category (as in A84, where no price was formed) belongs to every category."""
        return [point for point in self.period.unreadable if point.category in ("", self.name)]


def _ordinals(points: Points) -> NDArray[np.int64]:
    return np.arange(1, len(points.positions) + 1) if points.ordinals is None else points.ordinals


def _by_category(points: Points) -> list[_Category]:
    ordinals = _ordinals(points)
    if points.categories is None:
        return [_Category("", points.positions, points.values, ordinals, points)]
    return [
        _Category(name, points.positions[chosen], points.values[chosen], ordinals[chosen], points)
        for name in points.category_names
        for chosen in [points.categories == name]
    ]


def _unknown(part: _Category, count: int) -> NDArray[np.int64]:
    """Slots where a point without a number stands or may stand: under A03 they end the block before.

    Otherwise we would invent what was withheld or could not be read. A point whose position cannot be read stands
    between its neighbours where the points are in order; where they are not it may stand anywhere.
    """
    unreadable = part.unreadable
    slots = [
        position - 1
        for position in (*(point.position for point in unreadable), *_lacking(part.period))
        if position is not None and 1 <= position <= count
    ]
    lost = [point.ordinal for point in unreadable if point.position is None]
    if not lost:
        return np.array(slots, np.int64)
    placed = [(point.ordinal, point.position) for point in unreadable if point.position is not None]
    ordinals = np.append(part.ordinals, [ordinal for ordinal, _ in placed]).astype(np.int64)
    order = np.argsort(ordinals, kind="stable")
    positions = np.append(part.positions, [position for _, position in placed]).astype(np.int64)[order]
    if (np.diff(positions) < 0).any():
        return np.arange(count)
    before = np.searchsorted(ordinals[order], lost)
    ends = positions[before[before > 0] - 1]
    return np.array([*slots, *ends[(ends >= 0) & (ends < count)].tolist()], np.int64)


def _lacking(points: Points) -> list[int]:
    """Positions of points that have other numbers only."""
    return [] if points.written is None else np.setdiff1d(points.written, points.positions).tolist()


def _expand_category(part: _Category, *, unknown: NDArray[np.int64], count: int, repeat: bool) -> Expansion:
    positions, values = part.positions, part.values
    inside = (positions >= 1) & (positions <= count)
    outside = tuple(zip(positions[~inside].tolist(), values[~inside].tolist(), strict=True))
    positions, values = positions[inside], values[inside]
    # Of equal positions numpy assigns the last, which is the valid one.
    writer = np.full(count, -1, np.int64)
    writer[positions - 1] = np.arange(positions.size)
    repeated = _overwritten(positions, values, writer)
    source = _repeat(writer, unknown) if repeat else writer
    slots = np.flatnonzero(source >= 0)
    return Expansion(part.name, slots, values[source[slots]] + 0.0, writer[slots] < 0, outside, repeated)


def _overwritten(
    positions: NDArray[np.int64], values: NDArray[np.float64], writer: NDArray[np.int64]
) -> tuple[tuple[int, float], ...]:
    lost = writer[positions - 1] != np.arange(positions.size)
    return tuple(zip(positions[lost].tolist(), values[lost].tolist(), strict=True)) if lost.any() else ()


def _repeat(writer: NDArray[np.int64], unknown: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each slot the point whose value holds there, or -1."""
    written = writer >= 0
    written[unknown] = True
    last = np.where(written, np.arange(writer.size), -1)
    np.maximum.accumulate(last, out=last)
    return np.where(last >= 0, writer[last], -1)
