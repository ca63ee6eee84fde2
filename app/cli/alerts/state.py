"""`gridkeeper alerts list`, `history`, `ack`, `pause` and `resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.alerts.records import By, Comment, ask_records
from app.cli.exit_codes import OK
from app.cli.options import LARGEST_NUMBER, AsJson, From, To
from app.cli.output import print_json, say_line
from app.cli.session import own_name
from app.cli.tables import print_table
from app.clock import SystemClock

if TYPE_CHECKING:
    from app.market.time import Interval

RuleName = Annotated[str, typer.Argument(help="Name of a rule; `alerts rules` lists them.", metavar="RULE")]


def list_command(
    firing: Annotated[bool, typer.Option("--firing", help="Only what fires.")] = False,
    pending: Annotated[bool, typer.Option("--pending", help="Only what waits for its hold to pass.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also what has ended.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many at most.")] = 1000,
    as_json: AsJson = False,
) -> int:
    """List alerts, what fires first and the most urgent first.

    Example: gridkeeper alerts list --firing --json
    """
    from app.alerting.models import Phase
    from app.alerting.schemas import AlertResource
    from app.cli.alerts.tables import LIST_COLUMNS, alert_row

    chosen = {Phase.FIRING: firing, Phase.PENDING: pending}
    phases = [phase for phase, wanted in chosen.items() if wanted] or list(chosen)
    shown = list(Phase) if everything else phases
    views = ask_records(lambda records: records.alerts(shown, limit=limit))
    if as_json:
        print_json([AlertResource.of(view) for view in views])
        return OK
    if views:
        print_table(LIST_COLUMNS, [alert_row(view) for view in views], right={"id", "value"})
    say_line(f"{len(views)} {'alert' if len(views) == 1 else 'alerts'}")
    return OK


def history_command(
    rule: Annotated[str | None, typer.Option("--rule", help="Only this rule.")] = None,
    start: From = "-7d",
    end: To = None,
    summary: Annotated[bool, typer.Option("--summary", help="Sums by rule instead of events.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many events, the latest first.")] = 100,
    as_json: AsJson = False,
) -> int:
    """Show what happened to alerts; with --summary how often each rule was evaluated, fired, notified and failed.

    Days are those of UTC. Evaluations that found nothing are kept for a few days only, so sums over longer count fewer.

    Example: gridkeeper alerts history --rule collection_failing --from -30d --summary
    """
    from zoneinfo import ZoneInfo

    from app.alerting.schemas import AlertEventResource
    from app.cli.alerts.tables import EVENT_COLUMNS, event_row
    from app.market.moments import parse_interval
    from app.market.time import iso

    span = parse_interval(start, end, ZoneInfo("UTC"), SystemClock().now())
    if summary:
        return _print_summary(rule, span, as_json=as_json)
    events = ask_records(lambda records: records.events(span.start, span.end, rule, limit=limit))
    if as_json:
        print_json([AlertEventResource.of(event) for event in events])
        return OK
    if events:
        print_table(EVENT_COLUMNS, [event_row(event) for event in events], right={"id", "value"})
    say_line(f"{len(events)} {'event' if len(events) == 1 else 'events'} from {iso(span.start)} to {iso(span.end)}")
    return OK


def _print_summary(rule: str | None, span: Interval, *, as_json: bool) -> int:
    from app.alerting.schemas import RuleSummaryResource
    from app.cli.alerts.tables import SUMMARY_COLUMNS, summary_row

    found = ask_records(lambda records: records.summary(span.start, span.end, rule))
    if as_json:
        print_json([RuleSummaryResource.of(one) for one in found])
        return OK
    if found:
        print_table(SUMMARY_COLUMNS, [summary_row(one) for one in found], right=set(SUMMARY_COLUMNS[1:]))
    say_line(f"{len(found)} {'rule' if len(found) == 1 else 'rules'}")
    return OK


def ack_command(
    alert_id: Annotated[
        int,
        typer.Argument(help="Number of the alert; `alerts list` shows it.", metavar="ID", min=1, max=LARGEST_NUMBER),
    ],
    by: By = None,
    comment: Comment = "",
) -> int:
    """Acknowledge an alert: no reminders until it ends or gets worse.

    Example: gridkeeper alerts ack 42 --comment "called the TSO"
    """
    from app.cli.alerts.tables import label_text

    who = by or own_name()
    alert = ask_records(lambda records: records.acknowledge(alert_id, who, comment, SystemClock().now()))
    say_line(f"alert {alert_id} acknowledged by {alert.acknowledged_by}: {alert.rule} {label_text(alert.labels)}")
    say_line("no reminders until it ends or gets worse")
    return OK


def pause_command(rule: RuleName, by: By = None) -> int:
    """Let a rule rest, over restarts: its alerts stay as they are, nobody is notified of them."""
    ask_records(lambda records: records.pause(rule, by or own_name(), SystemClock().now()))
    say_line(f"{rule} rests until `gridkeeper alerts resume {rule}`; its alerts stay as they are")
    return OK


def resume_command(rule: RuleName) -> int:
    """Look at a paused rule again."""
    ask_records(lambda records: records.resume(rule))
    say_line(f"{rule} is looked at again")
    return OK
