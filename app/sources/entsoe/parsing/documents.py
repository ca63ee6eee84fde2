"""What a platform document says, read but not yet interpreted: headers as written, points expanded to columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from app.market.time import Interval, Resolution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SeriesHeader:
    """A TimeSeries without its points; every component is text as written, "" where it is absent.

    Domains stand at the document where the TimeSeries has none of its own. `category` is the points' price category,
    `measure` what their numbers are (quantity, price, procurement_price …); a price has the price's unit.
    """

    time_series: str
    business_type: str = ""
    psr_type: str = ""
    in_domain: str = ""
    out_domain: str = ""
    contract: str = ""
    sequence: str = ""
    category: str = ""
    unit_eic: str = ""
    flow_direction: str = ""
    unit: str = ""
    currency: str = ""
    curve_type: str = ""
    measure: str = ""
    price_unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ExpandedCurve:
    """The points of one Period (and price category), expanded; columns of equal length, starts ascending.

    `starts`: int64 seconds since 1970 (UTC). `values`: float64. `filled`: bool, True where the A03 rule repeats.
    `resolution_text` is the resolution as written (`PT1H`), `resolution` what it means (PT60M).
    """

    header: SeriesHeader
    period: Interval
    resolution: Resolution
    resolution_text: str
    starts: NDArray[np.int64]
    values: NDArray[np.float64]
    filled: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class UnavailableInterval:
    """An interval of a notice of unavailability: `available` of `nominal` is left.

    `available` is None where the notice gives no number, as withdrawn ones do. `expanded` says that the interval
    stands among the curves too.
    """

    header: SeriesHeader
    start: datetime
    end: datetime
    available: float | None
    nominal: str = ""
    unit_name: str = ""
    reason: str = ""
    resolution_text: str = ""
    expanded: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """Something of a document that could not be taken, and why; the rest of the document is kept."""

    time_series: str
    where: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The platform's answer instead of data; the code is 999 for nearly everything, so the text decides."""

    code: str
    text: str

    @property
    def no_matching_data(self) -> bool:
        return "no matching data" in self.text.lower()


@dataclass(frozen=True, slots=True)
class MarketDocument:
    """One market document; `member` is its name inside a zip, else "". An acknowledgement has no curves.

    `time_series` counts those written, with or without a Period. `malformed` says why a member of a zip could not be
    read, "" where it could; its only content is then a rejection with the same words. `notes` say what was put right
    while reading. `doc_status` and `revision` are as written; only notices of unavailability have true revisions.
    """

    member: str
    root: str
    document_type: str
    process_type: str
    time_series: int
    curves: tuple[ExpandedCurve, ...]
    rejections: tuple[Rejection, ...]
    acknowledgement: Acknowledgement | None = None
    malformed: str = ""
    mrid: str = ""
    doc_status: str = ""
    revision: str = ""
    outages: tuple[UnavailableInterval, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing of it became a value."""
        return not self.curves and not self.outages
