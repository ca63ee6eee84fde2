"""Series as programs read them."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict

from app.market.areas import label
from app.market.series import DISTINGUISHING
from app.schemas import Instant, PreciseInstant, Resource
from app.timeseries.queries import Belief, LatestValue, NewestValue, StoredSeries


class SeriesIdentity(Resource):
    """What tells a series from the others of its item and area; "" where nothing does."""

    psr_type: str
    direction: str
    business_type: str
    contract: str
    sequence: str
    flow_direction: str
    category: str
    unit_eic: str


class LatestValueResource(Resource):
    """The value of a series with the latest delivery, and when it was learned."""

    delivery_start: Instant
    resolution: str
    value: float
    recorded_at: PreciseInstant

    @classmethod
    def of(cls, latest: LatestValue) -> Self:
        return cls(
            delivery_start=latest.delivery_start,
            resolution=latest.resolution.code,
            value=latest.value,
            recorded_at=latest.recorded_at,
        )


class NewestValueResource(SeriesIdentity):
    """The newest value of a series, with what tells which series it is."""

    series_id: int
    item: str
    area: str
    area_eic: str
    unit: str
    currency: str
    delivery_start: Instant
    resolution: str
    value: float
    filled: bool
    recorded_at: PreciseInstant

    @classmethod
    def of(cls, newest: NewestValue) -> Self:
        key, latest = newest.key, newest.latest
        return cls(
            series_id=newest.series_id,
            area=label(key.area),
            area_eic=key.area,
            delivery_start=latest.delivery_start,
            resolution=latest.resolution.code,
            value=latest.value,
            filled=newest.filled,
            recorded_at=latest.recorded_at,
            **{name: getattr(key, name) for name in ("item", "unit", "currency", *DISTINGUISHING)},
        )


class RevisionResource(Resource):
    """A value as it was believed from `recorded_at` until `superseded_at`, which is null for the present one.

    A null value says that the source did not publish it any more.
    """

    delivery_start: Instant
    resolution: str
    value: float | None
    filled: bool
    recorded_at: PreciseInstant
    superseded_at: PreciseInstant | None

    @classmethod
    def of(cls, belief: Belief) -> Self:
        values = {name: getattr(belief, name) for name in cls.model_fields}
        return cls(**values | {"resolution": belief.resolution.code})


class SeriesResource(SeriesIdentity):
    """A stored series: its key, and from when until when it has values; null where all of them vanished."""

    id: int
    source: str
    item: str
    area: str
    area_eic: str
    in_area: str
    out_area: str
    unit: str
    currency: str
    resolutions: list[str]
    first_delivery: Instant | None
    latest: LatestValueResource | None
    first_seen: PreciseInstant

    @classmethod
    def of(cls, series: StoredSeries) -> Self:
        key = series.key
        return cls(
            **SeriesIdentity.model_validate(key).model_dump(),
            id=series.series_id,
            source=key.source,
            item=key.item,
            area=label(key.area),
            area_eic=key.area,
            in_area=key.in_area,
            out_area=key.out_area,
            unit=key.unit,
            currency=key.currency,
            resolutions=[one.code for one in series.resolutions],
            first_delivery=series.first_delivery,
            latest=LatestValueResource.of(series.latest) if series.latest else None,
            first_seen=series.first_seen,
        )


class ObservationResource(Resource):
    """A stored value, as a row of `gridkeeper export`; null where a longer unit is not covered enough.

    With `fields` it has these members only; in the wide shape it has the start and a member for each series.
    """

    model_config = ConfigDict(extra="allow")

    delivery_start: str = ""
    resolution: str = ""
    value: float | None = None
    filled: bool = False
    item: str = ""
    area: str = ""
    in_area: str = ""
    out_area: str = ""
    direction: str = ""
    psr_type: str = ""
    business_type: str = ""
    contract: str = ""
    sequence: str = ""
    flow_direction: str = ""
    category: str = ""
    unit_eic: str = ""
    unit: str = ""
    currency: str = ""
    recorded_at: str = ""
    coverage: float | None = None
    origin: str | None = None


class ObservationsResource(Resource):
    """Stored values and the instant at which they were known, null for now; in the wide shape each row has other columns."""

    as_of: str | None
    data: list[ObservationResource]
