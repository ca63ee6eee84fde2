"""`gridkeeper export`: stored values to a file or to standard output."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import typer

from app.cli.codes import OK
from app.clock import SystemClock
from app.collection.requests import select
from app.errors import ConfigurationError
from app.lifecycle import database
from app.logging import configure_logging
from app.market.areas import Place
from app.market.calendar import deadlines
from app.market.moments import parse_instant, parse_interval
from app.market.series import DataItem, SeriesKey
from app.market.time import Interval, Resolution, iso_microseconds
from app.settings import Settings, load_settings
from app.sources.entsoe.items import ITEMS, places_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from app.timeseries.export import Writer
    from app.timeseries.repository import TimeSeriesRepository


@dataclass(frozen=True, slots=True)
class _Question:
    """What is to be written: per item its places by canonical area, with the interval of each."""

    wanted: dict[DataItem, dict[str, Place]]
    intervals: dict[str, Interval]
    as_of: datetime | None
    assume_published: bool


def export_command(
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    *,
    as_of: str | None,
    assume_published: bool,
    kind: str,
    output: Path | None,
) -> int:
    settings = load_settings()
    configure_logging(settings.log)
    if assume_published and as_of is None:
        raise ConfigurationError("--assume-published needs --as-of: it says what counts as known at that instant")
    if kind == "parquet" and output is None and sys.stdout is not None and sys.stdout.isatty():
        raise ConfigurationError("parquet is binary: name a file with -o, or pipe the output")
    output = None if output == Path("-") else output
    instant = parse_instant(as_of, name="--as-of") if as_of else None
    question = _question(settings, areas, items, start, end, instant, assume_published=assume_published)
    with _target(output) as stream:
        count = asyncio.run(_write(settings, question, kind, stream))
    if not count:
        typer.echo("no stored value matches; `gridkeeper collect` with the same options asks the source", err=True)
    elif output:
        typer.echo(f"{count} values written to {output}", err=True)
    return OK


def _question(
    settings: Settings,
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    as_of: datetime | None,
    *,
    assume_published: bool,
) -> _Question:
    now = SystemClock().now()
    selection = select(
        areas or settings.collection.areas,
        items or settings.collection.items,
        lambda place: parse_interval(start, end, place.zone, now),
        lambda item, place: places_for(ITEMS[item], place),
    )
    wanted: dict[DataItem, dict[str, Place]] = {}
    for request in selection.requests:
        wanted.setdefault(request.item, {})[request.place.eic] = request.place
    intervals = {request.place.eic: request.interval for request in selection.requests}
    return _Question(wanted, intervals, as_of, assume_published)


@contextmanager
def _target(output: Path | None) -> Iterator[BinaryIO]:
    """The stream to write to; a file appears under its name only when it is complete."""
    if output is None:
        yield _standard_output()
        return
    partial = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as stream:
            yield stream
        partial.replace(output)
    except OSError as error:
        raise ConfigurationError(f"-o {output} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _standard_output() -> BinaryIO:
    # A shell's `>&-`: the border of the process has put this in its place.
    if getattr(sys.stdout, "name", "") == os.devnull:
        raise ConfigurationError("standard output is closed: name a file with -o, or redirect the output")
    return sys.stdout.buffer


async def _write(settings: Settings, question: _Question, kind: str, stream: BinaryIO) -> int:
    from app.timeseries.repository import TimeSeriesRepository

    count = 0
    async with database(settings, lambda text: typer.echo(text, err=True)) as opened:
        repository = TimeSeriesRepository(opened)
        as_of = await _as_of(repository, question.as_of)
        with _writer(kind, stream, as_of) as writer:
            for item in sorted(question.wanted):
                places = question.wanted[item]
                batches = repository.read(
                    items=[item],
                    areas={eic: question.intervals[eic] for eic in places},
                    as_of=as_of,
                    published=_published if question.assume_published else None,
                )
                async with aclosing(batches):
                    async for batch in batches:
                        writer.write(batch)
                        count += len(batch)
    return count


async def _as_of(repository: TimeSeriesRepository, wanted: datetime | None) -> datetime | None:
    """The instant that is read, and said: an earlier one than wanted where values may still be recorded at that."""
    if wanted is None:
        return None
    settled = await repository.settled(wanted)
    reason = "" if settled == wanted else ", the latest instant at which nothing more can be recorded"
    typer.echo(f"as_of {iso_microseconds(settled)}{reason}", err=True)
    return settled


@contextmanager
def _writer(kind: str, stream: BinaryIO, as_of: datetime | None) -> Iterator[Writer]:
    import io

    from app.timeseries.export import CsvWriter, ParquetWriter

    if kind == "parquet":
        parquet = ParquetWriter(stream, as_of=as_of)
        yield parquet
        parquet.close()
        return
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
    try:
        csv = CsvWriter(text)
        yield csv
        csv.close()
    finally:
        text.detach()


def _published(key: SeriesKey, resolution: Resolution, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    from app.market.areas import find_place

    return deadlines(ITEMS[DataItem(key.item)].publication, starts, resolution, find_place(key.area).zone)
