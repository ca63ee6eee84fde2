"""A picture that is released, and what it may show; only decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.errors import ConfigurationError

LONGEST_CHART = 31


class ViewKind(StrEnum):
    """What a released picture shows."""

    CHART = "chart"
    """The last days of a series."""
    VALUE = "value"
    """The newest value of a series."""
    FRESHNESS = "freshness"
    """Whether an item of an area has what is due."""
    STATUS = "status"
    """Whether all is well; nothing of what is not."""

    @property
    def of_series(self) -> bool:
        return self in {ViewKind.CHART, ViewKind.VALUE}

    @property
    def ending(self) -> str:
        """Of the address: charts are shown in a frame, badges as pictures."""
        return "" if self is ViewKind.CHART else ".svg"


@dataclass(frozen=True, slots=True)
class ViewRequest:
    """What is to be released."""

    name: str
    kind: ViewKind
    series_id: int | None = None
    item: str = ""
    area: str = ""
    """EIC, `OUT>IN` of a border."""
    days: int = 7

    def checked(self) -> ViewRequest:
        """The same; ConfigurationError where it names too little or too much."""
        if self.kind.of_series != (self.series_id is not None):
            raise ConfigurationError(
                f"a {self.kind} is of a series: name its number"
                if self.kind.of_series
                else f"a {self.kind} is of no single series: leave the number out"
            )
        if (self.kind is ViewKind.FRESHNESS) != bool(self.item and self.area):
            raise ConfigurationError("a freshness badge is of an item in an area; name both, and for others neither")
        if not 1 <= self.days <= LONGEST_CHART:
            raise ConfigurationError(f"a chart shows 1 to {LONGEST_CHART} days")
        return self


@dataclass(frozen=True, slots=True)
class ReleasedView:
    """A picture that is released under an address that cannot be guessed."""

    view_id: int
    request: ViewRequest
    hint: str
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
