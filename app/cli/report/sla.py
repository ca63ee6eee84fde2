"""`gridkeeper report sla`: what was promised of websites against what was."""

from __future__ import annotations

import csv
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.options import AsJson
from app.cli.output import print_json
from app.cli.session import ask, begin
from app.cli.tables import cell_of_csv, print_table

if TYPE_CHECKING:
    from app.probes.sla.schemas import SlaLineResource

COLUMNS = (
    "name",
    "month",
    "percent",
    "with maintenance",
    "objective",
    "met",
    "downtimes",
    "down",
    "budget left",
    "mttr",
    "mtbf",
)
LATENCY_COLUMNS = ("p50 ms", "p95 ms", "p99 ms")


class SubjectChoice(StrEnum):
    """As `app.probes.sla.report.SlaSubject` has it."""

    WEBSITE = "website"
    GROUP = "group"


def sla_command(
    start: Annotated[
        str | None, typer.Option("--from", help="First moment: a date, an instant, -7d; default: -30d.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="First moment after; default: the end of today.")] = None,
    month: Annotated[str | None, typer.Option(help="One month, as 2026-10, in place of --from and --to.")] = None,
    per: Annotated[
        SubjectChoice, typer.Option(help="A line for each website, or for each group.")
    ] = SubjectChoice.WEBSITE,
    by_month: Annotated[bool, typer.Option("--by-month", help="A line for each month.")] = False,
    group: Annotated[str | None, typer.Option(help="Websites with this label `group` only.")] = None,
    objective: Annotated[
        float,
        typer.Option(min=1, max=100, help="What was promised, in percent; a label `objective` of a website wins."),
    ] = 99.9,
    latency: Annotated[bool, typer.Option("--latency", help="With percentiles of latencies, of whole hours.")] = False,
    zone: Annotated[str, typer.Option(help="Time zone of days and months.")] = "UTC",
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV.")] = False,
    as_json: AsJson = False,
) -> int:
    """Report what was promised of websites against what was, with error budgets, by website or group and by month.

    Percent is up of up and down: what is paused, unknown or planned maintenance counts for neither; beside it stands
    what it were without regard to maintenance.

    Example: gridkeeper report sla --month 2026-10 --per group --csv

    Exit code: 0 shown, 1 there is no such group.
    """
    from app.clock import SystemClock
    from app.market.moments import parse_interval, parse_zone
    from app.probes.sla.report import SlaRange, SlaSubject, month_range
    from app.probes.sla.schemas import SlaLineResource

    place = parse_zone(zone, name="--zone")
    interval = (
        month_range(month, place, start, end)
        if month is not None
        else parse_interval(start or "-30d", end, place, SystemClock().now())
    )
    chosen = SlaRange(interval.start, interval.end, place, by_month or month is not None)
    lines = ask(
        begin(),
        lambda wiring: wiring.probes().sla().lines(chosen, objective, SlaSubject(per), group=group, latency=latency),
    )
    rows = [SlaLineResource.of(line) for line in lines]
    if as_json:
        print_json(rows)
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(SlaLineResource.model_fields)
        writer.writerows([cell_of_csv(value) for value in row.model_dump(mode="json").values()] for row in rows)
    else:
        columns = (*COLUMNS, *(LATENCY_COLUMNS if latency else ()))
        print_table(columns, [_row(row)[: len(columns)] for row in rows], right=set(columns[2:]))
    return OK


def _row(row: SlaLineResource) -> tuple[str, ...]:
    return (
        row.name or "(no group)",
        row.month,
        _percent(row.percent),
        _percent(row.percent_with_maintenance),
        f"{row.objective_percent:g}",
        "" if row.met is None else "yes" if row.met else "no",
        str(row.incidents),
        _time(row.down_seconds),
        _time(row.budget_left_seconds),
        _time(row.mttr_seconds),
        _time(row.mtbf_seconds),
        *("" if ms is None else f"{ms:.0f}" for ms in (row.p50_ms, row.p95_ms, row.p99_ms)),
    )


def _percent(value: float | None) -> str:
    """Rounded down: 99.9996 is not 100."""
    return "" if value is None else f"{int(value * 1000) / 1000:.3f}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    sign, left = ("-", -seconds) if seconds < 0 else ("", seconds)
    if left < 600:
        return f"{sign}{left:.0f} s"
    return f"{sign}{left / 60:.0f} min" if left < 36_000 else f"{sign}{left / 3600:.1f} h"
