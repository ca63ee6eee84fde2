"""From what a person names (areas, items, moments) to what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.collection.models import CollectionRequest
from app.errors import ConfigurationError
from app.market.areas import Place, find_place
from app.market.series import DataItem, find_item
from app.market.time import Interval

PlacesFor = Callable[[DataItem, Place], tuple[Place, ...]]


@dataclass(frozen=True, slots=True)
class Selection:
    """Requests, item by item, and why some of the named combinations are none."""

    requests: tuple[CollectionRequest, ...]
    skipped: tuple[str, ...]


def select(
    areas: Sequence[str], items: Sequence[str], interval_of: Callable[[Place], Interval], places_for: PlacesFor
) -> Selection:
    """One request for each item and place that the source has; ConfigurationError where none is left.

    An area stands for all its borders of that time where the item needs one; the same border is asked for once.
    """
    requests: dict[tuple[DataItem, str], CollectionRequest] = {}
    skipped: list[str] = []
    named = [find_place(text) for text in areas]
    for item in [find_item(text) for text in items]:
        for place in named:
            try:
                found = places_for(item, place)
            except ConfigurationError as error:
                skipped.append(str(error))
                continue
            for one in found:
                request = CollectionRequest(item, one, interval_of(one))
                if one is place or one.exists_during(request.interval):
                    requests.setdefault((item, one.eic), request)
    if not requests:
        raise ConfigurationError("\n".join(dict.fromkeys(skipped)) or "no area or no item is named")
    return Selection(tuple(requests.values()), tuple(dict.fromkeys(skipped)))
