"""`gridkeeper backfill`: plan, start, status, pause, resume, cancel, retry-failed."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.options import LARGEST_NUMBER, AreaOption, AsJson, From, ItemOption, Sandbox, To
from app.cli.output import print_json, say
from app.cli.session import ask, begin

if TYPE_CHECKING:
    from app.collection.backfill.service import BackfillService

Reprocessing = Annotated[
    str, typer.Option("--reprocess", help="missing, missing+failed or all: which windows to ask for.")
]
BackfillNumber = Annotated[
    int, typer.Argument(help="Number of the backfill; `backfill status` lists them.", min=1, max=LARGEST_NUMBER)
]
Follow = Annotated[bool, typer.Option("--follow", help="Work on it here and show the progress.")]
Oldest = Annotated[bool, typer.Option("--oldest-first", help="Begin with the oldest windows instead of the newest.")]


def plan_command(
    area: AreaOption = None,
    item: ItemOption = None,
    start: From = "-365d",
    end: To = None,
    reprocess: Reprocessing = "missing",
    oldest_first: Oldest = False,
    sandbox: Sandbox = False,
    as_json: AsJson = False,
) -> int:
    """Show the windows, requests and duration that `start` with the same options would need; starts nothing."""
    from app.cli.backfill.planning import backfill_request, print_plan
    from app.collection.backfill.schemas import BackfillPlanResource

    settings = begin(sandbox=sandbox)
    request, now = backfill_request(settings, area, item, start, end, reprocess=reprocess, oldest_first=oldest_first)
    plan = ask(settings, lambda wiring: wiring.collection().backfills().plan(request, now, promised=False))
    if as_json:
        print_json(BackfillPlanResource.of(plan, request))
    else:
        print_plan(plan, settings)
    return OK


def start_command(
    area: AreaOption = None,
    item: ItemOption = None,
    start: From = "-365d",
    end: To = None,
    reprocess: Reprocessing = "missing",
    oldest_first: Oldest = False,
    concurrency: Annotated[int | None, typer.Option(min=1, max=1000, help="Windows worked on at once.")] = None,
    follow: Follow = False,
    sandbox: Sandbox = False,
) -> int:
    """Start a backfill; its windows are rows, so it survives any process and resumes where it was.

    Example: gridkeeper backfill start --area FR --item load_actual --from 2020-01-01 --follow

    Exit code: 0 queued, nothing to do, or with --follow every window answered; 3 with --follow it was paused or
    cancelled, or windows failed.
    """
    from app.cli.backfill.follow import follow_backfill
    from app.cli.backfill.planning import backfill_request, start_backfill
    from app.lifecycle import require_token

    settings = begin(sandbox=sandbox)
    request, now = backfill_request(
        settings, area, item, start, end, reprocess=reprocess, oldest_first=oldest_first, concurrency=concurrency
    )
    if follow:
        require_token(settings)
    backfill_id = ask(settings, lambda wiring: start_backfill(wiring, settings, request, now))
    if backfill_id is None:
        say("nothing to do")
        return OK
    if follow:
        return follow_backfill(settings, backfill_id)
    sys.stdout.write(f"{backfill_id}\n")
    say(
        f"backfill {backfill_id} is queued; a running `gridkeeper serve` works on it. "
        f"Where none runs: gridkeeper backfill resume {backfill_id} --follow"
    )
    return OK


def status_command(
    number: Annotated[
        int | None,
        typer.Argument(help="Number of the backfill; default: the open and the latest.", min=1, max=LARGEST_NUMBER),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show how far backfills are, with the windows in each state and the time left at the token's rate."""
    from app.cli.backfill.view import FAILURES_SHOWN, print_failures, print_progress
    from app.collection.backfill.schemas import BackfillResource, BackfillsResource, FailedWindowResource

    async def look(service: BackfillService) -> int:
        found = [await service.progress(number)] if number is not None else await service.newest()
        limit = None if as_json else FAILURES_SHOWN + 1
        failures = await service.failures(number, limit) if number is not None else []
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
            say("there is no backfill yet; `gridkeeper backfill plan` shows what one would ask for")
        return OK

    return ask(begin(), lambda wiring: look(wiring.collection().backfills()))


def pause_command(number: BackfillNumber) -> int:
    """Let no further window begin until `resume`."""
    ask(begin(), lambda wiring: wiring.collection().backfills().pause(number))
    say(f"backfill {number} is paused; windows under way end, then nothing more is asked for")
    return OK


def resume_command(number: BackfillNumber, follow: Follow = False, sandbox: Sandbox = False) -> int:
    """Go on with a paused backfill."""

    async def resume(service: BackfillService) -> bool:
        await service.resume(number)
        return True

    return _reopened(number, resume, "goes on", follow=follow, sandbox=sandbox)


def cancel_command(number: BackfillNumber) -> int:
    """End a backfill for good; what is stored stays."""
    from app.market.text import counted

    given_up = ask(begin(), lambda wiring: wiring.collection().backfills().cancel(number))
    verb = "is" if given_up == 1 else "are"
    windows = f"{counted(given_up, 'window')} {verb} given up"
    say(f"backfill {number} is cancelled for good; {windows}, what was stored stays")
    return OK


def retry_failed_command(number: BackfillNumber, follow: Follow = False, sandbox: Sandbox = False) -> int:
    """Ask again for the failed windows of a backfill."""
    from app.market.text import counted

    async def retry(service: BackfillService) -> bool:
        queued = await service.retry_failed(number)
        if not queued:
            say(f"backfill {number} has no failed window; nothing is queued")
            return False
        verb = "is" if queued == 1 else "are"
        say(f"{counted(queued, 'failed window')} of backfill {number} {verb} queued again")
        return True

    return _reopened(number, retry, "tries them again", follow=follow, sandbox=sandbox)


def _reopened(
    number: int, change: Callable[[BackfillService], Awaitable[bool]], what: str, *, follow: bool, sandbox: bool
) -> int:
    """Where the change leaves nothing to do, nobody follows it."""
    from app.cli.backfill.follow import follow_backfill
    from app.lifecycle import require_token

    settings = begin(sandbox=sandbox)
    if follow:
        require_token(settings)
    if not ask(settings, lambda wiring: change(wiring.collection().backfills())):
        return OK
    if follow:
        return follow_backfill(settings, number)
    say(f"a running `gridkeeper serve` {what}; where none runs add --follow")
    return OK
