"""The command line. Commands import what they need when they run, so that --help answers at once.

Exit codes: 0 done; 1 the database or the machine does not let us work; 2 wrong usage or configuration;
3 some of the work failed; 4 malformed input; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from app.cli.alert_groups import alerts
from app.cli.api_groups import api
from app.cli.exit_codes import BROKEN_PIPE, INTERRUPTED, OK, UNAVAILABLE, USAGE
from app.cli.groups import GROUPS, watch
from app.cli.options import (
    AggregationOption,
    AreaOption,
    AsJson,
    AuctionChoice,
    ExportFormat,
    From,
    ItemOption,
    ParseFormat,
    Sandbox,
    To,
)
from app.cli.quality_groups import findings as findings
from app.cli.report_groups import report


class Commands(TyperGroup):
    """The commands; the library would end an interrupted one without a word, and a broken pipe as a failure."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise typer.Abort from error
        except BrokenPipeError as error:
            _discard_output()
            raise typer.Exit(BROKEN_PIPE) from error


cli = typer.Typer(
    name="gridkeeper",
    cls=Commands,
    help="Keeps European electricity-market data complete, watched and trustworthy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@cli.command()
def collect(
    area: AreaOption = None,
    item: ItemOption = None,
    start: From = "-7d",
    end: To = None,
    sandbox: Sandbox = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the summary.")] = False,
) -> None:
    """Collect data items for areas over a range into the store.

    Dates mean midnight of the area; for a border, of the area that the energy enters. Without --area and --item the
    configured ones are collected. What succeeds is stored whatever else fails; asking again writes only what changed.

    Example: gridkeeper collect --area DE_LU --area FR --item load_actual --from 2024-01-01 --to 2024-02-01

    Exit code: 0 every window answered (with data or "no matching data"), 3 some failed, 2 wrong usage.
    """
    from app.cli.collect import collect_command

    raise typer.Exit(collect_command(area, item, start, end, sandbox=sandbox, as_json=as_json, quiet=quiet))


@cli.command()
def export(
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
) -> None:
    """Write stored values as CSV or Parquet, ordered by series, then time.

    With --as-of the values are those that were known at that instant, so that a backtest never sees the future.
    Backfilled history was learned late; --assume-published counts it as known from the publication deadline on.

    With --resolution a unit of which a part is not stored has no value; `coverage` says how much of it is stored.
    Days are those of the area, of 23, 24 or 25 hours. Sequence 1 of day-ahead prices is SDAC's auction, 2 is EXAA's.

    Example: gridkeeper export --area DE_LU --item load_actual --from 2024-01-01 --to 2024-02-01 -o load.csv
    """
    from app.cli.export import ExportOptions, export_command
    from app.timeseries.shape import Aggregation, Auction

    raise typer.Exit(
        export_command(
            area,
            item,
            start,
            end,
            as_of=as_of,
            assume_published=assume_published,
            options=ExportOptions(
                output_format and output_format.value,
                wide=wide,
                tz=tz,
                resolution=resolution,
                aggregate=Aggregation(aggregate.value) if aggregate else None,
                auction=Auction(auction.value),
                continuous=continuous,
            ),
            output=output,
        )
    )


@cli.command()
def parse(
    files: Annotated[list[Path], typer.Argument(help="Platform documents, XML or zip; - is standard input.")],
    output_format: Annotated[ParseFormat, typer.Option("--format", "-f")] = ParseFormat.CSV,
    outages: Annotated[
        bool, typer.Option("--outages", help="Notices of unavailability only: a row for each interval, not each value.")
    ] = False,
) -> None:
    """Expand platform documents to values, without a database.

    A notice of unavailability in minutes is one row for each interval: `end` says when it ends, `nominal_mw` what the
    unit has. Where an answer holds final and intermediate values, the final ones are printed.

    Exit code: 0 data or "no matching data", 3 another acknowledgement, no time series or nothing that could be taken,
    4 malformed.
    """
    from app.cli.parse import parse_files

    raise typer.Exit(parse_files(files, output_format.value, sys.stdout, sys.stderr, outages=outages))


@cli.command()
def areas(as_json: AsJson = False) -> None:
    """List the known areas: code, EIC, kinds, zone, validity."""
    from app.cli.catalogue import print_areas

    print_areas(as_json=as_json)


@cli.command()
def items(as_json: AsJson = False) -> None:
    """List the known data items: article, documents, limits, deadline, kinds of areas that have them."""
    from app.cli.catalogue import print_items

    print_items(as_json=as_json)


@cli.command()
def migrate(
    timescale: Annotated[
        bool, typer.Option("--timescale", help="Turn a filled plain database into hypertables; can be resumed.")
    ] = False,
) -> None:
    """Bring the database's schema to this version; run by one process at a time, others wait."""
    from app.cli.admin import migrate_command

    raise typer.Exit(migrate_command(timescale=timescale))


@cli.command("check-config")
def check_config(
    sandbox: Sandbox = False,
    syntax: Annotated[
        bool, typer.Option("--syntax", help="Check the files without the secrets they refer to, as in CI.")
    ] = False,
) -> None:
    """Validate the settings and the files that operators edit, without starting anything; show them without secrets.

    Exit code: 0 all is valid, 2 something is wrong, each named with file, line and remedy.
    """
    from app.cli.check_config import check_config_command

    raise typer.Exit(check_config_command(sandbox=sandbox, syntax=syntax))


@cli.command()
def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8888,
    token: Annotated[str | None, typer.Option(help="Token to accept; default: a fixed one, printed.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic series and of the faults.")] = 0,
    now: Annotated[str | None, typer.Option(help="Instant at which the stand-in's clock stands still.")] = None,
    latency: Annotated[float, typer.Option(help="Seconds before each answer.", min=0, max=86_400)] = 0.0,
    limit: Annotated[
        int, typer.Option(help="Requests a minute before the 429; 0 for no limit.", min=0, max=1_000_000)
    ] = 400,
    rate_503: Annotated[float, typer.Option(help="Share of answers that are 503.", min=0, max=1)] = 0.0,
    rate_429: Annotated[float, typer.Option(help="Share of answers that are 429.", min=0, max=1)] = 0.0,
    rate_drop: Annotated[float, typer.Option(help="Share of connections dropped.", min=0, max=1)] = 0.0,
    rate_truncate: Annotated[float, typer.Option(help="Share of answers cut short.", min=0, max=1)] = 0.0,
    rate_html: Annotated[float, typer.Option(help="Share of answers that are HTML.", min=0, max=1)] = 0.0,
    replay: Annotated[Path | None, typer.Option(help="Folder of recorded answers to give verbatim.")] = None,
) -> None:
    """Serve the stand-in for the Transparency Platform alone: the real protocol, synthetic data."""
    from app.cli.sandbox import sandbox_command

    rates = {"503": rate_503, "429": rate_429, "drop": rate_drop, "truncate": rate_truncate, "html": rate_html}
    raise typer.Exit(
        sandbox_command(
            host=host,
            port=port,
            token=token,
            seed=seed,
            now=now,
            latency=latency,
            limit=limit,
            rates=rates,
            replay=replay,
        )
    )


for name, group in GROUPS.items():
    cli.add_typer(group, name=name)
cli.add_typer(report, name="report")
cli.add_typer(watch)
cli.add_typer(alerts, name="alerts")
cli.add_typer(api, name="api")


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"gridkeeper {version('gridkeeper')}")
        raise typer.Exit


@cli.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keeps European electricity-market data complete, watched and trustworthy."""


def _show(error: Exception) -> None:
    """The usage line and the message, as the command-line library words them."""
    show = getattr(error, "show", None)
    if show is None:
        typer.echo(f"gridkeeper: {error}", err=True)
    else:
        show()


def _open_output() -> None:
    """Where standard output or error was closed (`>&-`), what is said there goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  it lasts as long as the process
        _show_what_the_terminal_lacks(getattr(sys, name))


def _show_what_the_terminal_lacks(stream: Any) -> None:
    """A character that the terminal's encoding does not have is written as its number, and ends no command."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None and (stream.encoding or "").lower().replace("-", "") != "utf8":
        reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(arguments: list[str]) -> int:
    """The exit code of one command; the process border, where every error becomes a message and a code."""
    from typer.exceptions import TyperException

    from app.cli.tables import printable
    from app.errors import AppError, ConfigurationError

    try:
        _open_output()
        code = cli(arguments, standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        _show(error)
        return error.exit_code
    except AppError as error:
        typer.echo(f"gridkeeper: {printable(str(error))}", err=True)
        return USAGE if isinstance(error, ConfigurationError) else UNAVAILABLE
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("gridkeeper: interrupted; what was stored stays", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): point what is left at nothing, so that exit stays silent.
        _discard_output()
        return BROKEN_PIPE
    except OSError as error:
        # A full disk behind standard output; everything else names its file itself.
        _discard_output()
        typer.echo(f"gridkeeper: {error.strerror or error}", err=True)
        return UNAVAILABLE
    return code if isinstance(code, int) else OK
