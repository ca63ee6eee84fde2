"""The points of a Period, read one by one: every number of a Point, told apart by what it measures."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.sources.entsoe.parsing.curves import MAX_PERIOD_POSITIONS, Measured, WrittenPeriod
from app.sources.entsoe.parsing.expand import Points, UnreadablePoint
from app.sources.entsoe.parsing.headers import Element, local_name, text_of

THOUSANDS_NOTE = "numbers with thousands separators, as in 1,652.2, are read without them"
MAX_UNREADABLE = 25_000
"""Of one Period; recorded ones have at most some thousand, where no price was formed."""

MAX_NAMES = 20
"""Measures, and price categories, of one Period; recorded ones have at most four."""

_POSITION = re.compile(r"\+?(?:[0-9]{1,9}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,2})")
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?"
)
_VALUE = re.compile(r"(?:.*[._])?(amount|quantity)|[a-z]+Quantity")
_CONTAINER = re.compile(r".*_(?:Price|Quantity)")
_CATEGORY = re.compile(r"(?:.*_)?[Pp]rice\.category")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Points that were decoded from their bytes."""

    measure: str
    positions: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Number:
    measure: str
    direction: str
    text: str


class _Column:
    """The points of one measure and direction."""

    def __init__(self) -> None:
        self.positions = array("q")
        self.values = array("d")
        self.ordinals = array("q")
        self.categories: list[str] = []
        self.unreadable: list[UnreadablePoint] = []


class PointColumns:
    """The points of the Period that is being read; `separated` says that thousands separators were met."""

    def __init__(self) -> None:
        self.separated = False
        self._ordinal = 0
        self._columns: dict[tuple[str, str], _Column] = {}
        self._written = array("q")
        self._common: list[UnreadablePoint] = []
        self._unreadable: list[UnreadablePoint] = []
        self._names: dict[str, str] = {}
        self._problem = ""

    def add(self, point: Element) -> None:
        """Takes a Point; beyond what a Period may have, only the fact that there are more."""
        self._ordinal += 1
        if self._problem:
            return
        position_text, category, numbers = self._read(point)
        position = self._position(position_text)
        if position is None:
            self._reject(None, category, position_text, "the position is no whole number", self._common)
        elif not numbers:
            self._reject(position, category, "", "the point has no value", self._common)
        else:
            self._written.append(position)
            for number in numbers:
                self._take(position, category, number)
        if self._ordinal > MAX_PERIOD_POSITIONS:
            self._give_up(f"the Period has more than {MAX_PERIOD_POSITIONS} points")
        elif len(self._unreadable) > MAX_UNREADABLE:
            self._give_up(f"more than {MAX_UNREADABLE} points of the Period cannot be read")
        elif len(self._columns) > MAX_NAMES or len(self._names) > MAX_NAMES:
            self._give_up(f"the Period has more than {MAX_NAMES} measures or price categories")

    def _give_up(self, problem: str) -> None:
        """Forgets the points: the Period is refused."""
        self._problem = problem
        self._columns, self._written, self._common, self._unreadable = {}, array("q"), [], []

    def _read(self, point: Element) -> tuple[str, str, list[_Number]]:
        position, category = "", ""
        numbers: list[_Number] = []
        for child in point:
            name = local_name(child)
            if name == "position":
                position = text_of(child)
            elif _CATEGORY.fullmatch(name):
                category = text_of(child)
            else:
                numbers += _numbers(child, name)
        return position, self._names.setdefault(category, category), numbers

    def _position(self, text: str) -> int | None:
        if not _POSITION.fullmatch(text):
            return None
        return int(self._plain(text))

    def _plain(self, text: str) -> str:
        if "," not in text:
            return text
        self.separated = True
        return text.replace(",", "")

    def _take(self, position: int, category: str, number: _Number) -> None:
        column = self._columns.setdefault((number.measure, number.direction), _Column())
        value = self._value(number.text)
        if value is None:
            reason = "the value is no finite number" if number.text else "the point has no value"
            self._reject(position, category, number.text, reason, column.unreadable)
            return
        column.positions.append(position)
        column.values.append(value)
        column.ordinals.append(self._ordinal)
        column.categories.append(category)

    def _value(self, text: str) -> float | None:
        if not _NUMBER.fullmatch(text):
            return None
        value = float(self._plain(text))
        return value if math.isfinite(value) else None

    def _reject(
        self, position: int | None, category: str, text: str, reason: str, where: list[UnreadablePoint]
    ) -> None:
        point = UnreadablePoint(self._ordinal, position, category, text, reason)
        where.append(point)
        self._unreadable.append(point)

    def period(self, start: str, end: str, resolution: str, run: Run | None) -> WrittenPeriod:
        """The Period with all its points; those of a run stand after the others."""
        if run is not None:
            self._columns.setdefault((run.measure, ""), _Column())
        written = np.array(self._written, np.int64) if len(self._columns) > 1 else None
        measured = tuple(
            Measured(measure, direction, self._points(column, written, run if run and run.measure == measure else None))
            for (measure, direction), column in self._columns.items()
        )
        return WrittenPeriod(start, end, resolution, measured, tuple(self._unreadable), self._problem)

    def _points(self, column: _Column, written: NDArray[np.int64] | None, run: Run | None) -> Points:
        positions, values = np.array(column.positions, np.int64), np.array(column.values, np.float64)
        ordinals = np.array(column.ordinals, np.int64)
        categories = np.array(column.categories, np.object_) if any(column.categories) else None
        if run is not None:
            count = len(run.positions)
            if categories is not None:
                categories = np.concatenate([categories, np.full(count, "", np.object_)])
            positions, values = np.concatenate([positions, run.positions]), np.concatenate([values, run.values])
            ordinals = np.concatenate([ordinals, self._ordinal + np.arange(1, count + 1)])
        return Points(
            positions,
            values,
            categories,
            (*self._common, *column.unreadable),
            ordinals,
            written,
        )


def _numbers(child: Element, name: str) -> Iterator[_Number]:
    """The number of an element, or those of one that holds an amount with its direction (Financial_Price)."""
    if _CONTAINER.fullmatch(name):
        texts = {local_name(part): text_of(part) for part in child}
        for inner in ("amount", "quantity"):
            if inner in texts:
                yield _Number(measure_of(name), texts.get("direction", ""), texts[inner])
    elif _VALUE.fullmatch(name):
        yield _Number(measure_of(name), "", text_of(child))


@lru_cache(maxsize=256)
def measure_of(name: str) -> str:
    """What an element's number measures: procurement_Price.amount is procurement_price."""
    base = name.removesuffix(".amount").removesuffix(".quantity")
    return _CAPITAL.sub("_", base).lower()
