"""The platform's areas and data items as programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from app.entsoe.items import ItemSpec
from app.market.areas import Area, Border, areas, borders
from app.market.text import counted
from app.schemas import CalendarDay, Resource


class AreaResource(Resource):
    """An area; `kinds` is joined with slashes, `since` and `until` are null where it has no such end."""

    code: str
    eic: str
    kinds: str
    zone: str
    name: str
    since: CalendarDay | None
    until: CalendarDay | None

    @classmethod
    def of(cls, area: Area) -> Self:
        return cls(
            code=area.code,
            eic=area.eic,
            kinds="/".join(sorted(area.kinds)),
            zone=area.zone.key,
            name=area.name,
            since=area.since,
            until=area.until,
        )


class ItemResource(Resource):
    """A data item: what it is asked for with, how much an answer holds, and when it has to be public."""

    item: str
    article: str
    documents: str
    asked_for: str
    areas: str
    limit: str
    window: str
    deadline: str
    source_of_the_deadline: str

    @classmethod
    def of(cls, spec: ItemSpec) -> Self:
        limit = (
            spec.limit + (f", {spec.max_series} series" if spec.max_series else "") + (", paged" if spec.pages else "")
        )
        return cls(
            item=spec.item,
            article=spec.article,
            documents="/".join(filter(None, (spec.document_type, spec.process_type))),
            asked_for="border" if spec.border else "area",
            areas="/".join(sorted(spec.kinds)),
            limit=limit,
            window=counted(spec.months, "month") if spec.months else counted(spec.days, "day"),
            deadline=str(spec.publication),
            source_of_the_deadline=spec.publication.article,
        )


class CatalogueItemResource(ItemResource):
    """A data item with the codes of all areas, or borders, that have it."""

    places: list[str]

    @classmethod
    def published(cls, spec: ItemSpec) -> Self:
        fields = ItemResource.of(spec).model_dump()
        known: Sequence[Area | Border] = borders() if spec.border else list(areas().values())
        return cls(**fields, places=[place.code for place in known if spec.exists_for(place)])


class BorderResource(Resource):
    """A direction over a border: energy leaves `out_area` and enters `in_area`, in whose zone its days are."""

    code: str
    eic: str
    out_area: str
    in_area: str
    zone: str

    @classmethod
    def of(cls, border: Border) -> Self:
        return cls(
            code=border.code,
            eic=border.eic,
            out_area=border.out_area.code,
            in_area=border.in_area.code,
            zone=border.zone.key,
        )
