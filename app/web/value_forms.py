"""Which form of values a request asks for, and the instants and units that it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request
from pydantic import Field

from app.collection.series_query import series_query, zone_of_all
from app.kit.suggest import did_you_mean
from app.market.areas import find_place
from app.market.moments import parse_known_at, parse_zone
from app.market.time import Resolution
from app.timeseries.export.forms import ExportForm, Shape
from app.timeseries.queries import LARGEST_SERIES
from app.timeseries.query import SeriesQuery
from app.timeseries.shape import Aggregation, Auction, Resampling
from app.web.api.codings import weights
from app.web.dependencies import Asking, Now
from app.web.parameters import Selected, check_named, name_parts, named
from app.web.problem_types import ApiError, ProblemType, wrong_field
from app.wiring.catalog import CATALOG

MEDIA_TYPES: Mapping[ExportForm, str] = {
    ExportForm.JSON: "application/json",
    ExportForm.NDJSON: "application/x-ndjson",
    ExportForm.CSV: "text/csv",
    ExportForm.PARQUET: "application/vnd.apache.parquet",
    ExportForm.ARROW: "application/vnd.apache.arrow.stream",
}

_Format = Annotated[
    ExportForm | None, Query(alias="format", description="How the values are written; without it, what Accept says.")
]
_AsOf = Annotated[
    str | None,
    Query(
        description="What was believed at this moment: an instant, a date, `-7d`.", examples=["2024-06-01T00:00:00Z"]
    ),
]
_Resolution = Annotated[str | None, Query(description="Longer units than stored: PT60M, P1D, P1M.", examples=["PT60M"])]
_Aggregate = Annotated[
    Aggregation | None,
    Query(
        description="With `resolution`: what becomes of shorter units; without it, the mean. The sum of power (`MAW`) is "
        "energy: each value times the hours of its unit, in `MWH`."
    ),
]
_Ids = Annotated[
    list[Annotated[int, Field(ge=1, le=LARGEST_SERIES)]],
    Query(description="Of these items and areas only the series with these numbers, which `/series` lists."),
]
_Coverage = Annotated[
    float | None,
    Query(
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="With `resolution`: the share of a unit that must be stored, else it has no value; without it, 1.",
    ),
]


def media_type(form: ExportForm) -> str:
    """The type with its character set, which the default of the protocol is not."""
    return f"{MEDIA_TYPES[form]}; charset=utf-8" if form is ExportForm.CSV else MEDIA_TYPES[form]


async def _form(request: Request, form: _Format = None) -> ExportForm:
    if form is not None:
        return form
    accepted = weights(request.headers.get("accept", "*/*"))
    for name in sorted(accepted, key=lambda one: accepted[one], reverse=True):
        for known, kind in MEDIA_TYPES.items():
            if accepted[name] and name in {kind, "*/*", f"{kind.partition('/')[0]}/*"}:
                return known
    raise ApiError(
        ProblemType.NOT_ACCEPTABLE,
        f"Accept names none of {', '.join(MEDIA_TYPES.values())}; ask for one of them, or say `format`",
    )


Form = Annotated[ExportForm, Depends(_form)]


async def _zone(
    tz: Annotated[
        str | None, Query(description="Zone in which deliveries start; without it, UTC.", examples=["Europe/Berlin"])
    ] = None,
) -> ZoneInfo | None:
    if tz is None:
        return None
    with named("tz"):
        return parse_zone(tz, name="tz")


OutputZone = Annotated[ZoneInfo | None, Depends(_zone)]


async def _fields(
    fields: Annotated[
        list[str],
        Query(
            description="Columns of the long shape, in this order; several with commas, or repeat it. Without it, all.",
            examples=[["delivery_start", "value"]],
        ),
    ] = [],  # noqa: B006  FastAPI copies it
) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name_parts(fields, "fields")))


ChosenColumns = Annotated[tuple[str, ...], Depends(_fields)]


def check_fields(fields: Sequence[str], known: Sequence[str], shape: Shape) -> None:
    """ApiError where a column is asked for that the answer does not have."""
    if fields and shape is Shape.WIDE:
        raise wrong_field(
            ProblemType.INVALID_REQUEST, "fields", "the columns of `shape=wide` are the series; leave it out"
        )
    for name in fields:
        if name not in known:
            hint = did_you_mean(name, known, otherwise=f"; it has {', '.join(known)}")
            raise wrong_field(ProblemType.INVALID_REQUEST, "fields", f"there is no column {name[:60]!r} here{hint}")


async def _resampling(
    resolution: _Resolution = None, aggregate: _Aggregate = None, min_coverage: _Coverage = None
) -> Resampling | None:
    if resolution is None:
        for name, given in (("aggregate", aggregate), ("min_coverage", min_coverage)):
            if given is not None:
                raise wrong_field(ProblemType.INVALID_REQUEST, name, "it needs resolution: the length of the units")
        return None
    with named("resolution"):
        length = Resolution.parse(resolution.strip().upper())
    return Resampling(length, aggregate or Aggregation.MEAN, 1.0 if min_coverage is None else min_coverage)


async def _query(
    selected: Selected,
    now: Now,
    caller: Asking,
    resampling: Annotated[Resampling | None, Depends(_resampling)],
    *,
    as_of: _AsOf = None,
    assume_published: Annotated[
        bool, Query(description="With `as_of`: a first value counts as known from its legal deadline on.")
    ] = False,
    auction: Annotated[
        Auction,
        Query(description="Of day-ahead prices: `preferred` is one an instant, SDAC's, else another auction's."),
    ] = Auction.PREFERRED,
    continuous: Annotated[
        bool, Query(description="With the zones that an area continues: DE_AT_LU, then DE_LU.")
    ] = False,
    series: _Ids = [],  # noqa: B006  FastAPI copies it
) -> SeriesQuery:
    if assume_published and as_of is None:
        raise wrong_field(
            ProblemType.INVALID_REQUEST,
            "assume_published",
            "it needs as_of: it says what counts as known at that instant",
        )
    if not selected.requests:
        raise wrong_field(ProblemType.INVALID_REQUEST, "item", "; ".join(selected.skipped) or "nothing is asked for")
    known_at: datetime | None = None
    if as_of is not None:
        with named("as_of"):
            known_at = parse_known_at(as_of, zone_of_all(selected.requests), now, name="as_of")
    query = series_query(
        selected.requests,
        CATALOG,
        as_of=known_at,
        assume_published=assume_published,
        auction=auction,
        resampling=resampling,
        continuous=continuous,
    )
    # What an area continues is an area of its own.
    for item, places in query.wanted.items():
        check_named([find_place(eic) for eic in places], [item], caller)
    return replace(query, ids=frozenset(series))


ValueQuery = Annotated[SeriesQuery, Depends(_query)]
"""The parameters that say which values are asked for, and what of them."""
