"""What a time series is: the data items, the key of a series, and the columnar block that carries values."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING

from app.errors import ConfigurationError
from app.market.time import Resolution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class DataItem(StrEnum):
    """The data items the service knows; how each is asked for stands in its source's table."""

    LOAD_ACTUAL = "load_actual"
    LOAD_FORECAST_DAY_AHEAD = "load_forecast_day_ahead"
    LOAD_FORECAST_WEEK_AHEAD = "load_forecast_week_ahead"
    LOAD_FORECAST_MONTH_AHEAD = "load_forecast_month_ahead"
    LOAD_FORECAST_YEAR_AHEAD = "load_forecast_year_ahead"
    FORECAST_MARGIN = "forecast_margin"
    PRICE_DAY_AHEAD = "price_day_ahead"
    GENERATION_ACTUAL = "generation_actual"
    GENERATION_PER_UNIT = "generation_per_unit"
    GENERATION_FORECAST_DAY_AHEAD = "generation_forecast_day_ahead"
    WIND_SOLAR_FORECAST_DAY_AHEAD = "wind_solar_forecast_day_ahead"
    WIND_SOLAR_FORECAST_INTRADAY = "wind_solar_forecast_intraday"
    WIND_SOLAR_FORECAST_CURRENT = "wind_solar_forecast_current"
    INSTALLED_CAPACITY = "installed_capacity"
    RESERVOIR_FILLING = "reservoir_filling"
    FLOW_PHYSICAL = "flow_physical"
    EXCHANGE_SCHEDULED = "exchange_scheduled"
    TRANSFER_CAPACITY_DAY_AHEAD = "transfer_capacity_day_ahead"
    IMBALANCE_PRICE = "imbalance_price"
    IMBALANCE_VOLUME = "imbalance_volume"


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """Names one series; every component is text and "" where the document does not say.

    `area` is the canonical form of what was asked for: an EIC, or two of them as `OUT>IN` for a border.
    `in_area` and `out_area` are the document's own domains. `direction` is `generation` or `consumption`
    where only the domain's side tells them apart. Leave a component out and rows overwrite each other.
    """

    source: str
    item: str
    area: str
    in_area: str = ""
    out_area: str = ""
    direction: str = ""
    psr_type: str = ""
    business_type: str = ""
    contract: str = ""
    sequence: str = ""
    flow_direction: str = ""
    category: str = ""
    unit_eic: str = ""
    unit: str = ""
    currency: str = ""

    @property
    def distinguishing_name(self) -> str:
        """What tells it from the other series of its item and area, "-" where nothing does."""
        return distinguishing_name(self) or "-"


DISTINGUISHING = (
    "psr_type", "direction", "business_type", "contract", "sequence", "flow_direction", "category", "unit_eic",
)  # fmt: skip
"""The components that tell the series of an item and area apart."""


def distinguishing_name(series: object) -> str:
    """What tells a series from the others of its item and area, "" where nothing does; it has the components as attributes."""
    return " ".join(filter(None, (getattr(series, name) for name in DISTINGUISHING)))


KEY_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(SeriesKey))


@dataclass(frozen=True, slots=True, eq=False)
class SeriesBlock:
    """Values of one series at one resolution, as columns of equal length.

    `starts`: int64, delivery start of each MTU in seconds since 1970-01-01T00:00Z.
    `values`: float64, finite. `filled`: bool, True where the A03 rule repeated the value before.
    Rows stand in document order; equal starts may occur, and then the later row is the valid one.
    """

    key: SeriesKey
    resolution: Resolution
    starts: NDArray[np.int64]
    values: NDArray[np.float64]
    filled: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.starts)


def find_item(text: str) -> DataItem:
    """The data item with this name; ConfigurationError with the nearest names where there is none."""
    try:
        return DataItem(text.strip().lower())
    except ValueError:
        near = _near(text.strip().lower())
        hint = f", did you mean {' or '.join(near)}?" if near else ""
        raise ConfigurationError(f"unknown item {text!r}{hint}; `gridkeeper items` lists what is known") from None


def _near(wanted: str) -> list[str]:
    """Items that share the most words with what was written, a view's name among them; else those spelled like it."""
    if spelled := difflib.get_close_matches(wanted, list(DataItem), n=1, cutoff=0.85):
        return list(spelled)
    names = {item: {word.rstrip("s") for word in item.split("_")} for item in DataItem}
    vocabulary = set().union(*names.values())
    written = {word.rstrip("s") for word in re.split(r"[\W_]+", wanted.removeprefix("v_")) if len(word) > 2}
    words = {near for word in written for near in difflib.get_close_matches(word, vocabulary, n=1, cutoff=0.8)}
    shared = {item: len(words & names[item]) for item in DataItem}
    most = max(shared.values())
    if most:
        return [item.value for item in DataItem if shared[item] == most][:3]
    return difflib.get_close_matches(wanted, list(DataItem), n=3, cutoff=0.7)
