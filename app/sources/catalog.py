"""What a source publishes, as collection, scheduling and monitoring ask for it; they know no source by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from app.market.areas import AreaKind, Place
from app.market.calendar import PublicationRule
from app.market.series import DataItem
from app.market.time import Interval, Resolution

Publication = Callable[[DataItem], PublicationRule | None]
"""When the values of an item have to be public; None where no deadline is known."""


class Catalog(Protocol):
    """The items of one source: their deadlines, resolutions and places, and how much one request may ask for."""

    def publication(self, item: DataItem) -> PublicationRule | None:
        """When the values of the item have to be public; None where no deadline is known."""
        ...

    def longest_resolution(self, item: DataItem) -> Resolution:
        """The longest unit in which values of the item come: what is assumed where nothing tells it."""
        ...

    def longest_window(self, item: DataItem) -> timedelta:
        """How much time one request asks for at most, a month taken as 30 days."""
        ...

    def windows(self, item: DataItem, place: Place, interval: Interval) -> list[Interval]:
        """The interval cut into pieces that the source answers in one request."""
        ...

    def places(self, item: DataItem, place: Place) -> tuple[Place, ...]:
        """What to ask for when the item is wanted for a place; ConfigurationError where the source has it for none."""
        ...

    def area_kinds(self, item: DataItem) -> frozenset[AreaKind]:
        """The kinds of areas for which the item is published."""
        ...
