"""Changes as programs read them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal, Self

import numpy as np

from app.market.areas import label
from app.market.series import SeriesKey
from app.market.text import instants
from app.schemas import Instant, PreciseInstant, Resource
from app.timeseries.changes.models import CHANGE_KINDS, ChangeColumns, ChangePage
from app.timeseries.export.columns import known, microsecond_instants, resolution_codes
from app.timeseries.schemas import SeriesIdentity


class ChangeResource(Resource):
    """A value that became new, revised or vanished; `value` is null where it vanished, `previous` where there was none."""

    series: int
    change: Literal["new", "revised", "vanished"]
    delivery_start: Instant
    resolution: str
    value: float | None
    previous: float | None
    filled: bool
    recorded_at: PreciseInstant


class ChangedSeriesResource(SeriesIdentity):
    """The key of a series that changes are of, by its number."""

    id: int
    source: str
    item: str
    area: str
    area_eic: str
    in_area: str
    out_area: str
    unit: str
    currency: str

    @classmethod
    def of(cls, number: int, key: SeriesKey) -> Self:
        return cls(
            **SeriesIdentity.model_validate(key).model_dump(),
            id=number,
            source=key.source,
            item=key.item,
            area=label(key.area),
            area_eic=key.area,
            in_area=key.in_area,
            out_area=key.out_area,
            unit=key.unit,
            currency=key.currency,
        )


class ChangesResource(Resource):
    """Changes in the order in which they were committed, and the series they are of.

    `next` is what `after` of the next request is, always; `more` says that the next request has something at once.
    """

    data: list[ChangeResource]
    series: list[ChangedSeriesResource]
    next: str
    more: bool


def changes_text(page: ChangePage, cursor: str) -> str:
    """A page as the JSON of `ChangesResource`; models would take ten times as long to write it."""
    present = sorted(np.unique(page.changes.series).tolist())
    series = [ChangedSeriesResource.of(number, page.series[number]).model_dump() for number in present]
    rows = ",\n".join(_row_texts(page.changes))
    rest = json.dumps({"series": series, "next": cursor, "more": page.more}, separators=(",", ":"))
    return f'{{"data":[\n{rows}\n],{rest[1:]}\n'


def _row_texts(changes: ChangeColumns) -> Iterable[str]:
    kinds = [CHANGE_KINDS[kind] for kind in changes.kinds.tolist()]
    filled = np.where(changes.filled, "true", "false").tolist()
    columns = zip(
        changes.series.tolist(),
        kinds,
        instants(changes.starts),
        resolution_codes(changes.resolutions),
        known(changes.values),
        known(changes.previous),
        filled,
        microsecond_instants(changes.recorded_at),
        strict=True,
    )
    for series, kind, start, resolution, value, previous, fill, recorded_at in columns:
        yield (
            f'{{"series":{series},"change":"{kind}","delivery_start":"{start}","resolution":"{resolution}",'
            f'"value":{value or "null"},"previous":{previous or "null"},"filled":{fill},"recorded_at":"{recorded_at}"}}'
        )
