"""`gridkeeper workers`: who works on shared tasks, and what waits."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.options import AsJson
from app.cli.output import print_json, say
from app.cli.session import ask, begin
from app.cli.tables import print_table

WORKER_COLUMNS = ("name", "version", "queues", "region", "running", "of", "done", "failed", "a minute", "seen", "state")
QUEUE_COLUMNS = ("queue", "workers", "waiting", "running", "parked", "first waits", "done", "failed", "a minute")


def list_command(as_json: AsJson = False) -> int:
    """List the workers: version, queues, what they have under way, their rate and last sign of life.

    Example: gridkeeper workers list --json
    """
    from app.tasks.shared.schemas import TaskWorkerResource

    settings = begin()
    silent_after = settings.tasks.silent_after
    found = ask(settings, lambda wiring: wiring.tasks().registry().workers())
    shown = [TaskWorkerResource.of(one, silent_after) for one in found]
    if as_json:
        print_json(shown)
        return OK
    print_table(
        WORKER_COLUMNS,
        [
            (
                one.name,
                one.version,
                ",".join(one.queues),
                one.region,
                str(one.running),
                str(one.concurrency),
                str(one.done),
                str(one.failed),
                f"{one.per_minute:g}",
                f"{one.heartbeat_age:.0f} s ago",
                one.state,
            )
            for one in shown
        ],
    )
    if not shown:
        say("no worker runs; work is shared where GRIDKEEPER_TASKS__BACKEND=procrastinate")
    return OK


def queues_command(as_json: AsJson = False) -> int:
    """List the queues: who takes them, tasks that wait, run, are parked and have ended, how long the first has waited."""
    from app.tasks.shared.schemas import QueueResource

    shown = [QueueResource.of(one) for one in ask(begin(), lambda wiring: wiring.tasks().registry().queues())]
    if as_json:
        print_json(shown)
        return OK
    rows = [
        (
            one.name,
            str(one.workers),
            str(one.waiting),
            str(one.running),
            str(one.parked),
            f"{one.oldest_seconds:.0f} s",
            str(one.done),
            str(one.failed),
            str(one.per_minute),
        )
        for one in shown
    ]
    print_table(QUEUE_COLUMNS, rows)
    return OK


def drain_command(name: Annotated[str, typer.Argument(help="Name of the worker; `workers list` shows them.")]) -> int:
    """Ask a worker to end: it takes no further task, and those under way finish or are handed back.

    A `serve` goes on without running tasks, until it is started anew. A worker that is silent leaves the list.

    Exit code: 0 asked, 1 there is no worker of this name.
    """
    settings = begin()
    found = ask(settings, lambda wiring: wiring.tasks().registry().drain(name))
    if found.silent(settings.tasks.silent_after):
        say(f"{name} was silent and is forgotten; its tasks were freed")
        return OK
    say(f"{name} takes no further task: a worker ends within seconds, a serve goes on with everything else")
    return OK
