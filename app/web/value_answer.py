"""Answers of values: unchanged ones cost no values, some are smaller on the wire, and parts of a file can be read."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from zoneinfo import ZoneInfo

from fastapi import Request
from starlette.responses import Response

from app.market.time import iso_microseconds
from app.timeseries.export.forms import ExportForm, Shape
from app.timeseries.queries import ReadState
from app.timeseries.query import SeriesQuery
from app.timeseries.repository import TimeSeriesRepository
from app.web.api.codings import Coding, accepted_coding, coded
from app.web.api.kept_files import KeptFiles
from app.web.api.ranges import Unsatisfiable, asked_range
from app.web.problem_types import ApiError, ProblemType
from app.web.value_forms import media_type
from app.web.value_stream import ChunkedAnswer, heading_of_stream, values_as

VERSION = version("gridkeeper")
"""Another program may write the same values otherwise."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which values are wanted, and how they are written."""

    query: SeriesQuery
    form: ExportForm
    zone: ZoneInfo | None
    shape: Shape
    fields: tuple[str, ...]
    synthetic: bool

    def values(self, repository: TimeSeriesRepository) -> AsyncGenerator[bytes]:
        return values_as(
            repository, self.query, self.form, self.zone,
            wide=self.shape is Shape.WIDE, synthetic=self.synthetic, fields=self.fields,
        )  # fmt: skip

    def tag(self, state: ReadState, coding: Coding | None) -> str:
        """The ETag: the same as long as the answer has the same bytes."""
        query = self.query
        said = (
            VERSION, self.form, self.zone and self.zone.key, self.shape, self.fields, self.synthetic, coding,
            sorted((item, sorted((area, str(span)) for area, span in places.items())) for item, places in query.wanted.items()),
            query.as_of and iso_microseconds(query.as_of), query.published is not None, query.auction, query.resampling,
            sorted(query.continues.items()), sorted(query.ids), state.revisions,
        )  # fmt: skip
        return f'"{hashlib.sha256(repr(said).encode()).hexdigest()[:32]}"'


async def answer_of(
    request: Request,
    wanted: Wanted,
    state: ReadState,
    repository: TimeSeriesRepository,
    *,
    files: KeptFiles,
    patience: float,
) -> Response:
    """The values, or that they are what the client has, or the part of the file that it asks for."""
    a_file = wanted.form is ExportForm.PARQUET
    coding = None if a_file else accepted_coding(request.headers.get("accept-encoding", ""))
    tag = wanted.tag(state, coding)
    headers = _headers(wanted, state, tag, coding)
    if _has_it(request.headers, tag, state.changed_at):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    heading = request.state.method == "HEAD"
    if a_file:
        headers["Accept-Ranges"] = "bytes"
        if heading or "range" in request.headers:
            file = await files.file(tag, partial(wanted.values, repository))
            return _part(
                file, request.headers, tag, state.changed_at, headers | {"Content-Type": media_type(wanted.form)}
            )
    elif heading:
        return heading_of_stream(headers, media_type(wanted.form))
    values = coded(wanted.values(repository), coding)
    return await ChunkedAnswer.of(values, media_type(wanted.form), headers, patience=patience)


def _headers(wanted: Wanted, state: ReadState, tag: str, coding: Coding | None) -> dict[str, str]:
    """Kept by whoever asked, who asks whether it is still so."""
    found = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Encoding, Authorization"}
    if state.changed_at:
        found["Last-Modified"] = format_datetime(state.changed_at, usegmt=True)
    if coding:
        found["Content-Encoding"] = coding
    if wanted.query.as_of:
        found["Gridkeeper-As-Of"] = iso_microseconds(wanted.query.as_of)
    if wanted.synthetic:
        found["Gridkeeper-Origin"] = "SYNTHETIC"
    return found


def _has_it(headers: Mapping[str, str], tag: str, changed_at: datetime | None) -> bool:
    """Whether the client has this answer: by If-None-Match, else by If-Modified-Since."""
    known = headers.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or tag in {one.strip().removeprefix("W/") for one in known.split(",")}
    since = _moment(headers.get("if-modified-since", ""))
    return since is not None and changed_at is not None and changed_at <= since


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _part(
    file: bytes, asked: Mapping[str, str], tag: str, changed_at: datetime | None, headers: dict[str, str]
) -> Response:
    """The file, or the range of it; of a file that has changed since the first part the whole."""
    condition = asked.get("if-range")
    unchanged = condition is None or condition == tag or (changed_at is not None and _moment(condition) == changed_at)
    try:
        part = asked_range(asked.get("range", ""), len(file)) if unchanged else None
    except Unsatisfiable:
        raise ApiError(
            ProblemType.RANGE_NOT_SATISFIABLE,
            f"the file has {len(file)} bytes, and Range begins behind them",
            headers={"Content-Range": f"bytes */{len(file)}"},
        ) from None
    if part is None:
        return Response(file, headers=headers)
    place = {"Content-Range": f"bytes {part.first}-{part.last}/{len(file)}"}
    return Response(file[part.first : part.last + 1], HTTPStatus.PARTIAL_CONTENT, headers | place)
