"""The stored values."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from app.settings import Origin
from app.timeseries.export.columns import known_columns
from app.timeseries.export.forms import ExportForm, Shape
from app.timeseries.schemas import ObservationsResource
from app.timeseries.shape import FinerThanStored
from app.web.dependencies import READ_LIMITED, CurrentSettings, Services, api_router
from app.web.problem_types import ProblemType, wrong_field
from app.web.value_answer import Wanted, answer_of
from app.web.value_forms import MEDIA_TYPES, ChosenColumns, Form, OutputZone, ValueQuery, check_fields

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
    },
    206: {
        "description": "The part of a Parquet file that `Range` names.",
        "content": {MEDIA_TYPES[ExportForm.PARQUET]: {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "The answer is the one whose `ETag` is in `If-None-Match`."},
}


@router.get("/observations", openapi_extra=READ_LIMITED, responses=_ANSWERS, response_class=Response)
async def read_observations(
    request: Request,
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
    reads, repository = services.reads(), services.reads().time_series()
    synthetic = settings.origin is Origin.SANDBOX
    check_fields(fields, known_columns(coverage=query.resampling is not None, synthetic=synthetic), shape)
    if query.as_of is not None:
        query = replace(query, as_of=await repository.settled(query.as_of))
    state = await reads.series().state(query.wanted)
    wanted = Wanted(query, form, zone, shape, fields, synthetic)
    try:
        return await answer_of(
            request, wanted, state, repository, files=request.app.state.files, patience=settings.api.reader_seconds
        )
    except FinerThanStored as error:
        raise wrong_field(ProblemType.INVALID_REQUEST, "resolution", str(error)) from None
