"""The platform's table of items as the catalogue of a source."""

from __future__ import annotations

from datetime import timedelta

from app.entsoe.items import ITEMS, places_for, request_windows
from app.market.areas import AreaKind, Place
from app.market.calendar import PublicationRule
from app.market.series import DataItem
from app.market.time import Interval, Resolution


class EntsoeCatalog:
    """What the ENTSO-E Transparency Platform publishes."""

    def publication(self, item: DataItem) -> PublicationRule | None:
        return ITEMS[item].publication

    def longest_resolution(self, item: DataItem) -> Resolution:
        return ITEMS[item].resolutions[-1]

    def longest_window(self, item: DataItem) -> timedelta:
        return timedelta(days=ITEMS[item].days + 30 * ITEMS[item].months)

    def windows(self, item: DataItem, place: Place, interval: Interval) -> list[Interval]:
        return request_windows(ITEMS[item], place, interval)

    def places(self, item: DataItem, place: Place) -> tuple[Place, ...]:
        return places_for(ITEMS[item], place)

    def area_kinds(self, item: DataItem) -> frozenset[AreaKind]:
        return ITEMS[item].kinds
