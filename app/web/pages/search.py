"""Words that people search the catalogue with. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from app.market.areas import areas, with_borders
from app.market.series import DataItem
from app.timeseries.queries import SeriesFilter


def matching(text: str, wanted: SeriesFilter) -> SeriesFilter | None:
    """The filter narrowed to what every word names, an item or an area (its borders too); None where a word names nothing."""
    for word in text.lower().split():
        items = [item.value for item in DataItem if word in item.value or word in item.value.replace("_", " ")]
        places = [area for area in areas().values() if word in f"{area.code} {area.name} {area.eic}".lower()]
        if items:
            wanted = replace(wanted, items=_common(wanted.items, items))
        elif places:
            wanted = replace(wanted, areas=_common(wanted.areas, with_borders(places)))
        else:
            return None
    return wanted


def _common(known: Collection[str] | None, named: list[str]) -> list[str]:
    return named if known is None else [one for one in named if one in known]
