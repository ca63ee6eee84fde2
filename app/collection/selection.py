"""From what a person names (areas, items, moments) to what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.collection.models import CollectionRequest
from app.errors import ConfigurationError
from app.market.areas import Place, before_it_existed, find_place, named_by_eic
from app.market.series import DataItem, find_item
from app.market.time import Interval

PlacesFor = Callable[[DataItem, Place], tuple[Place, ...]]


@dataclass(frozen=True, slots=True)
class Selection:
    """Requests, item by item, why some of the named combinations are none, and what to know of the others."""

    requests: tuple[CollectionRequest, ...]
    skipped: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def select(
    areas: Sequence[str], items: Sequence[str], interval_of: Callable[[Place], Interval], places_for: PlacesFor
) -> Selection:
    """One request for each item and place that the source has; ConfigurationError where none is left.

    An area stands for all its borders of that time where the item needs one; the same border is asked for once. What
    is named by EIC is asked for also where the area list has no such kind: the list may be older than the platform.
    """
    requests: dict[tuple[DataItem, str], CollectionRequest] = {}
    skipped: list[str] = []
    warnings: list[str] = []
    named = [(find_place(text), named_by_eic(text)) for text in areas]
    for item in [find_item(text) for text in items]:
        for place, insisted in named:
            try:
                found = places_for(item, place)
            except ConfigurationError as error:
                if not insisted:
                    skipped.append(str(error))
                    continue
                warnings.append(f"{error}; asked for all the same, because its EIC was named")
                found = (place,)
            for one in found:
                request = CollectionRequest(item, one, interval_of(one))
                if one is place or one.exists_during(request.interval):
                    requests.setdefault((item, one.eic), request)
                if said := before_it_existed(one, request.interval):
                    warnings.append(said)
    if not requests:
        raise ConfigurationError("\n".join(dict.fromkeys(skipped)) or "no area or no item is named")
    return Selection(tuple(requests.values()), tuple(dict.fromkeys(skipped)), tuple(dict.fromkeys(warnings)))
