"""Resources as JSON: what the models in the `schemas.py` of the domains share. `--json` and the REST API write the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from app.kit.json_text import finite
from app.market.time import iso, iso_exact

_MOMENT = WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization")

Instant = Annotated[datetime, PlainSerializer(iso, return_type=str), _MOMENT]
"""Written in UTC to the second: `2024-01-01T00:00:00Z`."""
PreciseInstant = Annotated[datetime, PlainSerializer(iso_exact, return_type=str), _MOMENT]
"""Written in UTC, to the microsecond where it has some: `2024-01-01T00:00:00.125000Z`."""
CalendarDay = Annotated[
    date,
    PlainSerializer(date.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date"}, mode="serialization"),
]
"""Written as `2024-01-01`."""
Number = Annotated[float, PlainSerializer(finite, return_type=float | str)]
"""May be infinite, which JSON has no number for: written as "inf", "-inf" or "nan"."""
FreeForm = Annotated[Any, PlainSerializer(finite)]
"""JSON that has no fixed shape."""


class Resource(BaseModel):
    """A resource as programs read it; keys stay once they are published.

    The order of the fields is that of the JSON. Of several bases the fields of the last one come first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class RequestBody(BaseModel):
    """The body of a request; a field that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ProblemResource(Resource):
    """An error in the form of RFC 9457 (problem details)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class FieldProblemResource(Resource):
    """What is wrong with one part of a request: where it stands (`query`, `path`, `header`, `body`), its name, and why."""

    location: str
    field: str
    detail: str


class ApiProblemResource(ProblemResource):
    """An error of the REST API; `type` leads to a text about it, `errors` names each field that is wrong."""

    errors: list[FieldProblemResource] = []
    request_id: str = ""


Row = TypeVar("Row", bound=Resource)


class Page(Resource, Generic[Row]):
    """A part of a list; `next` is what the parameter `next` of the next request is, null at the end."""

    data: list[Row]
    next: str | None


def jsonable(content: BaseModel | Sequence[BaseModel]) -> Any:
    """A resource or a list of them as `json.dumps` takes it."""
    if isinstance(content, BaseModel):
        return content.model_dump(by_alias=True)
    return [one.model_dump(by_alias=True) for one in content]
