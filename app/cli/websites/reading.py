"""`gridkeeper websites list|show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.options import AsJson, From, To
from app.cli.output import print_json, say
from app.cli.session import ask, begin
from app.cli.tables import cell_of_csv, print_table
from app.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from app.probes.monitors.models import MonitorRow
    from app.probes.regions.models import RegionView
    from app.probes.regions.schemas import WebsiteRegionResource
    from app.probes.websites.models import CheckRecord, StatusWindow, Website
    from app.probes.websites.schemas import AvailabilityResource, WebsiteCheckResource
    from app.wiring.container import Container

COLUMNS = ("id", "name", "url", "status", "since", "reason", "every", "checked", "maintenance")
CHECK_COLUMNS = ("at", "result", "status", "ms", "message")
EACH_COLUMNS = ("at", "region", "result", "status", "ms", "address", "message")
REGION_COLUMNS = ("region", "status", "since", "reason", "failures", "checked", "next")
WINDOW_COLUMNS = ("id", "down since", "until", "reason", "acknowledged by", "note")
AVAILABILITY_COLUMNS = ("name", "percent", "downtimes", "down", "unknown", "paused", "maintenance", "budget left")
SHOWN = 10

Which = Annotated[str, typer.Argument(metavar="WEBSITE", help="Number or name; `websites list` shows them.")]


def list_command(as_json: AsJson = False) -> int:
    """List the websites that are checked, with the status of each."""
    from app.probes.websites.schemas import WebsiteResource

    async def read(wiring: Container) -> tuple[list[Website], list[MonitorRow]]:
        return await wiring.probes().websites().all(), await wiring.monitoring().monitors().all()

    (found, rows), now = ask(begin(), read), SystemClock().now()
    if as_json:
        print_json([WebsiteResource.of(one, now) for one in found])
    else:
        planned = {row.website_id: _maintenance(row) for row in rows}
        print_table(COLUMNS, [_row(one, planned, now) for one in found], right={"id", "every"})
    return OK


def show_command(website: Which, as_json: AsJson = False) -> int:
    """Show a website, its last results and its last downtimes.

    Exit code: 0 shown, 1 there is no such website.
    """
    from app.probes.monitors.schemas import ShownWebsiteResource
    from app.probes.websites.models import WindowKind

    async def read(wiring: Container) -> tuple[Website, list[RegionView], list[CheckRecord], list[StatusWindow], str]:
        service = wiring.probes().websites()
        found = await service.find(website)
        number = found.website_id
        checks = await service.checks(number, before=None, limit=SHOWN)
        windows = list(await service.windows(number, WindowKind.DOWN, before=None, limit=SHOWN))
        planned = _maintenance(await wiring.monitoring().monitors().read(number))
        return found, await service.regions(number), checks, windows, planned

    found, regions, checks, windows, planned = ask(begin(), read)
    now = SystemClock().now()
    shown = ShownWebsiteResource.shown(found, regions, (planned, checks, windows), now)
    if as_json:
        print_json(shown)
        return OK
    fields = shown.model_dump(exclude={"seen_by", "checks", "downtimes"})
    print_table(("field", "value"), [(name, _text(value)) for name, value in fields.items()])
    if shown.seen_by:
        say("")
        print_table(REGION_COLUMNS, [_region_row(one) for one in shown.seen_by], right={"failures"})
    if checks:
        say("")
        print_table(CHECK_COLUMNS, [_check_row(one) for one in checks], right={"status", "ms"})
        for line in _seen_lines(shown.checks[0]):
            say(line)
    if windows:
        say("")
        print_table(WINDOW_COLUMNS, [_window_row(one) for one in windows])
    return OK


def checks_command(
    website: Which,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = SHOWN,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    as_json: AsJson = False,
) -> int:
    """List the results of a website, the newest first, with each attempt and with what was seen at the other end.

    Exit code: 0 listed, 1 there is no such website.
    """
    from app.probes.websites.schemas import WebsiteCheckResource

    async def read(wiring: Container) -> list[CheckRecord]:
        service = wiring.probes().websites()
        return await service.checks((await service.find(website)).website_id, before=None, limit=limit, failed=failed)

    found = [WebsiteCheckResource.of(one) for one in ask(begin(), read)]
    if as_json:
        print_json(found)
        return OK
    rows = []
    for one in found:
        rows.append(
            (
                _at(one.at),
                one.region,
                one.reason or "ok",
                _text(one.status),
                f"{one.total_ms:.0f}",
                one.address,
                one.message[:100],
            )
        )
        for number, attempt in enumerate(one.each_attempt[:-1], start=1):
            said = (f"  attempt {number}", "", attempt.reason, "", f"{attempt.whole_ms or 0:.0f}", attempt.address)
            rows.append((*said, attempt.message[:100]))
        rows += [
            ("  redirect", "", str(hop.status), "", "", "", f"{hop.url} -> {hop.location}") for hop in one.redirects
        ]
    print_table(EACH_COLUMNS, rows, right={"status", "ms"})
    for line in _seen_lines(found[0]) if found else ():
        say(line)
    return OK


def _seen_lines(latest: WebsiteCheckResource) -> list[str]:
    """What the last check saw at the other end."""
    lines = []
    if (shown := latest.certificate) is not None:
        state = shown.problem or f"trusted, over {latest.tls_version}"
        lines.append(
            f"certificate: {shown.subject or shown.name or 'no name'}, by {shown.issuer or 'no name'}; {state}"
        )
        lasts = f"from {_at(shown.begins)} to {_at(shown.ends)}, its chain to {_at(shown.chain_ends)}"
        lines.append(f"  for {', '.join(shown.names) or 'no host'}; {lasts}; SHA-256 {shown.fingerprint}")
    lines += [f"HTTP/{latest.http_version}"] if latest.http_version else []
    lines += [f"DNS: {', '.join(latest.resolved)}"] if latest.resolved else []
    return lines + ([f"through the proxy {latest.proxy}"] if latest.proxy else [])


def availability_command(
    start: From = "-30d",
    end: To = None,
    objective: Annotated[float, typer.Option(min=0, max=100, help="What was promised, in percent.")] = 99.9,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV.")] = False,
    as_json: AsJson = False,
) -> int:
    """Tell how available each website was in a range, by time.

    Days are those of UTC. Percent is up of up and down: time that is paused or unknown counts for neither.
    """
    import csv
    import sys
    from zoneinfo import ZoneInfo

    from app.market.moments import parse_interval
    from app.probes.websites.schemas import AvailabilityResource

    interval = parse_interval(start, end, ZoneInfo("UTC"), SystemClock().now())
    found = ask(begin(), lambda wiring: wiring.probes().websites().availabilities(None, interval.start, interval.end))
    rows = [AvailabilityResource.of(website, one, objective) for website, one in found]
    if as_json:
        print_json(rows)
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(AvailabilityResource.model_fields)
        writer.writerows([cell_of_csv(value) for value in row.model_dump().values()] for row in rows)
    else:
        print_table(AVAILABILITY_COLUMNS, [_availability_row(row) for row in rows], right=set(AVAILABILITY_COLUMNS[1:]))
    return OK


def _availability_row(row: AvailabilityResource) -> tuple[str, ...]:
    percent = "" if row.percent is None else f"{row.percent:.3f}"
    times = (
        row.down_seconds,
        row.unknown_seconds,
        row.paused_seconds,
        row.maintenance_seconds,
        row.budget_left_seconds,
    )
    return (row.name, percent, str(row.incidents), *(f"{seconds:.0f} s" for seconds in times))


def _maintenance(row: MonitorRow) -> str:
    """What is under way, and until when."""
    return f"{row.maintenance} until {_at(row.maintenance_until)}" if row.maintenance else ""


def _row(one: Website, planned: Mapping[int, str], now: datetime) -> tuple[str, ...]:
    state = one.state
    return (
        str(one.website_id),
        one.draft.name,
        one.draft.url,
        one.status(now).value,
        _at(one.since(now)),
        state.reason,
        f"{one.draft.check_interval} s",
        _at(state.checked_at),
        planned.get(one.website_id, ""),
    )


def _region_row(one: WebsiteRegionResource) -> tuple[str, ...]:
    return (
        one.region,
        one.status.value,
        _at(one.status_since),
        one.reason,
        str(one.failures),
        _at(one.checked_at),
        _at(one.next_check_at),
    )


def _check_row(one: CheckRecord) -> tuple[str, ...]:
    return (_at(one.at), one.reason or "ok", _text(one.status), f"{one.total_ms:.0f}", one.message[:100])


def _window_row(one: StatusWindow) -> tuple[str, ...]:
    return (
        str(one.window_id),
        _at(one.start),
        _at(one.end) or "lasts",
        one.reason,
        one.acknowledged_by,
        one.note[:100],
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _at(moment: datetime | None) -> str:
    from app.market.time import iso

    return iso(moment) if moment else ""
