"""`gridkeeper websites maintenance add|list|remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.alerts.records import By
from app.cli.exit_codes import OK
from app.cli.lazy_group import Lazy, lazy_typer
from app.cli.options import AsJson
from app.cli.output import print_json, say_line
from app.cli.session import ask, begin, own_name
from app.cli.tables import print_table
from app.cli.websites.options import label_pairs
from app.clock import SystemClock

if TYPE_CHECKING:
    from app.probes.maintenance.models import MaintenancePlan
    from app.probes.maintenance.schemas import WebsiteMaintenanceBody, WebsiteMaintenanceResource
    from app.wiring.container import Container

TABLE = {
    "add": Lazy(
        "app.cli.websites.maintenance:add_command", "Plan a maintenance of websites, once or by a cron expression."
    ),
    "list": Lazy("app.cli.websites.maintenance:list_command", "List the planned maintenance of websites."),
    "remove": Lazy("app.cli.websites.maintenance:remove_command", "End a maintenance and plan none of it any more."),
}
COLUMNS = ("id", "name", "for", "when", "lasts", "next", "note")

maintenance = lazy_typer(TABLE, no_args_is_help=True)


def add_command(
    name: Annotated[str, typer.Argument(help="What it is.")],
    lasts: Annotated[str, typer.Option("--for", help="How long it lasts, as 2h or 90m.", metavar="2h")],
    website: Annotated[
        str | None, typer.Option(help="The website, by number or name; default: all with the labels.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="Websites with it, as group=shop; repeat it.")
    ] = None,
    every_website: Annotated[bool, typer.Option("--all", help="For every website.")] = False,
    start: Annotated[
        str | None,
        typer.Option("--from", help="When it begins, where it is once: 2026-07-01T22:00, 1.7.2026, tomorrow, now."),
    ] = None,
    cron: Annotated[
        str | None, typer.Option(help="When it begins, where it comes again.", metavar="'0 3 * * 0'")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="Time zone of --from and --cron; without it, --cron is in UTC.")
    ] = None,
    only: Annotated[str, typer.Option(help="Days: all, business_days, holidays or weekend.")] = "all",
    country: Annotated[str, typer.Option(help="Whose holidays count, as DE or 'DE BY'.")] = "",
    note: Annotated[str, typer.Option(help="For people.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> int:
    """Plan a maintenance of websites, once or by a cron expression.

    What is down in it counts for no downtime, and no alert tells of it. A maintenance that begins on a night when the
    clock changes begins once and lasts as long as it says.

    Example: gridkeeper websites maintenance add 'Sunday updates' --for 2h --label group=shop --cron '0 3 * * 0' --zone Europe/Berlin

    Exit code: 0 planned, 1 there is no such website.
    """
    from app.errors import ConfigurationError
    from app.probes.maintenance.begin import parse_begin
    from app.probes.maintenance.schemas import WebsiteMaintenanceBody
    from app.probes.websites.schemas import checked_model

    if sum((website is not None, label is not None, every_website)) != 1:
        raise ConfigurationError("say for which websites it is: --website, --label or --all, one of them")
    if (start is None) == (cron is None):
        raise ConfigurationError("say when it begins: --from once, or --cron again and again, one of them")
    now = SystemClock().now()
    begins = parse_begin(start, zone, now, names=("--from", "--zone")).isoformat() if start is not None else None
    said: dict[str, Any] = {
        "name": name, "duration": lasts, "labels": label_pairs(label) or {}, "starts_at": begins, "cron": cron or "",
        "zone": zone or "UTC", "days": only, "country": country, "note": note,
    }  # fmt: skip
    body = checked_model(WebsiteMaintenanceBody, said)
    body.draft(now)
    plan, remarks = ask(begin(), lambda wiring: _add(wiring, body, website, by or own_name()), made=True)
    if as_json:
        print_json(_shown(plan))
    else:
        when = "is over" if plan.over(now) else f"is planned, next at {_next(_shown(plan))}"
        say_line(f"maintenance {plan.plan_id} ({plan.draft.name}) {when}")
    for one in remarks:
        say_line(f"warning: {one}")
    return OK


async def _add(
    wiring: Container, body: WebsiteMaintenanceBody, website: str | None, by: str
) -> tuple[MaintenancePlan, tuple[str, ...]]:
    if website is not None:
        number = (await wiring.probes().websites().find(website)).website_id
        body = body.model_copy(update={"website_id": number})
    plan = await wiring.probes().maintenance().add(body.draft(SystemClock().now()), by)
    return plan, await wiring.probes().maintenance().remarks(plan)


def list_command(
    removed: Annotated[bool, typer.Option("--removed", help="Also those that were removed and have been.")] = False,
    as_json: AsJson = False,
) -> int:
    """List the planned maintenance of websites."""
    plans = ask(begin(), lambda wiring: wiring.probes().maintenance().plans(removed=removed))
    rows = [_shown(plan) for plan in plans]
    if as_json:
        print_json(rows)
    else:
        print_table(COLUMNS, [_row(row) for row in rows], right={"id"})
    return OK


def remove_command(
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="`websites maintenance list` shows them.")],
) -> int:
    """End a maintenance and plan none of it any more.

    What of it has been stays in the figures.
    """
    plan = ask(begin(), lambda wiring: wiring.probes().maintenance().remove(number))
    say_line(f"maintenance {plan.plan_id} ({plan.draft.name}) is removed")
    return OK


def _shown(plan: MaintenancePlan) -> WebsiteMaintenanceResource:
    from app.probes.maintenance.schemas import WebsiteMaintenanceResource

    return WebsiteMaintenanceResource.of(plan, SystemClock().now())


def _row(row: WebsiteMaintenanceResource) -> tuple[str, ...]:
    from app.market.time import iso

    labels = ", ".join(f"{name}={value}" for name, value in row.labels.items())
    whom = f"website {row.website_id}" if row.website_id else labels or "every website"
    days = "" if row.days == "all" else f", only {row.days} {row.country}".rstrip()
    when = iso(row.starts_at) if row.starts_at else f"{row.cron} {row.zone}{days}"
    return (str(row.id), row.name, whom, when, row.duration, _next(row), row.note)


def _next(row: WebsiteMaintenanceResource) -> str:
    from app.market.time import iso

    if row.removed_at:
        return "removed"
    return "now" if row.active else iso(row.next_at) if row.next_at else ""
