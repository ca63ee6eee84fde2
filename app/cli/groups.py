"""The groups of commands, declared: each imports what it needs when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import LARGEST_NUMBER, AreaOption, AsJson, From, GapReason, ItemOption, Profile, Sandbox, To

HELP = {"help_option_names": ["-h", "--help"]}

watch = typer.Typer(context_settings=HELP)
backfill = typer.Typer(
    no_args_is_help=True, context_settings=HELP, help="Bring in history: plan, start, watch, resume."
)
jobs = typer.Typer(no_args_is_help=True, context_settings=HELP, help="The scheduler's jobs: list, run, pause, history.")
quality = typer.Typer(
    no_args_is_help=True,
    context_settings=HELP,
    help="Scores and findings of stored series; detectors and checks on any CSV.",
)

ReprocessOption = Annotated[str, typer.Option(help="missing, missing+failed or all: which windows to ask for.")]
BackfillNumber = Annotated[
    int, typer.Argument(help="Number of the backfill; `backfill status` lists them.", min=1, max=LARGEST_NUMBER)
]
Follow = Annotated[bool, typer.Option("--follow", help="Work on it here and show the progress.")]
Oldest = Annotated[bool, typer.Option("--oldest-first", help="Begin with the oldest windows instead of the newest.")]


@watch.command()
def serve(
    profile: Annotated[
        Profile | None, typer.Option(help="cautious: a cycle of two hours and no backfill, for a first week.")
    ] = None,
    sandbox: Sandbox = False,
    once: Annotated[
        bool, typer.Option("--once", help="Run every collection job and the gap analysis once, then stop.")
    ] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on, in place of GRIDKEEPER_WEB__HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, in place of GRIDKEEPER_WEB__PORT.", min=0, max=65535)
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log everything, also what is as it was before.")
    ] = False,
) -> None:
    """Keep every configured series complete until stopped: scheduler, backfill worker, health and metrics.

    Ctrl-C and SIGTERM drain: windows under way finish or are handed back, then the exit code is 0. With --once it is
    0 where every job of the cycle did its work, else 1.
    """
    from app.cli.serve import serve_command

    chosen = {"host": host, "port": port}
    raise typer.Exit(
        serve_command(
            profile=profile and profile.value,
            sandbox=sandbox,
            once=once,
            web={name: value for name, value in chosen.items() if value is not None},
            verbose=verbose,
        )
    )


@watch.command()
def status(
    seconds: Annotated[
        float | None, typer.Argument(min=0.2, help="With --watch: seconds between two looks, else 2.")
    ] = None,
    as_json: AsJson = False,
    watch_it: Annotated[bool, typer.Option("--watch", help="Show it anew until Ctrl-C.")] = False,
) -> None:
    """Show the health of everything on one screen: service, jobs, success, lateness, gaps, alerts, what is stored.

    Example: gridkeeper status --watch 5

    Exit code: 0 nothing is wrong, 1 something is, each named in a line that begins with "wrong".
    """
    from app.cli.status import status_command

    if seconds is not None and not watch_it:
        raise typer.BadParameter(f"{seconds:g} says how often to look: add --watch", param_hint="'SECONDS'")
    raise typer.Exit(status_command(as_json=as_json, watch=(seconds or 2.0) if watch_it else None))


@watch.command()
def gaps(
    area: AreaOption = None,
    item: ItemOption = None,
    start: From = "-7d",
    end: To = None,
    fill: Annotated[bool, typer.Option("--fill", help="Ask for what is late or was never asked for.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --fill: also for what the source lacked so far.")
    ] = False,
    reason: Annotated[
        list[GapReason] | None, typer.Option("--reason", help="Only gaps of this reason; repeat for several.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what is not due yet, which is no news.")] = False,
    sandbox: Sandbox = False,
    as_json: AsJson = False,
) -> None:
    """List the gaps with their reason: late, missing_at_source or ours; with --all also not_due.

    not_due: the source need not have published it yet. late: its deadline has passed, it is asked for again.
    missing_at_source: asked for often enough after the deadline, the source has nothing. ours: never asked for, or
    asked without success. Without --fill nothing is asked for.

    Example: gridkeeper gaps --area DE_LU --item load_actual --from -30d --fill

    Exit code: 0 shown, or every window answered; 3 with --fill some windows failed, each named.
    """
    from app.cli.gaps import gaps_command

    known = set(GapReason) if every or as_json else set(GapReason) - {GapReason.NOT_DUE}
    shown = frozenset(reason or known)
    raise typer.Exit(
        gaps_command(area, item, start, end, shown=shown, fill=fill, force=force, sandbox=sandbox, as_json=as_json)
    )


@watch.command()
def coverage(
    area: AreaOption = None,
    item: ItemOption = None,
    start: From = "-365d",
    end: To = None,
    every: Annotated[bool, typer.Option("--all", help="Also lines in which nothing was expected.")] = False,
    sandbox: Sandbox = False,
    as_json: AsJson = False,
) -> None:
    """Show which share of the expected values is stored, in percent, by item, area and month; by day for one of them.

    A "-" says that nothing was expected: before the first stored value of a series, and what is not public yet. Days
    and months are those of UTC.

    Example: gridkeeper coverage --area DE_LU --from 2020-01-01
    """
    from app.cli.gaps import coverage_command

    raise typer.Exit(coverage_command(area, item, start, end, every=every, sandbox=sandbox, as_json=as_json))


@backfill.command("plan")
def backfill_plan(
    area: AreaOption = None,
    item: ItemOption = None,
    start: From = "-365d",
    end: To = None,
    reprocess: ReprocessOption = "missing",
    oldest_first: Oldest = False,
    sandbox: Sandbox = False,
    as_json: AsJson = False,
) -> None:
    """Show the windows, requests and duration that `start` with the same options would need; starts nothing."""
    from app.cli.backfill import plan_command

    raise typer.Exit(
        plan_command(
            area, item, start, end, reprocess=reprocess, oldest_first=oldest_first, sandbox=sandbox, as_json=as_json
        )
    )


@backfill.command("start")
def backfill_start(
    area: AreaOption = None,
    item: ItemOption = None,
    start: From = "-365d",
    end: To = None,
    reprocess: ReprocessOption = "missing",
    oldest_first: Oldest = False,
    concurrency: Annotated[int | None, typer.Option(min=1, max=1000, help="Windows worked on at once.")] = None,
    follow: Follow = False,
    sandbox: Sandbox = False,
) -> None:
    """Start a backfill; its windows are rows, so it survives any process and resumes where it was.

    Example: gridkeeper backfill start --area FR --item load_actual --from 2020-01-01 --follow

    Exit code: 0 queued, nothing to do, or with --follow every window answered; 3 with --follow it was paused or
    cancelled, or windows failed.
    """
    from app.cli.backfill import start_command

    raise typer.Exit(
        start_command(
            area, item, start, end, reprocess=reprocess, oldest_first=oldest_first, concurrency=concurrency,
            follow=follow, sandbox=sandbox,
        )
    )  # fmt: skip


@backfill.command("status")
def backfill_status(
    number: Annotated[
        int | None,
        typer.Argument(help="Number of the backfill; default: the open and the latest.", min=1, max=LARGEST_NUMBER),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how far backfills are, with the windows in each state and the time left at the token's rate."""
    from app.cli.backfill import status_command

    raise typer.Exit(status_command(number, as_json=as_json))


@backfill.command("pause")
def backfill_pause(number: BackfillNumber) -> None:
    """Let no further window begin until `resume`."""
    from app.cli.backfill import pause_command

    raise typer.Exit(pause_command(number))


@backfill.command("resume")
def backfill_resume(number: BackfillNumber, follow: Follow = False, sandbox: Sandbox = False) -> None:
    """Go on with a paused backfill."""
    from app.cli.backfill import resume_command

    raise typer.Exit(resume_command(number, follow=follow, sandbox=sandbox))


@backfill.command("cancel")
def backfill_cancel(number: BackfillNumber) -> None:
    """End a backfill for good; what is stored stays."""
    from app.cli.backfill import cancel_command

    raise typer.Exit(cancel_command(number))


@backfill.command("retry-failed")
def backfill_retry(number: BackfillNumber, follow: Follow = False, sandbox: Sandbox = False) -> None:
    """Ask again for the failed windows of a backfill."""
    from app.cli.backfill import retry_failed_command

    raise typer.Exit(retry_failed_command(number, follow=follow, sandbox=sandbox))


Job = Annotated[str, typer.Argument(help="Name of the job; `jobs list` shows them.")]


@jobs.command("list")
def jobs_list(as_json: AsJson = False) -> None:
    """List the jobs: schedule, next and last run, outcome, duration, lateness."""
    from app.cli.jobs import list_command

    raise typer.Exit(list_command(as_json=as_json))


@jobs.command("run")
def jobs_run(name: Job, sandbox: Sandbox = False, as_json: AsJson = False) -> None:
    """Run a job now: by the leader where a `serve` lives, else in this process; waits for its end.

    Exit code: 0 it succeeded or nothing was due, 3 it ended otherwise, 1 there is no such job or the leader did not
    take it.
    """
    from app.cli.jobs import run_command

    raise typer.Exit(run_command(name, sandbox=sandbox, as_json=as_json))


@jobs.command("pause")
def jobs_pause(name: Job, as_json: AsJson = False) -> None:
    """Let a job rest until `resume`; a restart keeps it paused."""
    from app.cli.jobs import pause_command

    raise typer.Exit(pause_command(name, paused=True, as_json=as_json))


@jobs.command("resume")
def jobs_resume(name: Job, as_json: AsJson = False) -> None:
    """Let a paused job run again; what became due meanwhile runs once."""
    from app.cli.jobs import pause_command

    raise typer.Exit(pause_command(name, paused=False, as_json=as_json))


@jobs.command("history")
def jobs_history(
    name: Annotated[str | None, typer.Argument(help="Only this job.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many runs, the latest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show past runs: scheduled and actual time, outcome, duration, lateness, trigger, error."""
    from app.cli.jobs import history_command

    raise typer.Exit(history_command(name, limit=limit, as_json=as_json))


@watch.command()
def detect(
    files: Annotated[list[Path], typer.Argument(help="CSV files: a stamp and a value, by any name.")],
    kind: Annotated[str, typer.Option(help="metric; series of the market have `quality detect`.")] = "metric",
    output_dir: Annotated[Path | None, typer.Option("-o", "--output-dir", help="Folder for one result a file.")] = None,
) -> None:
    """Score how surprising each value of any metric is, by what came before it: writes timestamp,score.

    From 1.25 on a value deserves a look; docs/alerts.md says how the score comes about.

    Example: gridkeeper detect latency.csv --kind metric
    """
    from app.cli.detect import detect_command

    raise typer.Exit(detect_command(files, kind, output_dir, sys.stdout, sys.stderr))


@quality.command("detect")
def quality_detect(
    files: Annotated[list[Path], typer.Argument(help="CSV files: timestamp,value and columns of peers.")],
    kind: Annotated[
        str,
        typer.Option(
            help="load, price, generation, wind, solar, nuclear (any plateau), reservoir, flow or imbalance (prices)."
        ),
    ],
    peer: Annotated[
        list[str] | None,
        typer.Option(help="A series to compare with, as NAME=FILE: forecast…, capacity, opposite…, or another place."),
    ] = None,
    tz: Annotated[str, typer.Option("--tz", help="The clock of stamps without an offset, such as Europe/Paris.")] = "",
    output_dir: Annotated[Path | None, typer.Option("-o", "--output-dir", help="Folder for one result a file.")] = None,
) -> None:
    """Judge every value of CSV files: writes timestamp,flag,rule,score.

    The first two weeks are the reference of what follows: a deviation from what is usual is judged only after them.

    Example: gridkeeper quality detect load.csv --kind load --peer forecast=forecast.csv
    """
    from app.cli.quality import detect_files

    raise typer.Exit(detect_files(files, kind, peer or [], output_dir, sys.stdout, sys.stderr, tz=tz))


@quality.command("structure")
def quality_structure(
    file: Annotated[Path, typer.Argument(help="CSV file with a column of timestamps.")],
    start: Annotated[str, typer.Option(help="First expected stamp.")],
    end: Annotated[str, typer.Option(help="Last expected stamp, itself expected too.")],
    resolution: Annotated[str, typer.Option(help="Distance of the stamps: PT15M, PT60M, P1D …")],
    as_json: AsJson = False,
) -> None:
    """Report missing, duplicate, off-grid and unsorted stamps of a CSV file."""
    from app.cli.quality import structure_file

    raise typer.Exit(structure_file(file, start, end, resolution, as_json=as_json, out=sys.stdout, err=sys.stderr))


GROUPS = {"backfill": backfill, "jobs": jobs, "quality": quality}
