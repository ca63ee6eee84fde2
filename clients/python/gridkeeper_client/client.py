"""The client."""

from __future__ import annotations

import json
import os
import uuid
import weakref
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack, overload

import httpx

from gridkeeper_client.changes import ChangeBatch, batch_of
from gridkeeper_client.errors import InvalidArgument, LimitExceeded, UnreadableAnswer
from gridkeeper_client.frames import Frame, Row, ValueAnswer, frame_reader, with_start
from gridkeeper_client.progress import ProgressObserver, Stopwatch, observer_of
from gridkeeper_client.transport import ApiRequest, ApiTransport, Parameter, Parameters

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

Moment = str | date | datetime
"""As on the command line (`2024-01-01`, `-7d`, `today`), a date, or an instant that knows its zone."""
Names = str | Sequence[str]

KEY, URL = "GRIDKEEPER_CLIENT__KEY", "GRIDKEEPER_CLIENT__URL"
PAGE_ROWS = 1000
HERE = "http://127.0.0.1:8080"


class ValueOptions(TypedDict, total=False):
    """What `Gridkeeper.observations` takes beside the values that are meant and the frame."""

    as_of: Moment | None
    assume_published: bool
    resolution: str | None
    aggregate: str | None
    min_coverage: float | None
    shape: Literal["long", "wide"]
    fields: Names
    tz: str | None
    auction: str | None
    continuous: bool
    progress: ProgressObserver | bool | None


class Gridkeeper:
    """A Gridkeeper service. It may be used as a context manager, or closed.

    Without `url` that of GRIDKEEPER_CLIENT__URL counts, or this machine; without `key` that of GRIDKEEPER_CLIENT__KEY.
    What fails on the way, is refused for a while (429) or unavailable (503) is asked again up to `attempts` times, but
    only where that does nothing twice. `frame` and `progress` are what the methods take where they are not told otherwise.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        timeout: float = 60.0,
        attempts: int = 5,
        frame: Frame | None = None,
        progress: ProgressObserver | bool | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        address = (os.environ.get(URL, "") or HERE) if url is None else url
        given = os.environ.get(KEY) if key is None else key
        self._transport = ApiTransport(address, given, timeout=timeout, attempts=attempts, transport=transport)
        self._frame = frame
        self._progress = progress
        # A line in a notebook leaves nothing open, whether somebody closes it or not.
        self._endings = [weakref.finalize(self, self._transport.close)]

    @classmethod
    def local(cls, data_dir: str | Path | None = None, *, frame: Frame | None = None) -> Self:
        """The data of a directory, read without a service: its embedded database runs until `close`.

        Nothing can be changed over it. It needs the service installed in this environment. Without `data_dir` the
        settings say where the data are, as for the command line.
        """
        from gridkeeper_client.local import LocalService

        service = LocalService(data_dir)
        client = cls(HERE, key="", frame=frame, transport=service.transport)
        client._endings.append(weakref.finalize(client, service.close))
        return client

    def close(self) -> None:
        for end in self._endings:
            end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Gridkeeper({self._transport.url!r})"

    # Values

    @overload
    def observations(
        self,
        item: Names,
        area: Names,
        start: Moment,
        end: Moment | None = ...,
        *,
        frame: Literal["polars"],
        **options: Unpack[ValueOptions],
    ) -> pl.DataFrame: ...
    @overload
    def observations(
        self,
        item: Names,
        area: Names,
        start: Moment,
        end: Moment | None = ...,
        *,
        frame: Literal["arrow"],
        **options: Unpack[ValueOptions],
    ) -> pa.Table: ...
    @overload
    def observations(
        self,
        item: Names,
        area: Names,
        start: Moment,
        end: Moment | None = ...,
        *,
        frame: Literal["rows"],
        **options: Unpack[ValueOptions],
    ) -> list[Row]: ...
    @overload
    def observations(
        self,
        item: Names,
        area: Names,
        start: Moment,
        end: Moment | None = ...,
        *,
        frame: Literal["pandas"] | None = ...,
        **options: Unpack[ValueOptions],
    ) -> Any: ...
    def observations(
        self,
        item: Names,
        area: Names,
        start: Moment,
        end: Moment | None = None,
        *,
        as_of: Moment | None = None,
        assume_published: bool = False,
        resolution: str | None = None,
        aggregate: str | None = None,
        min_coverage: float | None = None,
        shape: Literal["long", "wide"] = "long",
        fields: Names = (),
        tz: str | None = None,
        auction: str | None = None,
        continuous: bool = False,
        frame: Frame | None = None,
        progress: ProgressObserver | bool | None = None,
    ) -> Any:
        """Stored values from `start` to before `end` (the end of today), or as they were known at `as_of`.

        A frame of pandas has the start of delivery as its index, in UTC or in `tz`; `shape="wide"` is one column for
        each series, "long" has the columns of `gridkeeper export`, or those of `fields`. `resolution="PT60M"` with `aggregate` (mean, sum, min,
        max, last, count) gives longer units on the delivery grid of each area; those stored to less than `min_coverage`
        (1.0) have no value. `frame` is "pandas", "polars", "arrow" or "rows". What the frame is as of, and SYNTHETIC
        where the data are, stand in `attrs` of pandas and in the metadata of Arrow.
        """
        reader = frame_reader(frame or self._frame)
        given: dict[str, Parameter | Sequence[str] | None] = {
            "item": _required("item", item),
            "area": _required("area", area),
            "from": moment(start),
            "to": None if end is None else moment(end),
            "as_of": None if as_of is None else moment(as_of),
            "assume_published": assume_published or None,
            "resolution": resolution,
            "aggregate": aggregate,
            "min_coverage": min_coverage,
            "shape": None if shape == "long" else shape,
            "fields": with_start(fields) or None,
            "tz": tz,
            "auction": auction,
            "continuous": continuous or None,
            "format": reader.format,
        }
        observer = observer_of(self._progress if progress is None else progress)

        def read(response: httpx.Response) -> ValueAnswer:
            headers = response.headers
            return ValueAnswer(
                _whole(response, Stopwatch(observer)),
                as_of=headers.get("gridkeeper-as-of", ""),
                origin=headers.get("gridkeeper-origin", ""),
                tz=tz or "UTC",
                wide=shape == "wide",
            )

        return reader.make(self._transport.fetch(ApiRequest("GET", "/observations", given), read))

    def changes(
        self,
        after: str | None = None,
        *,
        item: Names = (),
        area: Names = (),
        limit: int | None = None,
        wait: float = 30.0,
    ) -> Iterator[ChangeBatch]:
        """Every value that became new, revised or vanished behind the cursor, in the order of commits, each once.

        Without a cursor from the first change that is kept on, with `"now"` from here on. It goes on for ever, an empty
        batch every `wait` seconds; with `wait=0` it ends where nothing more is there. Keep the `cursor` of each batch
        and hand it over to go on there, with the same filter; one too old raises CursorExpired.
        """
        while True:
            # Without a cursor there is nothing to wait behind.
            waiting = wait if after not in {None, "now"} else 0
            given: Parameters = {
                "after": after,
                "item": _names("item", item),
                "area": _names("area", area),
                "limit": limit,
                "wait": waiting or None,
            }
            batch = batch_of(self._json(ApiRequest("GET", "/changes", given, patience=waiting)))
            after = batch.cursor
            yield batch
            if not (wait or batch.more):
                return

    # What is known

    def areas(self) -> list[Row]:
        """The known areas: code, EIC, kinds, zone, validity."""
        return list(self.rows("/areas"))

    def borders(self) -> list[Row]:
        """The known borders, each in both directions."""
        return list(self.rows("/borders"))

    def items(self) -> list[Row]:
        """The data items: article, documents, limits, deadline, and which areas or borders have them."""
        return list(self.rows("/items"))

    def series(self, item: Names = (), area: Names = (), **parts: str) -> list[Row]:
        """The stored series, also by parts of their keys (`psr_type="B16"`): unit, first delivery, latest value."""
        return list(self.rows("/series", item=_names("item", item), area=_names("area", area), **parts))

    def latest(self, item: Names = (), area: Names = (), end: Moment | None = None) -> list[Row]:
        """The newest value of each series, those of tomorrow too; with `end`, the newest delivered before it."""
        return list(self.rows("/observations/latest", **_places(item, area), to=_optional(end)))

    def revisions(self, series: int, start: Moment, end: Moment | None = None) -> list[Row]:
        """Everything that was believed of the values of a series (`id` of `series()`), and from when until when."""
        return list(self.rows(f"/series/{series}/revisions", **{"from": moment(start), "to": _optional(end)}))

    def gaps(
        self, item: Names = (), area: Names = (), start: Moment | None = None, end: Moment | None = None
    ) -> list[Row]:
        """What is missing and why: late, missing_at_source or ours."""
        given = {"from": _optional(start), "to": _optional(end)}
        return list(self.rows("/gaps", **_places(item, area), **given))

    def rows(self, path: str, **parameters: Parameter | Sequence[str] | None) -> Iterator[Row]:
        """The rows of any list below /api/v1, page by page: `rows("/alerts/history", **{"from": "-7d"})`."""
        following: str | None = None
        given = {"limit": PAGE_ROWS, **parameters}
        while True:
            try:
                page = self._json(ApiRequest("GET", path, {**given, "next": following}))
            except LimitExceeded as error:
                if given.pop("limit") is None or error.errors[0].field != "limit":
                    raise
                given["limit"] = None  # this service gives fewer at a time
                continue
            yield from page["data"]
            following = page["next"]
            if following is None:
                return

    # Everything else

    def get(self, path: str, **parameters: Parameter | Sequence[str] | None) -> Any:
        """The JSON at any path below /api/v1: `get("/status")`."""
        return self._json(ApiRequest("GET", path, parameters))

    def post(self, path: str, body: Any = None, *, idempotency_key: str | None = None) -> Any:
        """The JSON that a change answers with. It gets an Idempotency-Key, so that sending it again does nothing twice.

        Not so `/keys`, which takes none: it is sent once.
        """
        headers: Mapping[str, str] = {}
        if path.rstrip("/") != "/keys":
            headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return self._json(ApiRequest("POST", path, body=body, headers=headers))

    def delete(self, path: str) -> Any:
        """The JSON that the end of something answers with; it is sent once."""
        return self._json(ApiRequest("DELETE", path))

    def _json(self, request: ApiRequest) -> Any:
        return self._transport.fetch(request, _parsed)


def _whole(response: httpx.Response, watch: Stopwatch) -> bytes:
    parts, received = [], 0
    for part in response.iter_bytes():
        parts.append(part)
        received += len(part)
        watch.arrived(received)
    watch.arrived(received, done=True)
    return b"".join(parts)


def _parsed(response: httpx.Response) -> Any:
    body = response.read()
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        raise UnreadableAnswer(
            f"{response.request.url.copy_with(query=None)} answers no JSON: is it a Gridkeeper?"
        ) from None


def _names(parameter: str, given: Names) -> Names | None:
    """Names to ask for, None for all; what is no name would be left out on the way, and more be found than was asked for."""
    listed: list[Any] = [given] if isinstance(given, str) else list(given)
    for name in listed:
        if not (isinstance(name, str) and name.strip()):
            raise InvalidArgument(
                f"{parameter}={given!r}: {name!r} is no name; give one name or several, or nothing for all"
            )
    return given if listed else None


def _required(parameter: str, given: Names) -> Names:
    names = _names(parameter, given)
    if names is None:
        raise InvalidArgument(f"{parameter}={given!r} names nothing; give one name or several")
    return names


def _places(item: Names, area: Names) -> dict[str, Names | None]:
    return {"item": _names("item", item), "area": _names("area", area)}


def moment(given: Moment) -> str:
    """A moment as the service reads it; InvalidArgument where an instant does not say its zone."""
    if isinstance(given, datetime):
        if given.tzinfo is None:
            raise InvalidArgument(
                f"{given} has no time zone: give it one, or give a date, which begins at the midnight of the area"
            )
        return given.isoformat()
    return given.isoformat() if isinstance(given, date) else given


def _optional(given: Moment | None) -> str | None:
    return None if given is None else moment(given)
