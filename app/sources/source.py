"""What every source of series offers to the collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.market.areas import Place
from app.market.series import DataItem, SeriesBlock
from app.market.time import Interval
from app.sources.catalog import Catalog


@dataclass(frozen=True, slots=True)
class RejectedPoint:
    """A point that the source published and that could not be taken, and why."""

    series: str
    where: str
    reason: str


@dataclass(slots=True)
class FetchStatistics:
    """What a fetch cost; filled while it runs, so that a failed fetch is accounted for too.

    `question` numbers what was asked in the order in which all processes asked; of an answer in several pages it is the
    first. None where a source does not number its questions. After `time_outs` answers that did not come in time a
    request is given up (0: only after all attempts); `halvings` counts how often its window was halved for that.
    """

    requests: int = 0
    retries: int = 0
    bytes: int = 0
    api_seconds: float = 0.0
    parse_seconds: float = 0.0
    question: int | None = None
    time_outs: int = 0
    halvings: int = 0


@dataclass(frozen=True, slots=True)
class Fetched:
    """The whole answer for one window: blocks in document order; no blocks means that there is no matching data.

    `damaged` says which part of the answer could not be read at all, "" where all could. `notes` say why it may not be
    the whole answer, `remarks` what was put right in one that is.
    """

    blocks: Sequence[SeriesBlock]
    rejected: Sequence[RejectedPoint] = field(default=())
    notes: Sequence[str] = field(default=())
    damaged: str = ""
    remarks: Sequence[str] = field(default=())

    @property
    def received(self) -> int:
        return sum(len(block) for block in self.blocks)


class Source(Protocol):
    """A source of series."""

    name: str
    catalog: Catalog

    async def fetch(self, item: DataItem, place: Place, window: Interval, statistics: FetchStatistics) -> Fetched:
        """Everything the source has for the window; raises SourceError where it gives no usable answer."""
        ...
