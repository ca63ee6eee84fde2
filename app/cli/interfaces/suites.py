"""Suites on the command line: what their last runs came to, and a run of one that somebody waits for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.cli.output import say
from app.cli.tables import print_table, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.probes.interfaces.models import StepRecord, SuiteRow
    from app.wiring.container import Container

COLUMNS = ("suite", "step", "request", "result", "http", "ms", "taken", "said")
WAIT_SECONDS, LOOK_SECONDS = 120.0, 0.5
TAKEN_UP_SECONDS = 20.0


def print_suites(suites: Sequence[SuiteRow]) -> None:
    """A line for each step of each suite's last run; for a suite that has not run yet, one that says so."""
    rows: list[tuple[str, ...]] = []
    for one in suites:
        name = one.row.operation.name
        if len({other.row.operation.key.origin for other in suites}) > 1:
            name += f" at {one.row.operation.key.origin}"
        steps = one.last.steps if one.last is not None else ()
        said = one.last.message if one.last is not None else "it has not run yet"
        rows += [step_row(name, step) for step in steps] or [
            (name, "", "", one.row.state.status.value, "", "", "", said[:120])
        ]
    if rows:
        say("")
        print_table(COLUMNS, rows, right={"http", "ms"})


def failing_suites(suites: Sequence[SuiteRow]) -> list[str]:
    """The suites that are down, and at which step."""
    return [
        f"suite {one.row.operation.name}: {one.row.state.message or one.row.state.reason}"
        for one in suites
        if one.row.state.status == "down"
    ]


async def run_and_wait(wiring: Container, service_id: int, suite: str) -> list[SuiteRow] | None:
    """Ask for a run and wait for what comes of it; None where no running service took it up, or it takes long."""
    interfaces = wiring.probes().interfaces()

    async def now() -> list[SuiteRow]:
        return [one for one in await interfaces.suites(service_id) if one.row.operation.name == suite]

    def times(found: list[SuiteRow]) -> list[datetime | None]:
        return [one.last.at if one.last is not None else None for one in found]

    before = times(await now())
    await interfaces.run_now(service_id, suite)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while loop.time() - begun < WAIT_SECONDS:
        await asyncio.sleep(LOOK_SECONDS)
        found = await now()
        if found and all(new != old for new, old in zip(times(found), before, strict=False)):
            return found
        if loop.time() - begun > TAKEN_UP_SECONDS and await interfaces.is_requested(service_id):
            return None
    return None


def step_row(name: str, step: StepRecord) -> tuple[str, ...]:
    """A row of such a table."""
    result = "skipped" if step.skipped else "ok" if step.ok else step.reason
    return (
        name,
        f"{'cleanup ' if step.cleanup else ''}{step.number}",
        printable(step.name if step.name == step.request else f"{step.name}: {step.request}"),
        result,
        "" if step.status is None else str(step.status),
        "" if step.skipped else f"{step.total_ms:.0f}",
        ", ".join(step.taken),
        step.message[:120],
    )
