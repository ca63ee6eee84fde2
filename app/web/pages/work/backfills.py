"""A page for each backfill, and a form that shows what one would ask for before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Query, Request, Response

from app.collection.backfill.models import BackfillRequest, Reprocess, WindowState
from app.collection.backfill.plan import BackfillPlan
from app.collection.backfill.schemas import BackfillBody
from app.errors import AppError
from app.kit.language import gettext, gettext_noop
from app.market.series import DataItem
from app.mistakes import choice_of
from app.web.dependencies import OPERATE, READ, Asking, CurrentSettings, Now, Services
from app.web.pages.forms import body_of, done, what_is_wrong
from app.web.pages.rendering import age, render, shown_count
from app.web.pages.routing import page_router
from app.web.pages.search import offered_areas
from app.web.pages.wording import FieldLabels
from app.web.parameters import named, selection
from app.web.routes.v1 import backfills as routes

router = page_router()


class BackfillOrder(StrEnum):
    """Which windows are asked for first."""

    NEWEST = "newest"
    OLDEST = "oldest"


MOST_WINDOWS, MOST_FAILURES, MOST_PLANNED = 100, 200, 20
ENTERED = {"area": "", "item": "", "from": "", "to": "", "reprocess": Reprocess.MISSING.value, "description": ""}
"""The fields of the form, and what stands in them at first."""
LABELS: FieldLabels = {
    "area": gettext_noop("Areas"), "areas": gettext_noop("Areas"), "item": gettext_noop("Items"), "items": gettext_noop("Items"),
    "from": gettext_noop("From"), "to": gettext_noop("To"), "reprocess": gettext_noop("Which windows"),
    "order": gettext_noop("Begin with the"), "description": gettext_noop("What for"),
}  # fmt: skip
"""What the form calls them."""
_Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
_Text = Annotated[str, Query(max_length=2000)]


@router.get("/work/backfills/new", openapi_extra=READ)
async def new_backfill_page(
    request: Request,
    services: Services,
    settings: CurrentSettings,
    caller: Asking,
    now: Now,
    *,
    area: _Text = "",
    item: _Text = "",
    start: Annotated[_Text, Query(alias="from")] = "",
    end: Annotated[_Text, Query(alias="to")] = "",
    reprocess: _Text = ENTERED["reprocess"],
    order: _Text = "newest",
    description: _Text = "",
) -> Response:
    """The form, and with a range in the address the plan: windows, requests and time; starts nothing."""
    entered = {
        "area": area, "item": item, "from": start, "to": end, "reprocess": reprocess, "order": order,
        "description": description,
    }  # fmt: skip
    if not start:
        return _form(request, entered)
    try:
        body_of(BackfillBody, {"from": start, "to": end or None, "description": description}, LABELS)
        with named("reprocess"):
            wanted = choice_of(Reprocess, reprocess)
        with named("order"):
            first = choice_of(BackfillOrder, order)
        chosen = selection(settings, caller, now, area=_named(area), item=_named(item), start=start, end=end or None)
        plan = await services.collection().backfills().plan(
            BackfillRequest(chosen.requests, wanted, newest_first=first is BackfillOrder.NEWEST), now, promised=False
        )  # fmt: skip
    except AppError as error:
        return _form(request, entered, problem=what_is_wrong(error, LABELS))
    return _form(request, entered, plan=plan, skipped=chosen.skipped)


def _named(text: str) -> list[str]:
    """An empty field names what is configured, as a parameter does that is left out."""
    return [text] if text.strip() else []


def _form(
    request: Request,
    entered: Mapping[str, str],
    *,
    plan: BackfillPlan | None = None,
    skipped: tuple[str, ...] = (),
    problem: str = "",
) -> Response:
    return render(
        request,
        "work/new_backfill.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        entered=entered,
        plan=plan,
        first=plan.work[:MOST_PLANNED] if plan else (),
        skipped=skipped,
        problem=problem,
        ways=list(Reprocess),
        known_areas=offered_areas(),
        known_items=[one.value for one in DataItem],
    )


@router.post("/work/backfills", openapi_extra=OPERATE, name="start_backfill")
async def start_backfill_from_page(
    request: Request, services: Services, settings: CurrentSettings, caller: Asking, now: Now
) -> Response:
    """Queue the backfill that was planned."""
    form = request.state.form
    entered = {name: form.get(name, otherwise) for name, otherwise in (ENTERED | {"order": "newest"}).items()}
    try:
        body = body_of(
            BackfillBody,
            {
                "areas": _named(entered["area"]),
                "items": _named(entered["item"]),
                "from": entered["from"],
                "to": entered["to"] or None,
                "reprocess": entered["reprocess"],
                "oldest_first": entered["order"] == "oldest",
                "description": entered["description"] or gettext("from the page"),
            },
            LABELS,
        )
        started = await routes.start_backfill(services, settings, caller, now, body)
    except AppError as error:
        return _form(request, entered, problem=what_is_wrong(error, LABELS))
    if started.id is None:
        return done(request, "work", gettext("Nothing lacks in this range by now; no backfill was started."))
    notice = gettext(
        "Backfill %(number)s of %(windows)s is queued, about %(length)s.",
        number=started.id,
        windows=shown_count(started.windows, "window"),
        length=age(started.seconds),
    )
    return done(request, f"work/backfills/{started.id}", notice)


@router.get("/work/backfills/{backfill_id}", openapi_extra=READ)
async def backfill_page(
    request: Request,
    services: Services,
    backfill_id: _Number,
    *,
    state: Annotated[str, Query(max_length=20)] = "",
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """A backfill: progress, rate, what is left, who works on it, its windows, and why some failed."""
    service = services.collection().backfills()
    row = await service.progress(backfill_id)
    with named("state"):
        wanted = choice_of(WindowState, state) if state else None
    failures = await service.failures(backfill_id, MOST_FAILURES + 1)
    windows = await service.windows(backfill_id, wanted, limit=MOST_WINDOWS + 1, after=after)
    return render(
        request,
        "work/backfill.html",
        row=row,
        left=service.time_left(row),
        failures=failures[:MOST_FAILURES],
        more_failures=len(failures) > MOST_FAILURES,
        windows=windows[:MOST_WINDOWS],
        following=windows[MOST_WINDOWS - 1].position if len(windows) > MOST_WINDOWS else None,
        state=state,
        window_states=list(WindowState),
    )


@router.post("/work/backfills/{backfill_id}/pause", openapi_extra=OPERATE, name="pause_backfill")
async def pause_backfill_from_page(request: Request, services: Services, backfill_id: _Number) -> Response:
    """Pause a backfill."""
    await routes.pause_backfill(services, backfill_id)
    return _done(
        request,
        backfill_id,
        gettext(
            "Backfill %(number)s is paused. Windows under way end, then nothing more is asked for.", number=backfill_id
        ),
    )


@router.post("/work/backfills/{backfill_id}/resume", openapi_extra=OPERATE, name="resume_backfill")
async def resume_backfill_from_page(request: Request, services: Services, backfill_id: _Number) -> Response:
    """Let a backfill go on."""
    await routes.resume_backfill(services, backfill_id)
    return _done(request, backfill_id, gettext("Backfill %(number)s goes on where it stopped.", number=backfill_id))


@router.post("/work/backfills/{backfill_id}/retry-failed", openapi_extra=OPERATE, name="retry_failed_windows")
async def retry_windows_from_page(request: Request, services: Services, backfill_id: _Number) -> Response:
    """Queue the failed windows again."""
    await routes.retry_failed_windows(services, backfill_id)
    return _done(
        request, backfill_id, gettext("Backfill %(number)s has its failed windows queued again.", number=backfill_id)
    )


@router.get("/work/backfills/{backfill_id}/cancel", openapi_extra=OPERATE)
async def cancel_backfill_page(request: Request, services: Services, backfill_id: _Number) -> Response:
    """Ask whether a backfill is to end for good."""
    row = await services.collection().backfills().progress(backfill_id)
    rest = row.planned - row.ended
    return render(
        request,
        "confirm.html",
        title=gettext("Cancel backfill %(number)s?", number=backfill_id),
        lines=(
            row.description,
            gettext(
                "%(windows)s of %(planned)s would not be asked for any more. What was stored stays.",
                windows=shown_count(rest, "window"),
                planned=row.planned,
            ),
            gettext("A cancelled backfill cannot be resumed; a paused one can."),
        ),
        action=f"work/backfills/{backfill_id}/cancel",
        button=gettext("Cancel backfill %(number)s for good", number=backfill_id),
        back=f"work/backfills/{backfill_id}",
    )


@router.post("/work/backfills/{backfill_id}/cancel", openapi_extra=OPERATE, name="cancel_backfill")
async def cancel_backfill_from_page(request: Request, services: Services, backfill_id: _Number) -> Response:
    """End a backfill for good."""
    await routes.cancel_backfill(services, backfill_id)
    return _done(
        request, backfill_id, gettext("Backfill %(number)s is cancelled. What was stored stays.", number=backfill_id)
    )


def _done(request: Request, backfill_id: int, what: str) -> Response:
    return done(request, f"work/backfills/{backfill_id}", what)
