"""What a backfill would ask for and why, and its start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from app.cli.backfill.view import in_words
from app.cli.output import say
from app.cli.selection import chosen
from app.collection.backfill.models import BackfillRequest, Reprocess
from app.collection.backfill.plan import BackfillPlan
from app.db.migrate import claim_origin
from app.errors import ConfigurationError
from app.market.text import counted
from app.market.time import iso
from app.mistakes import choice_of
from app.settings import Settings

if TYPE_CHECKING:
    from app.wiring.container import Container


def backfill_request(
    settings: Settings,
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    *,
    reprocess: str,
    oldest_first: bool,
    concurrency: int | None = None,
) -> tuple[BackfillRequest, datetime]:
    """What the options ask for, with the instant to which it refers; what is left out is said."""
    requests, now = chosen(settings, areas, items, start, end)
    asked = BackfillRequest(
        requests,
        _reprocess(reprocess),
        newest_first=not oldest_first,
        concurrency=_concurrency(concurrency, settings),
        description=_description(areas, items, start, end),
        stays=True,
    )
    return asked, now


def _reprocess(text: str) -> Reprocess:
    try:
        return choice_of(Reprocess, text.lower())
    except ConfigurationError as error:
        raise ConfigurationError(f"--reprocess {error}") from None


def _concurrency(given: int | None, settings: Settings) -> int:
    if given is None:
        return settings.backfill.concurrency
    if not 1 <= given <= 96:
        raise ConfigurationError(f"--concurrency {given} must lie between 1 and 96")
    return given


def _description(areas: Sequence[str] | None, items: Sequence[str] | None, start: str, end: str | None) -> str:
    named = f"{', '.join(items or ('configured items',))} for {', '.join(areas or ('configured areas',))}"
    return f"{named} from {start} to {end or 'the end of the day it was started'}"


async def start_backfill(wiring: Container, settings: Settings, request: BackfillRequest, now: datetime) -> int | None:
    """The number of the new backfill, or None where there is nothing to ask for."""
    async with wiring.database().transaction() as connection:
        await claim_origin(connection, settings.origin)
    service = wiring.collection().backfills()
    plan = await service.plan(request, now)
    print_plan(plan, settings)
    return await service.start(request, plan) if plan.work else None


def print_plan(plan: BackfillPlan, settings: Settings) -> None:
    say(
        f"{counted(len(plan.work), 'window')}, about {counted(plan.requests, 'request')}: {in_words(plan.seconds)} at the token's rate "
        f"({settings.entsoe.requests_per_minute} requests a minute), at most {in_words(plan.seconds_at_share)} "
        f"while live collection wants all of it (share {settings.backfill.share:.0%})"
    )
    if plan.empty_before:
        say(f"{counted(plan.empty_before, 'window')} of them came back empty before, too seldom to prove anything")
    for reason in _left_out(plan):
        say(f"left out: {reason}")


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
