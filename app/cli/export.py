"""`gridkeeper export`: stored values to a file or to standard output."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from app.cli.exit_codes import OK
from app.cli.options import kind_by_name
from app.clock import SystemClock
from app.collection.selection import select
from app.errors import ConfigurationError
from app.lifecycle import services
from app.logging import configure_logging
from app.market.areas import Place
from app.market.calendar import deadlines
from app.market.moments import parse_interval, parse_moment
from app.market.series import DataItem, SeriesKey
from app.market.text import counted
from app.market.time import MARKET_ZONE, Interval, Resolution, iso_microseconds
from app.settings import Settings, load_settings
from app.timeseries.query import SeriesQuery
from app.timeseries.shape import Aggregation, Auction, Resampling, history_of
from app.wiring.catalog import CATALOG

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from app.timeseries.export import Writer
    from app.timeseries.repository import TimeSeriesRepository


_KINDS = {".csv": "csv", ".parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What the values are to look like."""

    kind: str | None = None
    wide: bool = False
    tz: str | None = None
    resolution: str | None = None
    aggregate: Aggregation | None = None
    auction: Auction = Auction.PREFERRED
    continuous: bool = False


def export_command(
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    *,
    as_of: str | None,
    assume_published: bool,
    options: ExportOptions,
    output: Path | None,
) -> int:
    settings = load_settings()
    configure_logging(settings.log)
    if assume_published and as_of is None:
        raise ConfigurationError("--assume-published needs --as-of: it says what counts as known at that instant")
    output = None if output == Path("-") else output
    kind = options.kind or kind_by_name(output, _KINDS, "csv")
    if kind == "parquet" and output is None and sys.stdout is not None and sys.stdout.isatty():
        raise ConfigurationError("parquet is binary: name a file with -o, or pipe the output")
    zone = _zone(options.tz)
    query = _query(settings, areas, items, start, end, as_of, options)
    if assume_published:
        query = replace(query, published=_published)
    with _target(output) as stream:
        count, later = asyncio.run(_write(settings, query, kind, options, zone, stream))
    if not count:
        typer.echo(_nothing(query, later), err=True)
    elif output:
        typer.echo(f"{count} values written to {output}", err=True)
    return OK


def _known_at(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """An instant with its offset, however late, or a moment as --from takes it."""
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        instant = None
    if instant is not None and instant.tzinfo is not None:
        return instant.astimezone(UTC)
    return parse_moment(text, zone, now, name="--as-of")


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(f"--tz {name!r} is no time zone: write it as Europe/Berlin or UTC") from None


def _resampling(options: ExportOptions) -> Resampling | None:
    if options.resolution is None:
        if options.aggregate is not None:
            raise ConfigurationError("--aggregate needs --resolution: it says what becomes of shorter units")
        return None
    try:
        resolution = Resolution.parse(options.resolution.strip().upper())
    except ValueError as error:
        raise ConfigurationError(f"--resolution: {error}") from None
    return Resampling(resolution, options.aggregate or Aggregation.MEAN)


def _nothing(query: SeriesQuery, later: int) -> str:
    if query.as_of is None or not later:
        return "no stored value matches; `gridkeeper collect` with the same options asks the source"
    known = "were learned after that instant" if later > 1 else "was learned after that instant"
    said = f"nothing of this range was known then: {counted(later, 'value')} stored, which {known}"
    if query.published is None:
        return f"{said}; --assume-published counts a first value as known from its legal deadline on"
    return f"{said} and had to be published later"


def _query(
    settings: Settings,
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    as_of: str | None,
    options: ExportOptions,
) -> SeriesQuery:
    now = SystemClock().now()
    selection = select(
        areas or settings.collection.areas,
        items or settings.collection.items,
        lambda place: parse_interval(start, end, place.zone, now),
        CATALOG.places,
    )
    wanted: dict[DataItem, dict[str, Interval]] = {}
    continues: dict[tuple[DataItem, str], tuple[str, ...]] = {}
    for request in selection.requests:
        of_item = wanted.setdefault(request.item, {})
        kinds = CATALOG.area_kinds(request.item)
        whole: list[tuple[Place, Interval]] = [(request.place, request.interval)]
        if options.continuous:
            whole = [*history_of(request.place, request.interval, kinds)]
        for place, interval in whole:
            asked = of_item.get(place.eic, interval)
            of_item[place.eic] = Interval(min(asked.start, interval.start), max(asked.end, interval.end))
            shown = continues.get((request.item, place.eic), ())
            continues[request.item, place.eic] = tuple(dict.fromkeys((*shown, request.place.eic)))
    for warning in selection.warnings if not options.continuous else ():
        typer.echo(f"note: {warning}; --continuous joins them", err=True)
    zones = {request.place.zone for request in selection.requests}
    zone = zones.pop() if len(zones) == 1 else MARKET_ZONE
    return SeriesQuery(
        wanted,
        as_of=_known_at(as_of, zone, now) if as_of else None,
        auction=options.auction,
        resampling=_resampling(options),
        continues=continues,
    )


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


async def _write(
    settings: Settings, query: SeriesQuery, kind: str, options: ExportOptions, zone: ZoneInfo | None, stream: BinaryIO
) -> tuple[int, int]:
    """The number of values written, and where none was, how many are stored that were learned later."""
    from app.db.migrate import is_synthetic
    from app.timeseries.query import read_shaped

    async with services(settings, lambda text: typer.echo(text, err=True)) as wiring:
        opened, repository = wiring.database(), wiring.storage().time_series()
        query = replace(query, as_of=await _as_of(repository, query.as_of))
        async with opened.connection() as connection:
            synthetic = await is_synthetic(connection)
        if synthetic:
            typer.echo("SYNTHETIC data, as the column origin says: nothing here comes from the platform", err=True)
        count = 0
        with _writer(kind, stream, query, zone, wide=options.wide, synthetic=synthetic) as writer:
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
    typer.echo(f"as_of {iso_microseconds(settled)}{reason}", err=True)
    return settled


@contextmanager
def _writer(
    kind: str, stream: BinaryIO, query: SeriesQuery, zone: ZoneInfo | None, *, wide: bool, synthetic: bool
) -> Iterator[Writer]:
    import io

    from app.timeseries.export import CsvWriter, ParquetWriter, WideCsvWriter, WideParquetWriter
    from app.timeseries.query import shown_under

    shown = partial(shown_under, query=query)
    coverage = query.resampling is not None
    writer: Writer
    if kind == "parquet":
        if wide:
            writer = WideParquetWriter(stream, zone, shown, as_of=query.as_of, synthetic=synthetic)
        else:
            writer = ParquetWriter(stream, zone, coverage=coverage, as_of=query.as_of, synthetic=synthetic)
        yield writer
        writer.close()
        return
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
    try:
        if wide:
            writer = WideCsvWriter(text, zone, shown, synthetic=synthetic)
        else:
            writer = CsvWriter(text, zone, coverage=coverage, synthetic=synthetic)
        yield writer
        writer.close()
    finally:
        text.detach()


def _published(key: SeriesKey, resolution: Resolution, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    from app.market.areas import find_place

    rule = CATALOG.publication(DataItem(key.item))
    return deadlines(rule, starts, resolution, find_place(key.area).zone)
