"""The columns of stored values that are given out, and how each is written as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import TYPE_CHECKING, Protocol
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

ORIGIN, SYNTHETIC = "origin", "SYNTHETIC"
"""The last column of what the sandbox made, and what it says: such a file must not be taken for one of real data."""


@dataclass(frozen=True, slots=True)
class Look:
    """How values are written, whatever the form: in which zone, as known when, whether they are synthetic.

    `shown_under` names the columns of a wide table for a series. `coverage` says that rows tell how much of each unit
    is stored.
    """

    zone: ZoneInfo | None = None
    as_of: datetime | None = None
    synthetic: bool = False
    coverage: bool = False
    shown_under: Callable[[SeriesKey], Sequence[SeriesKey]] = lambda key: (key,)


class Writer(Protocol):
    """Writes values in the order in which they come."""

    def write(self, shaped: Shaped) -> None: ...

    def close(self) -> None:
        """Complete what was written; the stream itself stays open."""
        ...


def known(values: NDArray[np.float64]) -> list[str]:
    """Values as text, empty where there is none."""
    missing = np.isnan(values)
    if not missing.any():
        return shortest(values)
    texts = shortest(np.where(missing, 0.0, values))
    return ["" if lacks else text for text, lacks in zip(texts, missing.tolist(), strict=True)]


def local_instants(starts: NDArray[np.int64], zone: ZoneInfo | None) -> list[str]:
    """Instants in UTC, or in local time with its offset, which tells the two hours of an autumn night apart."""
    if zone is None:
        return instants(starts)
    return [datetime.fromtimestamp(start, zone).isoformat() for start in starts.tolist()]


def key_values(key: SeriesKey) -> list[str]:
    return [label(key.area) if name == "area" else str(getattr(key, name)) for name in KEY_COLUMNS]


def text_columns(shaped: Shaped, zone: ZoneInfo | None) -> Iterator[tuple[str, str, str, bool, str, str]]:
    """Of each row start, resolution, value ("" where it has none), `filled`, `recorded_at` and coverage, as text."""
    batch = shaped.batch
    covered = repeat("") if shaped.coverage is None else [f"{share:.4g}" for share in shaped.coverage.tolist()]
    return zip(
        local_instants(batch.starts, zone),
        resolution_codes(batch.resolutions),
        known(batch.values),
        batch.filled.tolist(),
        microsecond_instants(batch.recorded_at),
        covered,
        strict=False,
    )


def resolution_codes(resolutions: NDArray[np.int16]) -> list[str]:
    names, inverse = np.unique(resolutions, return_inverse=True)
    codes = [Resolution.from_id(int(name)).code for name in names]
    return [codes[index] for index in inverse.tolist()]


def microsecond_instants(microseconds: NDArray[np.int64]) -> list[str]:
    """`recorded_at` repeats for a whole run, so each distinct instant is written out once."""
    distinct, inverse = np.unique(microseconds, return_inverse=True)
    texts = [f"{text}Z" for text in np.datetime_as_string(distinct.astype("datetime64[us]"), unit="us").tolist()]
    return [texts[index] for index in inverse.tolist()]
