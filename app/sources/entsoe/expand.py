"""From the points of a Period to its curve: positions become slots of the Period's grid, A03 repeats within it.

Pure: knows nothing of XML. A position not written is a gap under A01 and A02; under A03 it repeats the last written
value up to the next written position or the end of the Period, never beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    """The readable points of a Period in document order; no `categories` means that none has a price category."""

    positions: NDArray[np.int64]
    values: NDArray[np.float64]
    categories: NDArray[np.str_] | None = None
    unreadable: tuple[UnreadablePoint, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """Rows by ascending slot (the position less one), and what could not become a row."""

    category: str
    slots: NDArray[np.int64]
    values: NDArray[np.float64]
    filled: NDArray[np.bool_]
    outside: tuple[tuple[int, float], ...] = ()
    repeated: tuple[tuple[int, float], ...] = ()


def expand(points: Points, count: int, *, repeat: bool) -> list[Expansion]:
    """One expansion for each price category, in order of appearance; `count` is the number of positions."""
    if points.categories is None:
        return [
            _expand_category(
                "", points.positions, points.values, unknown=_unknown(points, "", count), count=count, repeat=repeat
            )
        ]
    expansions = []
    for category in dict.fromkeys(points.categories.tolist()):
        chosen = points.categories == category
        unknown = _unknown(points, category, count)
        expansions.append(
            _expand_category(
                category, points.positions[chosen], points.values[chosen], unknown=unknown, count=count, repeat=repeat
            )
        )
    return expansions


def _unknown(points: Points, category: str, count: int) -> NDArray[np.int64]:
    """Slots written without a number: under A03 they end the block before, or we would invent what was withheld.

    A Point with neither value nor category (as in A84, where no price was formed) ends it in every category.
    """
    slots = [
        point.position - 1
        for point in points.unreadable
        if point.position is not None and 1 <= point.position <= count and point.category in ("", category)
    ]
    return np.array(slots, np.int64)


def _expand_category(
    category: str,
    positions: NDArray[np.int64],
    values: NDArray[np.float64],
    *,
    unknown: NDArray[np.int64],
    count: int,
    repeat: bool,
) -> Expansion:
    inside = (positions >= 1) & (positions <= count)
    outside = tuple(zip(positions[~inside].tolist(), values[~inside].tolist(), strict=True))
    positions, values = positions[inside], values[inside]
    # Of equal positions numpy assigns the last, which is the valid one.
    writer = np.full(count, -1, np.int64)
    writer[positions - 1] = np.arange(positions.size)
    repeated = _overwritten(positions, values, writer)
    source = _repeat(writer, unknown) if repeat else writer
    slots = np.flatnonzero(source >= 0)
    return Expansion(category, slots, values[source[slots]] + 0.0, writer[slots] < 0, outside, repeated)


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
