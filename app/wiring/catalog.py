"""The catalogue of the source that is collected."""

from __future__ import annotations

from collections.abc import Sequence

from app.entsoe.items import ITEMS
from app.entsoe.schemas import AreaResource, BorderResource, CatalogueItemResource
from app.market.areas import areas, borders
from app.sources.catalog import Catalog
from app.sources.entsoe.catalog import EntsoeCatalog

__all__ = [
    "CATALOG",
    "AreaResource",
    "BorderResource",
    "CatalogueItemResource",
    "known_areas",
    "known_borders",
    "known_items",
]

CATALOG: Catalog = EntsoeCatalog()


def known_areas() -> Sequence[AreaResource]:
    """Every area, as programs read it."""
    return [AreaResource.of(area) for area in areas().values()]


def known_borders() -> Sequence[BorderResource]:
    """Every known border, in both directions."""
    return [BorderResource.of(border) for border in borders()]


def known_items() -> Sequence[CatalogueItemResource]:
    """Every data item that the source has, with the places that have it."""
    return [CatalogueItemResource.published(spec) for spec in ITEMS.values()]
