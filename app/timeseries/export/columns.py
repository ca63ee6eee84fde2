"""The columns of stored values that are given out, and how each is written as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from app.market.areas import label
from app.market.series import SeriesKey
from app.market.text import instants, shortest
from app.market.time import Resolution
from app.timeseries.shape import Shaped

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY_COLUMNS = (
    "item", "area", "in_area", "out_area", "direction", "psr_type", "business_type", "contract", "sequence",
    "flow_direction", "category", "unit_eic", "unit", "currency",
)  # fmt: skip
COLUMNS = ("delivery_start", "resolution", "value", "filled", *KEY_COLUMNS, "recorded_at")
COVERAGE = "coverage"
"""A column of resampled values."""
ORIGIN, SYNTHETIC = "origin", "SYNTHETIC"
"""The last column of what the sandbox made, and what it says: such a file must not be taken for one of real data."""

_QUARTER = 900
"""Seconds; no zone changes its offset between quarters of an hour."""


@dataclass(frozen=True, slots=True)
class Look:
    """How values are written, whatever the form: in which zone, as known when, whether they are synthetic.

    `coverage` says that rows tell how much of each unit is stored. `shown_under` names the columns of a wide table for
    a series, `fields` the columns of a long one; without any it has all.
    """

    zone: ZoneInfo | None = None
    as_of: datetime | None = None
    synthetic: bool = False
    coverage: bool = False
    shown_under: Callable[[SeriesKey], Sequence[SeriesKey]] = lambda key: (key,)
    fields: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.fields or known_columns(coverage=self.coverage, synthetic=self.synthetic)


def known_columns(*, coverage: bool, synthetic: bool) -> tuple[str, ...]:
    """The columns of a long table, in their order."""
    return (*COLUMNS, *([COVERAGE] if coverage else []), *([ORIGIN] if synthetic else []))


class Writer(Protocol):
    """Writes values in the order in which they come."""

    def write(self, shaped: Shaped) -> None: ...

    def close(self) -> None:
        """Complete what was written; the stream itself stays open."""
        ...


@dataclass(frozen=True, slots=True)
class Notation:
    """How a form writes what is no text."""

    unknown: str
    false: str
    true: str

    def numbers(self, values: NDArray[np.float64]) -> list[str]:
        return known(values, unknown=self.unknown)


def known(values: NDArray[np.float64], *, unknown: str = "") -> list[str]:
    """Values as text, `unknown` where there is none."""
    missing = np.isnan(values)
    if not missing.any():
        return shortest(values)
    texts = shortest(np.where(missing, 0.0, values))
    return [unknown if lacks else text for text, lacks in zip(texts, missing.tolist(), strict=True)]


def column_texts(name: str, shaped: Shaped, look: Look, notation: Notation) -> str | Sequence[str]:
    """The texts of a column, or the one that all rows share."""
    texts = _TEXTS.get(name)
    return key_value(shaped.batch.key, name) if texts is None else texts(shaped, look, notation)


def _coverage(shaped: Shaped) -> list[str]:
    return [] if shaped.coverage is None else [f"{share:.4g}" for share in shaped.coverage.tolist()]


def _filled(shaped: Shaped, notation: Notation) -> str | list[str]:
    return _shared(shaped.batch.filled, lambda filled: notation.true if filled else notation.false)


_TEXTS: Mapping[str, Callable[[Shaped, Look, Notation], str | Sequence[str]]] = {
    "delivery_start": lambda shaped, look, _: local_instants(shaped.batch.starts, look.zone),
    "resolution": lambda shaped, _look, _: _shared(shaped.batch.resolutions, _code),
    "value": lambda shaped, _look, notation: notation.numbers(shaped.batch.values),
    "filled": lambda shaped, _look, notation: _filled(shaped, notation),
    "recorded_at": lambda shaped, _look, _: _shared(shaped.batch.recorded_at, _microsecond_instant),
    COVERAGE: lambda shaped, _look, _: _coverage(shaped),
    ORIGIN: lambda _shaped, _look, _: SYNTHETIC,
}


def resolution_codes(resolutions: NDArray[np.int16]) -> list[str]:
    return _each(_shared(resolutions, _code), len(resolutions))


def microsecond_instants(microseconds: NDArray[np.int64]) -> list[str]:
    return _each(_shared(microseconds, _microsecond_instant), len(microseconds))


def _each(texts: str | list[str], count: int) -> list[str]:
    return [texts] * count if isinstance(texts, str) else texts


def _code(number: int) -> str:
    return Resolution.from_id(number).code


def _shared(column: NDArray[Any], text: Callable[[Any], str]) -> str | list[str]:
    """What repeats for a whole run is written out once."""
    distinct, index = np.unique(column, return_inverse=True)
    texts = [text(one) for one in distinct.tolist()]
    return texts[0] if len(texts) == 1 else [texts[number] for number in index.tolist()]


def _microsecond_instant(microseconds: int) -> str:
    return f"{np.datetime64(microseconds, 'us')}Z"


def text_rows(pieces: Iterable[str | Sequence[str]], count: int) -> Iterator[str]:
    """Rows of pieces; of a text each has the whole, of texts its own."""
    columns: list[str | Sequence[str]] = []
    for piece in pieces:
        if columns and isinstance(piece, str) and isinstance(columns[-1], str):
            columns[-1] += piece
        else:
            columns.append(piece)
    return map("".join, zip(*(repeat(one, count) if isinstance(one, str) else one for one in columns), strict=True))


def local_instants(starts: NDArray[np.int64], zone: ZoneInfo | None) -> list[str]:
    """Instants in UTC, or in local time with its offset, which tells the two hours of an autumn night apart."""
    if zone is None:
        return instants(starts)
    quarters, index = np.unique(starts // _QUARTER, return_inverse=True)
    local = [datetime.fromtimestamp(quarter * _QUARTER, zone) for quarter in quarters.tolist()]
    offsets = np.array([_seconds_ahead(one) for one in local], np.int64)
    written = [one.isoformat()[19:] for one in local]
    texts = instants(starts + offsets[index])
    return [text[:-1] + written[number] for text, number in zip(texts, index.tolist(), strict=True)]


def _seconds_ahead(local: datetime) -> int:
    offset = local.utcoffset()
    assert offset is not None  # noqa: S101  it has a zone
    return int(offset.total_seconds())


def key_value(key: SeriesKey, name: str) -> str:
    return label(key.area) if name == "area" else str(getattr(key, name))
