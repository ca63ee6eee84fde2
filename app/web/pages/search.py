"""Words that people search the catalogue with. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from app.kit.language import found_text
from app.market.areas import Area, areas, with_borders
from app.market.series import DataItem
from app.timeseries.queries import SeriesFilter


def matching(text: str, wanted: SeriesFilter) -> SeriesFilter | None:
    """The filter narrowed to what every word names, an item or an area (its borders too); None where a word names nothing.

    Words are those of the page's language, and those of the data.
    """
    for word in text.lower().split():
        items = [item.value for item in DataItem if word in _names_of_item(item)]
        places = [area for area in areas().values() if word in _names_of_area(area)]
        if items:
            wanted = replace(wanted, items=_common(wanted.items, items))
        elif places:
            wanted = replace(wanted, areas=_common(wanted.areas, with_borders(places)))
        else:
            return None
    return wanted


def offered_areas() -> list[Area]:
    """Those that a form offers, by their codes."""
    return sorted(areas().values(), key=lambda area: area.code)


def _names_of_item(item: DataItem) -> str:
    plain = item.value.replace("_", " ")
    return f"{item.value}\n{plain}\n{found_text(plain)}".lower()


def _names_of_area(area: Area) -> str:
    return f"{area.code} {area.name} {area.eic} {found_text(area.name)}".lower()


def _common(known: Collection[str] | None, named: list[str]) -> list[str]:
    return named if known is None else [one for one in named if one in known]
