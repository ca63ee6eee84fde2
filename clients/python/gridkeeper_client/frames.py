"""Answers as frames: of pandas, polars or Arrow, or as rows where none of them is installed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import Any, Literal
from zoneinfo import ZoneInfo

from gridkeeper_client.errors import InvalidArgument, MissingPackage, UnreadableAnswer

Frame = Literal["pandas", "polars", "arrow", "rows"]
Row = dict[str, Any]

START, LEARNED = "delivery_start", "recorded_at"
PACKAGES: Mapping[Frame, str] = {"pandas": "pandas", "polars": "polars", "arrow": "pyarrow"}


@dataclass(frozen=True, slots=True)
class ValueAnswer:
    """The body of an answer with values, and what its headers say of them."""

    body: bytes
    as_of: str
    """The instant at which they were known; empty for now."""
    origin: str
    """SYNTHETIC where a sandbox made them up."""
    tz: str
    wide: bool


@dataclass(frozen=True, slots=True)
class FrameReader:
    """In which format to ask for values, and what makes a frame of them."""

    format: str
    make: Callable[[ValueAnswer], Any]


def frame_reader(wanted: Frame | None) -> FrameReader:
    """For the frame that is wanted, or the first of pandas, polars and Arrow that is installed."""
    found = wanted or next((frame for frame in PACKAGES if installed(PACKAGES[frame])), None)
    if found is None:
        raise MissingPackage(
            "neither pandas nor polars nor pyarrow is installed: pip install pandas, or say frame='rows' for a list of rows"
        )
    if found == "rows":
        return FrameReader("ndjson", _rows)
    if found not in PACKAGES:
        raise InvalidArgument(f"frame={found!r} is none of 'pandas', 'polars', 'arrow', 'rows'")
    if not installed(PACKAGES[found]):
        raise MissingPackage(f"frame={found!r} needs a package: pip install {PACKAGES[found]}")
    if found == "polars":
        return FrameReader("arrow", _polars)
    if found == "arrow":
        return FrameReader("arrow", _arrow)
    return FrameReader("arrow", _pandas) if installed("pyarrow") else FrameReader("csv", _pandas_of_csv)


def with_start(fields: Sequence[str]) -> list[str]:
    """The columns to ask for: without its start no value has a place in a frame."""
    named = [part.strip() for part in fields.split(",")] if isinstance(fields, str) else list(fields)
    return [START, *(name for name in named if name != START)] if named else []


def installed(package: str) -> bool:
    return find_spec(package) is not None


def _arrow(answer: ValueAnswer) -> Any:
    import pyarrow as pa

    try:
        table = pa.ipc.open_stream(answer.body).read_all()
    except pa.ArrowInvalid as error:
        raise UnreadableAnswer(f"the answer is no Arrow stream: {error}") from error
    return table.replace_schema_metadata((table.schema.metadata or {}) | _said(answer))


def _polars(answer: ValueAnswer) -> Any:
    import polars as pl

    return pl.read_ipc_stream(answer.body)


def _pandas(answer: ValueAnswer) -> Any:
    return _indexed(_arrow(answer).to_pandas(), answer)


def _pandas_of_csv(answer: ValueAnswer) -> Any:
    import pandas as pd

    # As texts at first: what pandas makes of a column would depend on its values. The types are those of Arrow.
    frame = pd.read_csv(io.BytesIO(answer.body), dtype=str, keep_default_na=False)
    for name in frame.columns:
        if name in _INSTANTS:
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
        elif name == "filled":
            frame[name] = frame[name] == "1"
        elif name in _NUMBERS or (answer.wide and name != "origin"):
            frame[name] = pd.to_numeric(frame[name]).astype("float64")
        else:
            frame[name] = frame[name].astype("category")
    frame[START] = frame[START].dt.tz_convert(answer.tz)
    return _indexed(frame, answer)


_INSTANTS = {START, LEARNED}
_NUMBERS = {"value", "coverage"}


def _indexed(frame: Any, answer: ValueAnswer) -> Any:
    found = frame.set_index(START)
    found.attrs |= _said(answer)
    return found


def _said(answer: ValueAnswer) -> dict[str, str]:
    return {name: text for name, text in (("as_of", answer.as_of), ("origin", answer.origin)) if text}


def _rows(answer: ValueAnswer) -> list[Row]:
    zone = ZoneInfo(answer.tz)
    rows: list[Row] = [json.loads(line) for line in answer.body.splitlines()]
    for row in rows:
        # JSON has one kind of number: a whole one is a value like any other.
        row.update((name, float(value)) for name, value in row.items() if type(value) is int)
        row[START] = datetime.fromisoformat(row[START]).astimezone(zone)
        if LEARNED in row:
            row[LEARNED] = datetime.fromisoformat(row[LEARNED])
    return rows
