"""The health of everything as it is read and as lines of text."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import typer

from app.alerting.evaluation.query_runner import own_login_warning
from app.cli.output import say
from app.cli.service.health_view import health_lines
from app.cli.tables import single_line, table_lines
from app.clock import SystemClock
from app.collection.source_health import PlatformState
from app.db.reading.database import replica_of
from app.errors import DatabaseUnavailable
from app.lifecycle import services
from app.logging import redact
from app.market.time import iso
from app.monitoring.status import ItemStatus, Status, login_seen
from app.settings import Settings

if TYPE_CHECKING:
    from app.wiring.container import Container


async def read_status(wiring: Container) -> Status:
    """Everything, with the login of the rules."""
    found = await _read(wiring, SystemClock().now())
    login, refusal = await _rules_login(wiring)
    return replace(found, rules_login=login, refusal=refusal)


def watch_status(settings: Settings, seconds: float) -> None:
    """Show the state anew every so many seconds until Ctrl-C."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_watching(settings, seconds))


async def _watching(settings: Settings, seconds: float) -> None:
    async with services(settings, say) as wiring:
        login, refusal = await _rules_login(wiring)
        with _screen() as show:
            while True:
                now = SystemClock().now()
                try:
                    lines = status_lines(replace(await _read(wiring, now), rules_login=login, refusal=refusal))
                    if refusal:
                        login, refusal = await _rules_login(wiring)
                except DatabaseUnavailable as error:
                    lines = [str(error)]
                show("\n".join((f"{iso(now)}, every {seconds:g} s, Ctrl-C ends", *lines)))
                await asyncio.sleep(seconds)


@contextmanager
def _screen() -> Iterator[Callable[[str], None]]:
    """Shows text in place of the text before; one after the other where nobody looks at a terminal."""
    if not sys.stdout.isatty():
        yield typer.echo
        return
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False, screen=True) as live:
        yield lambda text: live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)


async def _rules_login(wiring: Container) -> tuple[str, str]:
    ask = own_login_warning(wiring.database().address.dsn, wiring.settings().database.rules_password_file)
    return await login_seen(ask)


async def _read(wiring: Container, now: datetime) -> Status:
    jobs = await wiring.storage().job_runs().jobs()
    unreadable = [view.job.name for view in jobs if view.job.unreadable]
    return replace(await wiring.monitoring().status().read(now, unreadable), read_replica=replica_of(wiring.reading()))


def status_lines(found: Status) -> list[str]:
    """The screen, line by line."""
    lines = [
        f"{name:<10}{value}"
        for name, value in (
            ("database", found.database),
            ("server", found.server),
            ("schema", found.schema),
            ("origin", found.origin or "no data yet"),
            ("platform", _platform(found.platform)),
        )
    ]
    if found.read_replica:
        lines.append(f"replica   {found.read_replica.text}")
    if found.health:
        lines += health_lines(found.health)
    if found.refusal:
        lines.append(f"{'wrong':<10}{single_line(redact(found.refusal))}")
    if found.rules_login:
        lines.append(f'rules     {found.rules_login}; docs/alerts.md, "Rules", tells how to limit them')
    if found.unreadable_jobs:
        lines.append(f"jobs      cannot be read: {', '.join(found.unreadable_jobs)}; `gridkeeper jobs list` tells why")
    if not found.items:
        return [*lines, "nothing is stored yet; `gridkeeper collect` collects the last 7 days"]
    columns = ("item", "areas", "series", "values", "since", "newest", "late", "where", "last run", "outcome")
    right = ("areas", "series", "values", "late")
    return [*lines, "", *table_lines(columns, [_row(item) for item in found.items], right=right)]


def _platform(state: PlatformState) -> str:
    """How the platform was when it was last asked, and since when it has not answered."""
    when = f", asked {iso(state.checked_at)}" if state.checked_at else ""
    if not state.warning:
        return f"{state.condition}{when}"
    last = iso(state.answered_at) if state.answered_at else "none lately"
    return f"{state.condition}{when}, last answer {last}: {redact(state.error)}"


def _row(item: ItemStatus) -> tuple[str, ...]:
    latest, run = item.latest, item.last_run
    late = timedelta(seconds=latest.late_seconds) if latest else timedelta(0)
    return (
        item.item,
        str(item.areas),
        str(item.series),
        str(item.values),
        str(item.first_day or ""),
        f"{max(one.newest for one in item.newest):%Y-%m-%d %H:%M}Z" if item.newest else "",
        _duration(late),
        latest.area if latest and late else "",
        f"{run.finished_at:%Y-%m-%d %H:%M}Z" if run else "",
        (f"{run.outcome}: {run.error_class} ({run.area})" if run.error_class else run.outcome) if run else "",
    )


def _duration(late: timedelta) -> str:
    """Lateness in the unit that a person would name."""
    if not late:
        return ""
    minutes = int(late.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 60 * 48 else f"{minutes // 1440} d"
