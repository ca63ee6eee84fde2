"""`gridkeeper interfaces list|show|status|run`: the services that `serve` probes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import FAILED, OK, UNAVAILABLE
from app.cli.options import AsJson
from app.cli.output import print_json, say
from app.cli.session import ask, begin
from app.cli.tables import print_table, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.probes.interfaces.models import InterfaceChange, InterfaceCycle, OperationRow, ServiceOverview, SuiteRow
    from app.wiring.container import Container

COLUMNS = ("id", "service", "status", "failing", "of", "since", "p95 ms", "last cycle", "every")
OPERATION_COLUMNS = ("id", "operation", "status", "since", "http", "ms", "reason")
CYCLE_COLUMNS = ("cycle", "outcome", "seconds", "checked", "failed", "success", "p50", "p95", "p99")
CHANGE_COLUMNS = ("changed at", "what", "operation", "breaks callers", "parts")
SHOWN, CYCLES_SHOWN, CHANGES_SHOWN = 30, 5, 5

WhichService = Annotated[str, typer.Argument(metavar="SERVICE", help="Name or number; `interfaces list` shows them.")]


def list_command(as_json: AsJson = False) -> int:
    """List the services whose interfaces are probed, with how each stands."""
    from app.probes.interfaces.schemas import InterfaceServiceStatus

    found = ask(begin(), lambda wiring: wiring.probes().interfaces().all())
    if as_json:
        print_json([InterfaceServiceStatus.of(one) for one in found])
    else:
        print_table(COLUMNS, [_row(one) for one in found], right={"id", "failing", "of", "p95 ms"})
    return OK


def status_command(as_json: AsJson = False) -> int:
    """Tell which services fail: one line for each that is not well, and how many are.

    Exit code: 0 all is well, 1 a service fails, gives no token, or has a document that cannot be read.
    """
    from app.cli.interfaces.suites import failing_suites
    from app.probes.interfaces.schemas import InterfaceServiceStatus

    async def read(wiring: Container) -> tuple[list[ServiceOverview], dict[int, list[str]]]:
        interfaces = wiring.probes().interfaces()
        every = await interfaces.all()
        return every, {
            one.service_id: failing_suites(await interfaces.suites(one.service_id)) for one in every if one.failing
        }

    found, suites = ask(begin(), read)
    unwell = [one for one in found if one.status in {"failing", "auth"} or one.scan_problem]
    if as_json:
        print_json([InterfaceServiceStatus.of(one) for one in unwell])
    for one in () if as_json else unwell:
        said = (
            [f"{one.failing} of {one.operations} operations fail since {_at(one.failing_since)}"] if one.failing else []
        )
        said += suites.get(one.service_id, [])
        said += [f"no token: {one.auth_problem}"] if one.auth_failing_since else []
        said += [f"documents: {one.scan_problem}"] if one.scan_problem else []
        say(printable(f"{one.name}: {'; '.join(said)}"))
    if not as_json:
        say(f"{len(found) - len(unwell)} of {len(found)} services are well")
    return UNAVAILABLE if unwell else OK


def show_command(service: WhichService, as_json: AsJson = False) -> int:
    """Show a service: its operations, those that fail first, its suites, last cycles, and what its documents changed.

    Exit code: 0 shown, 1 there is no such service.
    """
    from app.cli.interfaces.suites import print_suites
    from app.probes.interfaces.schemas import InterfaceServiceStatus

    async def read(
        wiring: Container,
    ) -> tuple[
        ServiceOverview, list[OperationRow], Sequence[SuiteRow], Sequence[InterfaceCycle], Sequence[InterfaceChange]
    ]:
        interfaces = wiring.probes().interfaces()
        found = await interfaces.find(service)
        number = found.service_id
        return (
            found,
            await interfaces.worst(number, SHOWN),
            await interfaces.suites(number),
            await interfaces.cycles(number, before=None, limit=CYCLES_SHOWN),
            await interfaces.changes(number, before=None, limit=CHANGES_SHOWN),
        )

    found, operations, suites, cycles, changes = ask(begin(), read)
    shown = InterfaceServiceStatus.of(found)
    if as_json:
        print_json(shown)
        return OK
    print_table(("field", "value"), [(name, _text(value)) for name, value in shown.model_dump().items()])
    if operations:
        say("")
        print_table(OPERATION_COLUMNS, [_operation_row(one) for one in operations], right={"id", "http", "ms"})
        if found.operations > len(operations):
            say(f"and {found.operations - len(operations)} more operations; the API lists them all")
    print_suites(suites)
    if cycles:
        say("")
        print_table(CYCLE_COLUMNS, [_cycle_row(one) for one in cycles], right=set(CYCLE_COLUMNS[2:]))
    if changes:
        say("")
        print_table(CHANGE_COLUMNS, [_change_row(one) for one in changes])
    return OK


def run_command(
    service: WhichService,
    suite: Annotated[str, typer.Option(help="Only this suite, and wait for what comes of it.", metavar="NAME")] = "",
) -> int:
    """Let the running service probe all operations of a service now, or one suite; its clock goes on as before.

    Example: gridkeeper interfaces run shop --suite checkout

    Exit code: 0 asked for, or the suite is well; 1 there is no such service or suite, or a cycle of it runs; 3 the suite
    fails.
    """
    from app.cli.interfaces.suites import print_suites, run_and_wait

    async def act(wiring: Container) -> tuple[str, list[SuiteRow] | None]:
        interfaces = wiring.probes().interfaces()
        found = await interfaces.find(service)
        if suite:
            return found.name, await run_and_wait(wiring, found.service_id, suite)
        await interfaces.run_now(found.service_id)
        return found.name, None

    name, ran = ask(begin(), act)
    if ran is not None:
        print_suites(ran)
        failed = [one.last.message for one in ran if one.last is not None and not one.last.ok]
        say(printable(f"{name}: {suite} is well" if not failed else f"{name}: {suite} fails at {failed[0]}"))
        return FAILED if failed else OK
    what = f"suite {suite}" if suite else "a cycle"
    say(
        f"{name}: {what} begins as soon as a running service sees it; `gridkeeper interfaces show` tells what came of it"
    )
    return OK


def _row(one: ServiceOverview) -> tuple[str, ...]:
    return (
        str(one.service_id),
        one.name,
        one.status,
        str(one.failing),
        str(one.operations),
        _at(one.failing_since),
        _milliseconds(one.p95_ms),
        " ".join(filter(None, (_at(one.cycle_started_at), one.cycle_outcome))),
        f"{one.interval_seconds} s",
    )


def _operation_row(one: OperationRow) -> tuple[str, ...]:
    state = one.state
    said = f"{state.reason}: {state.message}" if state.reason else ""
    return (
        str(one.operation_id),
        str(one.operation.key),
        state.status.value,
        _at(state.since),
        _text(state.http_status),
        _milliseconds(state.total_ms),
        said[:120],
    )


def _cycle_row(one: InterfaceCycle) -> tuple[str, ...]:
    statistics, percent = one.statistics, one.statistics.success_percent
    lasted = "" if one.finished_at is None else f"{(one.finished_at - one.started_at).total_seconds():.1f}"
    return (
        _at(one.started_at),
        one.outcome.value,
        lasted,
        str(statistics.checked),
        str(statistics.failed),
        "" if percent is None else f"{percent:.1f} %",
        *(_milliseconds(value) for value in (statistics.p50_ms, statistics.p95_ms, statistics.p99_ms)),
    )


def _change_row(one: InterfaceChange) -> tuple[str, ...]:
    breaks = "may" if one.breaking else ""
    return (_at(one.at), one.kind, f"{one.method} {one.path}", breaks, "; ".join(one.parts)[:120])


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _at(moment: datetime | None) -> str:
    from app.market.time import iso

    return iso(moment) if moment else ""
