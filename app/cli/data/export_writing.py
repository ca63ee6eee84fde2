"""Writes stored values to a file or to standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from zoneinfo import ZoneInfo

from app.cli.output import say
from app.db.migrate import is_synthetic
from app.db.reading.context import read_twice
from app.errors import ConfigurationError
from app.market.time import iso_microseconds
from app.timeseries.export.forms import ExportForm, writing
from app.timeseries.query import SeriesQuery, read_shaped

if TYPE_CHECKING:
    from app.timeseries.repository import TimeSeriesRepository
    from app.wiring.container import Container


async def export_values(
    wiring: Container, query: SeriesQuery, kind: str, zone: ZoneInfo | None, output: Path | None, *, wide: bool
) -> tuple[int, int]:
    """The number of values written, and where none was, how many are stored that were learned later."""

    async def write() -> tuple[int, int]:
        with _export_target(output) as stream:
            return await _write_values(wiring, query, kind, zone, stream, wide=wide)

    # A file is begun anew where a replica ended the read; a pipe gives nothing back.
    return await (read_twice(write) if output else write())


@contextmanager
def _export_target(output: Path | None) -> Iterator[BinaryIO]:
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
    # A shell's `>&-`: the boundary of the process has put this in its place.
    if getattr(sys.stdout, "name", "") == os.devnull:
        raise ConfigurationError("standard output is closed: name a file with -o, or redirect the output")
    return sys.stdout.buffer


async def _write_values(
    wiring: Container, query: SeriesQuery, kind: str, zone: ZoneInfo | None, stream: BinaryIO, *, wide: bool
) -> tuple[int, int]:
    opened, repository = wiring.database(), wiring.reads().time_series()
    query = replace(query, as_of=await _as_of(repository, query.as_of))
    async with opened.connection() as connection:
        synthetic = await is_synthetic(connection)
    if synthetic:
        say("SYNTHETIC data, as the column origin says: nothing here comes from the platform")
    count = 0
    with writing(ExportForm(kind), stream, query, zone, wide=wide, synthetic=synthetic) as writer:
        async with aclosing(read_shaped(repository, query)) as found:
            async for shaped in found:
                writer.write(shaped)
                count += len(shaped)
    later = 0
    if not count and query.as_of is not None:
        whole = replace(query, as_of=None, published=None, resampling=None)
        async with aclosing(read_shaped(repository, whole)) as stored:
            async for shaped in stored:
                later += len(shaped)
    return count, later


async def _as_of(repository: TimeSeriesRepository, wanted: datetime | None) -> datetime | None:
    """The instant that is read, and said: an earlier one than wanted where values may still be recorded at that."""
    if wanted is None:
        return None
    settled = await repository.settled(wanted)
    reason = "" if settled == wanted else ", the latest instant at which nothing more can be recorded"
    say(f"as_of {iso_microseconds(settled)}{reason}")
    return settled
