"""`gridkeeper export`: stored values to a file or to standard output."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.options import AreaOption, From, ItemOption, To, kind_by_name
from app.cli.output import say
from app.cli.session import ask, begin
from app.errors import ConfigurationError

_KINDS = {".csv": "csv", ".parquet": "parquet"}


class ExportFormat(StrEnum):
    """How the values are written."""

    CSV = "csv"
    PARQUET = "parquet"


class AggregationOption(StrEnum):
    """What becomes of shorter units, as `app.timeseries.shape` has it."""

    MEAN = "mean"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    LAST = "last"
    COUNT = "count"


class AuctionChoice(StrEnum):
    """Which day-ahead prices are written, as `app.timeseries.shape` has it."""

    PREFERRED = "preferred"
    SDAC = "sdac"
    EXAA = "exaa"
    ALL = "all"


def export_command(
    area: AreaOption = None,
    item: ItemOption = None,
    start: From = "-7d",
    end: To = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="What we believed at this moment: an instant, a date, -7d, as --from takes it."),
    ] = None,
    assume_published: Annotated[
        bool,
        typer.Option("--assume-published", help="With --as-of: count a first value as known from its legal deadline."),
    ] = False,
    wide: Annotated[
        bool, typer.Option("--wide", help="A row for each start of delivery, a column for each series.")
    ] = False,
    tz: Annotated[
        str | None, typer.Option("--tz", help="Zone in which deliveries start, as Europe/Berlin; default: UTC.")
    ] = None,
    resolution: Annotated[
        str | None, typer.Option("--resolution", help="Longer units than stored: PT60M, P1D, P1M …", metavar="PT60M")
    ] = None,
    aggregate: Annotated[
        AggregationOption | None, typer.Option("--aggregate", help="With --resolution: default mean.")
    ] = None,
    auction: Annotated[
        AuctionChoice,
        typer.Option("--auction", help="Of day-ahead prices: preferred is one an instant, SDAC's, else another's."),
    ] = AuctionChoice.PREFERRED,
    continuous: Annotated[
        bool, typer.Option("--continuous", help="With the zones that an area continues: DE_AT_LU, then DE_LU.")
    ] = False,
    output_format: Annotated[
        ExportFormat | None, typer.Option("--format", "-f", help="Default: by the name of --output, else csv.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, .csv or .parquet; default: standard output.")
    ] = None,
) -> int:
    """Write stored values as CSV or Parquet, ordered by series, then time.

    With --as-of the values are those that were known at that instant, so that a backtest never sees the future.
    Backfilled history was learned late; --assume-published counts it as known from the publication deadline on.

    With --resolution a unit of which a part is not stored has no value; `coverage` says how much of it is stored.
    Days are those of the area, of 23, 24 or 25 hours. Sequence 1 of day-ahead prices is SDAC's auction, 2 is EXAA's.

    Example: gridkeeper export --area DE_LU --item load_actual --from 2024-01-01 --to 2024-02-01 -o load.csv
    """
    from app.cli.data.export_query import export_query, nothing_found
    from app.cli.data.export_writing import export_values
    from app.market.moments import parse_zone

    settings = begin()
    if assume_published and as_of is None:
        raise ConfigurationError("--assume-published needs --as-of: it says what counts as known at that instant")
    output = None if output == Path("-") else output
    kind = output_format.value if output_format else kind_by_name(output, _KINDS, "csv")
    if kind == "parquet" and output is None and sys.stdout is not None and sys.stdout.isatty():
        raise ConfigurationError("parquet is binary: name a file with -o, or pipe the output")
    zone = None if tz is None else parse_zone(tz, name="--tz")
    query = export_query(
        settings, area, item, start, end, as_of=as_of, assume_published=assume_published, resolution=resolution,
        aggregate=aggregate, auction=auction, continuous=continuous,
    )  # fmt: skip
    count, later = ask(settings, lambda wiring: export_values(wiring, query, kind, zone, output, wide=wide))
    if not count:
        say(nothing_found(query, later))
    elif output:
        say(f"{count} values written to {output}")
    return OK
