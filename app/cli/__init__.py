"""The command line: the table of its commands, and the boundary of the process.

A command is one function with its options, in the package of its group; the table of the group, in the package's
`__init__.py`, names it. What is imported at the top of its module is loaded for its help: heavy parts are imported in its
body, or stand at the top of modules that its body imports.

Exit codes: 0 done; 1 the database or the machine does not let us work; 2 wrong usage or configuration;
3 some of the work failed; 4 malformed input; 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from app.cli.exit_codes import BROKEN_PIPE, INTERRUPTED, OK, UNAVAILABLE, USAGE
from app.cli.lazy_group import Lazy, LazyGroup, lazy_typer
from app.cli.streams import discard_output, open_output

TABLE = {
    "collect": Lazy(
        "app.cli.data.collect:collect_command", "Collect data items for areas over a range into the store."
    ),
    "export": Lazy(
        "app.cli.data.export:export_command",
        "Write stored values as CSV or Parquet, ordered by series, then time.",
    ),
    "parse": Lazy("app.cli.files.parse:parse_command", "Expand platform documents to values, without a database."),
    "areas": Lazy("app.cli.data.catalogue:areas_command", "List the known areas: code, EIC, kinds, zone, validity."),
    "items": Lazy(
        "app.cli.data.catalogue:items_command",
        "List the known data items: article, documents, limits, deadline, kinds of areas that have them.",
    ),
    "migrate": Lazy(
        "app.cli.service.migrate:migrate_command",
        "Bring the database's schema to this version; run by one process at a time, others wait.",
    ),
    "check-config": Lazy(
        "app.cli.service.check_config:check_config_command",
        "Validate the settings and the files that operators edit, without starting anything; show them without "
        "secrets.",
    ),
    "sandbox": Lazy(
        "app.cli.service.sandbox:sandbox_command",
        "Serve the stand-in for the Transparency Platform alone: the real protocol, synthetic data.",
    ),
    "backfill": Lazy("app.cli.backfill:backfill", "Bring in history: plan, start, watch, resume."),
    "jobs": Lazy("app.cli.jobs:jobs", "The scheduler's jobs: list, run, pause, history."),
    "quality": Lazy(
        "app.cli.quality:quality", "Scores and findings of stored series; detectors and checks on any CSV."
    ),
    "report": Lazy("app.cli.report:report", "Reports as HTML, Markdown or JSON."),
    "serve": Lazy(
        "app.cli.service.serve:serve_command",
        "Keep every configured series complete until stopped: scheduler, backfill worker, health and metrics.",
    ),
    "worker": Lazy(
        "app.cli.service.worker:worker_command",
        "Run tasks that `gridkeeper serve` shares, as one of any number of workers on the same database.",
    ),
    "workers": Lazy("app.cli.workers:workers", "Workers that share the tasks of a service: list, queues, drain."),
    "status": Lazy(
        "app.cli.service.status:status_command",
        "Show the health of everything on one screen: service, jobs, success, lateness, gaps, alerts, what is stored.",
    ),
    "gaps": Lazy(
        "app.cli.data.gaps:gaps_command",
        "List the gaps with their reason: late, missing_at_source or ours; with --all also not_due.",
    ),
    "coverage": Lazy(
        "app.cli.data.coverage:coverage_command",
        "Show which share of the expected values is stored, in percent, by item, area and month; by day for one of "
        "them.",
    ),
    "detect": Lazy(
        "app.cli.files.detect:detect_command",
        "Score how surprising each value of any metric is, by what came before it: writes timestamp,score.",
    ),
    "alerts": Lazy("app.cli.alerts:alerts", "Alerts: rules, what fires, silences, channels and history."),
    "sentinel": Lazy(
        "app.cli.sentinel:sentinel", "Files of SQL Sentinel: their alerts on any database, without a service."
    ),
    "psql": Lazy(
        "app.cli.database.shell:psql_command",
        "Open psql on the database, beside a running service or without one.",
    ),
    "database": Lazy("app.cli.database:database_group", "The database: its address for other programs."),
    "interfaces": Lazy("app.cli.interfaces:interfaces", "HTTP interfaces: what their documents describe."),
    "websites": Lazy("app.cli.websites:websites", "Websites that are checked: list, show, add, edit, pause, remove."),
    "users": Lazy("app.cli.users:users", "People who sign in to the pages: add, disable, password, sign out."),
    "embeds": Lazy("app.cli.embeds:embeds", "Charts and badges for other sites: release, list, revoke."),
    "open": Lazy(
        "app.cli.service.open_page:open_command",
        "Print the address of the running service and open it in the browser of this desktop.",
    ),
    "api": Lazy("app.cli.api:api", "The REST API of `serve`: its keys, its document."),
}


class RootCommands(LazyGroup):
    """The library would end an interrupted command without a word, and a broken pipe as a failure."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise typer.Abort from error
        except BrokenPipeError as error:
            discard_output()
            raise typer.Exit(BROKEN_PIPE) from error


cli = lazy_typer(
    TABLE,
    RootCommands,
    name="gridkeeper",
    help="Keeps European electricity-market data complete, watched and trustworthy.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    pass


def _show(error: Exception) -> None:
    """The usage line and the message, as the command-line library words them."""
    show = getattr(error, "show", None)
    if show is None:
        typer.echo(f"gridkeeper: {error}", err=True)
    else:
        show()


def run(arguments: list[str]) -> int:
    """The exit code of one command; the boundary of the process, where every error becomes a message and a code."""
    from typer.exceptions import TyperException

    from app.cli.tables import printable
    from app.errors import AppError, ConfigurationError

    try:
        open_output()
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
        discard_output()
        return BROKEN_PIPE
    except OSError as error:
        # A full disk behind standard output; everything else names its file itself.
        discard_output()
        typer.echo(f"gridkeeper: {error.strerror or error}", err=True)
        return UNAVAILABLE
    return code if isinstance(code, int) else OK
