"""What a detector is given and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.timeseries.rolling import Flags, Values

NEIGHBOUR = "neighbour "
"""What the name of a peer begins with that is heard with others of its kind."""
DAY = 86_400
HOUR = 3_600


class SeriesKind(StrEnum):
    """What a series measures, as far as detectors care."""

    LOAD = "load"
    PRICE = "price"
    GENERATION = "generation"
    WIND = "wind"
    SOLAR = "solar"
    NUCLEAR = "nuclear"
    """Any plant that rests at a plateau for weeks."""
    RESERVOIR = "reservoir"
    FLOW = "flow"
    IMBALANCE = "imbalance"


MARKETS = frozenset({SeriesKind.PRICE, SeriesKind.IMBALANCE})


class EvidenceRule(StrEnum):
    """Which evidence speaks against a value."""

    NONE = ""
    MISSING = "missing"
    DUPLICATE = "duplicate"
    OFF_GRID = "off_grid"
    PRICE_BOUNDS = "price_bounds"
    ABOVE_CAPACITY = "above_capacity"
    NEGATIVE = "negative"
    NIGHT = "solar_at_night"
    SIGN = "impossible_sign"
    FLAT_FILL = "flat_fill"
    SEASONAL_BOUNDS = "seasonal_bounds"
    ZERO_RUN = "zero_run"
    STUCK = "stuck"
    STRAIGHT_LINE = "straight_line"
    STALE_COPY = "stale_copy"
    PEER_COPY = "peer_copy"
    SEASONAL = "seasonal_residual"
    STEP = "step"
    ROUGHNESS = "roughness"
    RATIO = "ratio"
    RANGE = "range"
    SHIFT = "time_shift"
    FORECAST = "one_step_forecast"
    PEER_LEVEL = "peer_level"
    PEER_SHIFT = "peer_time_shift"
    PARTS = "sum_of_areas"
    BALANCE = "balance"
    MIRROR = "opposite_flows"
    NEIGHBOURS = "neighbour_prices"


@dataclass(frozen=True, slots=True)
class Series:
    """Values on a regular grid from `start` (seconds since 1970), one every `step` seconds; NaN where none is known.

    The names of peers say what they are: `forecast…` announces the same quantity, `measurement…` is what a forecast
    announced, `capacity` bounds it, `opposite…` is the other direction of a border, any other is a series of the same
    kind from another place. Peers lie on the same grid.
    """

    kind: SeriesKind
    start: int
    step: int
    values: Values
    peers: Mapping[str, Values] = field(default_factory=dict)

    @property
    def per_hour(self) -> int:
        return max(1, round(HOUR / self.step))

    @property
    def per_day(self) -> int:
        return max(1, round(DAY / self.step))

    @property
    def forecasts(self) -> list[Values]:
        """Series of the same quantity: forecasts of a measurement, or the measurement of a forecast."""
        return [peer for name, peer in self.peers.items() if name.startswith(("forecast", "measurement"))]

    @property
    def capacity(self) -> Values | None:
        return next((peer for name, peer in self.peers.items() if name.startswith("capacity")), None)

    @property
    def opposites(self) -> list[Values]:
        return [peer for name, peer in self.peers.items() if name.startswith("opposite")]

    @property
    def places(self) -> list[Values]:
        """Series of the same kind from elsewhere that speak one by one; of neighbours all together do."""
        known = ("forecast", "measurement", "opposite", "capacity", NEIGHBOUR)
        return [peer for name, peer in self.peers.items() if not name.startswith(known)]

    @property
    def neighbours(self) -> list[Values]:
        return [peer for name, peer in self.peers.items() if not name.startswith("capacity")]


@dataclass(frozen=True, slots=True)
class Limit:
    """An alarm needs a score of `least`, and `times` what the series reaches on one day in ten."""

    least: float
    times: float


@dataclass(frozen=True, slots=True)
class SoftScore:
    """A soft score a value; `clean` marks the scores in which no distrusted value takes part.

    A `lasting` state is told and learned from all the same: it may be the new one.
    """

    rule: EvidenceRule
    score: Values
    clean: Flags
    limit: Limit
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """Per value how strongly the strongest evidence speaks against it (alarm from 1 on) and which rule that is."""

    score: Values
    rule: NDArray[np.str_]

    @property
    def flags(self) -> Flags:
        return self.score >= 1.0
