"""`gridkeeper backfill`: plan, start, status, pause, resume, cancel, retry-failed."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import typer

from app.cli.backfill_view import FAILURES_SHOWN, Follower, in_words, print_failures, print_progress
from app.cli.exit_codes import EMPTY, FAILED, INTERRUPTED, OK
from app.cli.output import print_json
from app.clock import SystemClock
from app.collection.backfill.models import BackfillProgress, BackfillRequest, BackfillState, Reprocess, WindowState
from app.collection.backfill.plan import BackfillPlan
from app.collection.backfill.schemas import (
    BackfillPlanResource,
    BackfillResource,
    BackfillsResource,
    FailedWindowResource,
)
from app.collection.selection import Selection, select
from app.errors import ConfigurationError, DatabaseUnavailable
from app.lifecycle import collecting, require_token, services
from app.logging import configure_logging
from app.market.moments import parse_interval
from app.market.text import counted
from app.market.time import iso
from app.settings import Settings, load_settings
from app.wiring.catalog import CATALOG

if TYPE_CHECKING:
    from app.collection.backfill.service import BackfillService
    from app.wiring.container import Container

T = TypeVar("T")

LOOK = 0.5
"""Seconds between two looks at a backfill that is followed."""
OUTAGE = 60
"""Looks in a row that may fail: a database that restarts is back by then."""


def plan_command(
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    *,
    reprocess: str,
    oldest_first: bool,
    sandbox: bool,
    as_json: bool,
) -> int:
    """What `start` with the same options would ask for; starts nothing."""
    settings = _settings(sandbox=sandbox)
    now = SystemClock().now()
    request = _request(settings, areas, items, start, end, now, reprocess, oldest_first=oldest_first, concurrency=None)
    plan = asyncio.run(_planned(settings, request, now))
    if as_json:
        print_json(BackfillPlanResource.of(plan, request))
    else:
        _print_plan(plan, settings)
    return OK


def start_command(
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    *,
    reprocess: str,
    oldest_first: bool,
    concurrency: int | None,
    follow: bool,
    sandbox: bool,
) -> int:
    """`follow` works on it here and shows the progress; without it a running `serve` does the work."""
    settings = _settings(sandbox=sandbox)
    now = SystemClock().now()
    request = _request(
        settings, areas, items, start, end, now, reprocess, oldest_first=oldest_first, concurrency=concurrency
    )
    if follow:
        require_token(settings)
    backfill_id = asyncio.run(_started(settings, request, now))
    if backfill_id is None:
        _say("nothing to do")
        return OK
    if follow:
        return _follow(settings, backfill_id)
    sys.stdout.write(f"{backfill_id}\n")
    _say(
        f"backfill {backfill_id} is queued; a running `gridkeeper serve` works on it. "
        f"Where none runs: gridkeeper backfill resume {backfill_id} --follow"
    )
    return OK


def status_command(backfill_id: int | None, *, as_json: bool) -> int:
    """The open and the newest backfills, or one with its failed windows: all as JSON, the first for people."""
    settings = _settings(sandbox=False)

    async def look(service: BackfillService) -> int:
        found = [await service.progress(backfill_id)] if backfill_id is not None else await service.newest()
        limit = None if as_json else FAILURES_SHOWN + 1
        failures = await service.failures(backfill_id, limit) if backfill_id is not None else []
        if as_json:
            print_json(
                BackfillsResource(
                    backfills=[BackfillResource.of(one, service.time_left(one)) for one in found],
                    failures=[FailedWindowResource.of(window) for window in failures],
                )
            )
        elif found:
            print_progress(found, service.time_left)
            print_failures(failures)
        else:
            _say("there is no backfill yet; `gridkeeper backfill plan` shows what one would ask for")
        return OK

    return asyncio.run(_with_service(settings, look))


def pause_command(backfill_id: int) -> int:
    async def pause(service: BackfillService) -> int:
        await service.pause(backfill_id)
        _say(f"backfill {backfill_id} is paused; windows under way end, then nothing more is asked for")
        return OK

    return asyncio.run(_with_service(_settings(sandbox=False), pause))


def resume_command(backfill_id: int, *, follow: bool, sandbox: bool) -> int:
    """Goes on where it stopped, also after the process that worked on it was killed."""

    async def resume(service: BackfillService) -> bool:
        await service.resume(backfill_id)
        return True

    return _reopened(backfill_id, resume, "goes on", follow, sandbox=sandbox)


def retry_failed_command(backfill_id: int, *, follow: bool, sandbox: bool) -> int:
    async def retry(service: BackfillService) -> bool:
        queued = await service.retry_failed(backfill_id)
        if not queued:
            _say(f"backfill {backfill_id} has no failed window; nothing is queued")
            return False
        verb = "is" if queued == 1 else "are"
        _say(f"{counted(queued, 'failed window')} of backfill {backfill_id} {verb} queued again")
        return True

    return _reopened(backfill_id, retry, "tries them again", follow, sandbox=sandbox)


def cancel_command(backfill_id: int) -> int:
    async def cancel(service: BackfillService) -> int:
        given_up = await service.cancel(backfill_id)
        verb = "is" if given_up == 1 else "are"
        windows = f"{counted(given_up, 'window')} {verb} given up"
        _say(f"backfill {backfill_id} is cancelled for good; {windows}, what was stored stays")
        return OK

    return asyncio.run(_with_service(_settings(sandbox=False), cancel))


def _reopened(
    backfill_id: int,
    change: Callable[[BackfillService], Awaitable[bool]],
    what: str,
    follow: bool,
    *,
    sandbox: bool,
) -> int:
    """Where the change leaves nothing to do, nobody follows it."""
    settings = _settings(sandbox=sandbox)
    if follow:
        require_token(settings)
    if not asyncio.run(_with_service(settings, change)):
        return OK
    if follow:
        return _follow(settings, backfill_id)
    _say(f"a running `gridkeeper serve` {what}; where none runs add --follow")
    return OK


def _follow(settings: Settings, backfill_id: int) -> int:
    follower = Follower()
    try:
        progress = asyncio.run(_work_and_show(settings, backfill_id, follower))
    except (KeyboardInterrupt, asyncio.CancelledError):
        _say(
            "interrupted: the windows under way are handed back, what was stored stays; "
            f"go on with: gridkeeper backfill resume {backfill_id} --follow"
        )
        return INTERRUPTED
    finally:
        follower.stop()
    print_progress([progress], lambda _: None)
    if progress.state is BackfillState.PAUSED:
        _say(f"paused ({progress.reason}); go on with: gridkeeper backfill resume {backfill_id} --follow")
    if empty := progress.counts[WindowState.EMPTY]:
        _say(
            f"completed, {counted(empty, 'window')} empty: the source had nothing for them; a running `gridkeeper serve` "
            "asks for them again by itself, `gridkeeper gaps` shows what was asked how often"
        )
    if failed := progress.counts[WindowState.FAILED]:
        _say(
            f"{counted(failed, 'window')} failed; `gridkeeper backfill status {backfill_id}` lists them, "
            f"`gridkeeper backfill retry-failed {backfill_id} --follow` asks for them again"
        )
    if progress.state is not BackfillState.COMPLETED or failed:
        return FAILED
    return EMPTY if empty and empty == progress.planned else OK


async def _work_and_show(settings: Settings, backfill_id: int, follower: Follower) -> BackfillProgress:
    """Works until the backfill has ended or is paused; SIGTERM ends it like Ctrl-C."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with _working(settings, follower.say) as container, container.collection().task_backend():
        service, worker = container.collection().backfills(), container.collection().backfill_worker()
        working = asyncio.create_task(worker.work(backfill_id))
        try:
            while True:
                progress = await _looked(service, backfill_id)
                follower.show(progress, service.time_left(progress), worker.name)
                if progress.state.terminal or progress.state is BackfillState.PAUSED:
                    return progress
                if working.done():
                    working.result()
                await asyncio.sleep(LOOK)
        finally:
            working.cancel()
            await asyncio.wait([working])


async def _looked(service: BackfillService, backfill_id: int) -> BackfillProgress:
    for _ in range(OUTAGE):
        try:
            return await service.progress(backfill_id)
        except DatabaseUnavailable:
            await asyncio.sleep(1)
    return await service.progress(backfill_id)


@asynccontextmanager
async def _working(settings: Settings, say: Callable[[str], None]) -> AsyncIterator[Container]:
    async with collecting(settings, say) as container:
        try:
            yield container
        finally:
            await container.sources().backfill().aclose()


async def _with_service(settings: Settings, act: Callable[[BackfillService], Awaitable[T]]) -> T:
    """Acts on the database alone; neither token nor platform is needed."""
    async with services(settings, _say) as wiring:
        return await act(wiring.collection().backfills())


async def _planned(settings: Settings, request: BackfillRequest, now: datetime) -> BackfillPlan:
    async with services(settings, _say) as wiring:
        service = wiring.collection().backfills()
        return await service.plan(request, now, promised=False)


async def _started(settings: Settings, request: BackfillRequest, now: datetime) -> int | None:
    """The number of the new backfill, or None where there is nothing to ask for."""
    from app.db.migrate import claim_origin

    async with services(settings, _say) as wiring:
        async with wiring.database().transaction() as connection:
            await claim_origin(connection, settings.origin)
        service = wiring.collection().backfills()
        plan = await service.plan(request, now)
        _print_plan(plan, settings)
        return await service.start(request, plan) if plan.work else None


def _settings(*, sandbox: bool) -> Settings:
    settings = load_settings(**({"sandbox": True} if sandbox else {}))
    configure_logging(settings.log)
    return settings


def _request(
    settings: Settings,
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    now: datetime,
    reprocess: str,
    *,
    oldest_first: bool,
    concurrency: int | None,
) -> BackfillRequest:
    selection: Selection = select(
        areas or settings.collection.areas,
        items or settings.collection.items,
        lambda place: parse_interval(start, end, place.zone, now),
        CATALOG.places,
    )
    for reason in selection.skipped:
        _say(f"skipped: {reason}")
    return BackfillRequest(
        selection.requests,
        _reprocess(reprocess),
        newest_first=not oldest_first,
        concurrency=_concurrency(concurrency, settings),
        description=_description(areas, items, start, end),
        stays=True,
    )


def _reprocess(text: str) -> Reprocess:
    try:
        return Reprocess(text.strip().lower())
    except ValueError:
        known = ", ".join(Reprocess)
        raise ConfigurationError(f"--reprocess {text!r} is unknown: write one of {known}") from None


def _concurrency(given: int | None, settings: Settings) -> int:
    if given is None:
        return settings.backfill.concurrency
    if not 1 <= given <= 96:
        raise ConfigurationError(f"--concurrency {given} must lie between 1 and 96")
    return given


def _description(areas: Sequence[str] | None, items: Sequence[str] | None, start: str, end: str | None) -> str:
    named = f"{', '.join(items or ('configured items',))} for {', '.join(areas or ('configured areas',))}"
    return f"{named} from {start} to {end or 'the end of the day it was started'}"


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _print_plan(plan: BackfillPlan, settings: Settings) -> None:
    _say(
        f"{counted(len(plan.work), 'window')}, about {counted(plan.requests, 'request')}: {in_words(plan.seconds)} at the token's rate "
        f"({settings.entsoe.requests_per_minute} requests a minute), at most {in_words(plan.seconds_at_share)} "
        f"while live collection wants all of it (share {settings.backfill.share:.0%})"
    )
    if plan.empty_before:
        _say(f"{counted(plan.empty_before, 'window')} of them came back empty before, too seldom to prove anything")
    for reason in _left_out(plan):
        _say(f"left out: {reason}")


def _left_out(plan: BackfillPlan) -> list[str]:
    """Why windows of the range are not asked for."""
    public = f", public from {iso(plan.due)} on" if plan.due else ""
    counted = (
        (plan.complete, "windows that lack nothing; --reprocess all asks for them anew"),
        (
            plan.absent - plan.never_existed,
            "windows whose missing values the source did not have, each time it was asked; --reprocess all asks for them anew",
        ),
        (
            plan.never_existed,
            (
                "windows of a time for which the source never had anything, each time it was asked; "
                "--reprocess all asks for them anew"
            ),
        ),
        (plan.not_due, f"windows that lack only what is not published yet{public}"),
        (plan.queued, "windows that are queued in another backfill already"),
    )
    return [f"{reason}: {count}" for count, reason in counted if count] + list(plan.beyond_life)
