"""The stored values."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from app.market.time import iso_microseconds
from app.settings import Origin
from app.timeseries.export.columns import known_columns
from app.timeseries.export.forms import Shape
from app.timeseries.schemas import ObservationsResource
from app.timeseries.shape import FinerThanStored
from app.web.dependencies import READ_LIMITED, CurrentSettings, Services, api_router
from app.web.problem_types import ProblemType, wrong_field
from app.web.value_forms import MEDIA_TYPES, ChosenColumns, Form, OutputZone, ValueQuery, check_fields, media_type
from app.web.value_stream import ChunkedAnswer, values_as

router = api_router("series")

_Shape = Annotated[
    Shape,
    Query(description="`wide`: a row for each start of delivery, a column for each series, held in memory whole."),
]
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ObservationsResource,
        "description": "The values, ordered by series, then start of delivery.",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in MEDIA_TYPES.values()
            if kind != "application/json"
        },
    }
}


@router.get("/observations", openapi_extra=READ_LIMITED, responses=_ANSWERS, response_class=Response)
async def read_observations(
    services: Services,
    settings: CurrentSettings,
    *,
    query: ValueQuery,
    form: Form,
    zone: OutputZone,
    fields: ChosenColumns,
    shape: _Shape = Shape.LONG,
) -> Response:
    """Give stored values: as they are or as they were known, as stored or in longer units, in five formats.

    The columns are those of `gridkeeper export`. Rows are streamed as they are read, over the range that one request may
    name; a reader that takes nothing for a while is dropped. The header `Gridkeeper-As-Of` says which instant was read, `Gridkeeper-Origin` that values are synthetic.
    """
    repository = services.storage().time_series()
    headers = {"Cache-Control": "no-store"}
    if query.as_of is not None:
        query = replace(query, as_of=await repository.settled(query.as_of))
        headers["Gridkeeper-As-Of"] = iso_microseconds(query.as_of) if query.as_of else ""
    synthetic = settings.origin is Origin.SANDBOX
    if synthetic:
        headers["Gridkeeper-Origin"] = "SYNTHETIC"
    check_fields(fields, known_columns(coverage=query.resampling is not None, synthetic=synthetic), shape)
    values = values_as(repository, query, form, zone, wide=shape is Shape.WIDE, synthetic=synthetic, fields=fields)
    try:
        return await ChunkedAnswer.of(values, media_type(form), headers, patience=settings.api.reader_seconds)
    except FinerThanStored as error:
        raise wrong_field(ProblemType.INVALID_REQUEST, "resolution", str(error)) from None
