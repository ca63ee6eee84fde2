"""Runs of jobs: which are listed, and a page for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query, Request, Response

from app.errors import NotFound
from app.kit.language import gettext
from app.market.time import Interval, iso_exact
from app.mistakes import choice_of
from app.scheduling.models import JobOutcome, JobRun
from app.web.api.cursors import decode_cursor, encode_cursor, instant_in, part_of
from app.web.dependencies import READ, Now, Services
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.parameters import named

router = page_router()

MOST_RUNS, MOST_WINDOWS = 50, 200
Chosen = Annotated[str, Query(max_length=20)]
Before = Annotated[str, Query(max_length=2000)]


def chosen_outcome(text: str) -> JobOutcome | None:
    """The outcome of a filter; ApiError where there is none of this name."""
    with named("outcome"):
        return choice_of(JobOutcome, text) if text else None


def runs_before(text: str) -> tuple[datetime, str] | None:
    """After which run a list goes on; ApiError where the text names none."""
    if not text:
        return None
    with named("before"):
        slot, job = decode_cursor(text, (int, str))
        return instant_in(slot), str(job)


def following_runs(found: Sequence[JobRun]) -> str:
    """Where the next page begins, "" where there is none; one run more than a page has says that there is."""
    if len(found) <= MOST_RUNS:
        return ""
    last = found[MOST_RUNS - 1]
    return encode_cursor((part_of(last.scheduled_for), last.job))


def _in_utc(at: datetime) -> bool:
    """Whether UTC has this instant, which the first and last hours of all have elsewhere only."""
    try:
        at.astimezone(UTC)
    except OverflowError:
        return False
    return True


@router.get("/work/run", openapi_extra=READ)
async def run_page(
    request: Request,
    services: Services,
    now: Now,
    *,
    job: Annotated[str, Query(max_length=200)],
    at: Annotated[datetime, Query()],
) -> Response:
    """A run: why it was, how it ended, what it did, and what was asked of the source meanwhile."""
    if at.tzinfo is None or not _in_utc(at):
        raise NotFound(gettext("a run is named by an instant with its offset; /work lists the runs"))
    run = await services.storage().job_runs().run_of((job, at))
    if run is None:
        raise NotFound(
            gettext(
                "there is no run of %(job)s at %(at)s; it may be older than what is kept", job=job, at=iso_exact(at)
            )
        )
    windows = []
    if run.started_at is not None:
        during = Interval(run.started_at, max(run.finished_at or now, run.started_at))
        windows = await services.storage().runs().recorded(during, limit=MOST_WINDOWS + 1)
    return render(
        request,
        "work/run.html",
        run=run,
        windows=windows[:MOST_WINDOWS],
        more=len(windows) > MOST_WINDOWS,
    )
