"""`gridkeeper websites list|show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.options import AsJson
from app.cli.output import print_json, say
from app.cli.session import ask, begin
from app.cli.tables import print_table
from app.clock import SystemClock

if TYPE_CHECKING:
    from datetime import datetime

    from app.probes.websites.models import CheckRecord, StatusWindow, Website
    from app.wiring.container import Container

COLUMNS = ("id", "name", "url", "status", "since", "reason", "every", "checked")
CHECK_COLUMNS = ("at", "result", "status", "ms", "message")
WINDOW_COLUMNS = ("down since", "until", "reason")
SHOWN = 10

Which = Annotated[str, typer.Argument(metavar="WEBSITE", help="Number or name; `websites list` shows them.")]


def list_command(as_json: AsJson = False) -> int:
    """List the websites that are checked, with the status of each."""
    from app.probes.websites.schemas import WebsiteResource

    found, now = ask(begin(), lambda wiring: wiring.probes().websites().all()), SystemClock().now()
    if as_json:
        print_json([WebsiteResource.of(one, now) for one in found])
    else:
        print_table(COLUMNS, [_row(one, now) for one in found], right={"id", "every"})
    return OK


def show_command(website: Which, as_json: AsJson = False) -> int:
    """Show a website, its last results and its last downtimes.

    Exit code: 0 shown, 1 there is no such website.
    """
    from app.probes.websites.models import WindowKind
    from app.probes.websites.schemas import WebsiteResource

    async def read(wiring: Container) -> tuple[Website, list[CheckRecord], list[StatusWindow]]:
        service = wiring.probes().websites()
        found = await service.find(website)
        number = found.website_id
        checks = await service.checks(number, before=None, limit=SHOWN)
        return found, checks, list(await service.windows(number, WindowKind.DOWN, before=None, limit=SHOWN))

    found, checks, windows = ask(begin(), read)
    now = SystemClock().now()
    shown = WebsiteResource.of(found, now)
    if as_json:
        print_json(shown)
        return OK
    print_table(("field", "value"), [(name, _text(value)) for name, value in shown.model_dump().items()])
    if checks:
        say("")
        print_table(CHECK_COLUMNS, [_check_row(one) for one in checks], right={"status", "ms"})
    if windows:
        say("")
        print_table(WINDOW_COLUMNS, [(_at(one.start), _at(one.end) or "lasts", one.reason) for one in windows])
    return OK


def _row(one: Website, now: datetime) -> tuple[str, ...]:
    state = one.state
    return (
        str(one.website_id),
        one.draft.name,
        one.draft.url,
        one.status(now).value,
        _at(state.changed_at),
        state.reason,
        f"{one.draft.check_interval} s",
        _at(state.checked_at),
    )


def _check_row(one: CheckRecord) -> tuple[str, ...]:
    return (_at(one.at), one.reason or "ok", _text(one.status), f"{one.total_ms:.0f}", one.message[:100])


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _at(moment: datetime | None) -> str:
    from app.market.time import iso

    return iso(moment) if moment else ""
