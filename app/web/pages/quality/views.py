"""Scores by dimension, item and area, findings with filters, and a finding with its evidence and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from markupsafe import Markup

from app.access.models import Caller
from app.errors import AppError, NotFound
from app.kit.language import ENGLISH, gettext, speaking
from app.market.areas import areas, with_borders
from app.market.series import DataItem
from app.market.time import MARKET_ZONE, Interval, local_day
from app.mistakes import choice_of
from app.quality.findings import GONE, FindingSeverity, State
from app.quality.listing import ListedFinding
from app.quality.models import EvidenceRule
from app.quality.overview.evidence import evidence_lines
from app.quality.overview.queries import FindingFilter
from app.quality.overview.summary import Grouped
from app.quality.schemas import AcceptanceBody
from app.quality.scoring import Dimension
from app.web.dependencies import OPERATE, READ_LIMITED, Asking, Now, Services
from app.web.pages.forms import answered, body_of, done, what_is_wrong
from app.web.pages.quality.sparks import spark
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.pages.words import word
from app.web.parameters import named, named_places, named_range, narrowed
from app.wiring.container import Container

router = page_router()

PAGE_ROWS = 100
FIRST, LAST = "1990-01-02", "2099-12-30"
"""Where a range is open at one end."""
SEVERITIES = {"info": "idle", "warning": "warn", "error": "bad"}
STATES = {"open": "warn", "unrepairable": "bad"}
"""The tone of each severity, and of states that await somebody."""

_Name = Annotated[str, Query(max_length=200)]
_Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/quality", openapi_extra=READ_LIMITED)
async def quality_page(
    request: Request, services: Services, caller: Asking, now: Now, *, area: _Name = "", item: _Name = ""
) -> Response:
    """How good the stored values are: the last week against the one before, and the way of six weeks."""
    found, problem = None, ""
    try:
        eics, items = _narrowed(area, item, caller)
        found = await services.reads().quality_overview().summary(local_day(now, MARKET_ZONE), items=items, areas=eics)
    except AppError as error:
        problem = what_is_wrong(error)
    return render(
        request,
        "quality/scores.html",
        answered(problem),
        problem=problem,
        summary=found,
        whole=found.of(Grouped.ALL)[0] if found else None,
        grouped=[("item", found.of(Grouped.ITEM)), ("area", found.of(Grouped.AREA))] if found else [],
        dimensions=list(Dimension),
        spark=spark,
        chosen={"area": area, "item": item},
        **_choices(),
    )


@router.get("/quality/findings", openapi_extra=READ_LIMITED)
async def findings_page(
    request: Request,
    services: Services,
    caller: Asking,
    now: Now,
    *,
    area: _Name = "",
    item: _Name = "",
    rule: _Name = "",
    severity: _Name = "",
    state: _Name = "",
    start: Annotated[str, Query(alias="from", max_length=60)] = "",
    end: Annotated[str, Query(alias="to", max_length=60)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """What is wrong with stored values, the newest finding first."""
    rows: Sequence[ListedFinding] = ()
    problem = ""
    try:
        eics, items = _narrowed(area, item, caller)
        for name, text, kind in (
            ("rule", rule, EvidenceRule),
            ("severity", severity, FindingSeverity),
            ("state", state, State),
        ):
            _check(name, text, kind)
        wanted = FindingFilter(items, eics, rule, severity, [state] if state else None, _range(start, end, now))
        rows = await services.reads().quality_overview().findings(wanted, before=before, limit=PAGE_ROWS + 1)
    except AppError as error:
        problem = what_is_wrong(error)
    return render(
        request,
        "quality/findings.html",
        answered(problem),
        problem=problem,
        findings=rows[:PAGE_ROWS],
        following=rows[PAGE_ROWS - 1].finding_id if len(rows) > PAGE_ROWS else None,
        chosen={
            "area": area, "item": item, "rule": rule, "severity": severity, "state": state,
            "from": start, "to": end,
        },
        rules=[one.value for one in EvidenceRule],
        **_choices(),
    )  # fmt: skip


@router.get("/quality/findings/{finding_id}", openapi_extra=READ_LIMITED)
async def finding_page(request: Request, services: Services, caller: Asking, finding_id: _Number) -> Response:
    """A finding: the values around it, the evidence, and what became of it."""
    found = await _finding(services, caller, finding_id)
    with speaking(ENGLISH):
        chart = await services.reads().quality_reports().finding_chart(found)
    return render(
        request,
        "quality/finding.html",
        finding=found,
        chart=Markup(chart),  # noqa: S704  every text in it is escaped where it is drawn
        evidence=evidence_lines(found.evidence),
        may_accept=found.state not in GONE,
        **_tones(),
    )


@router.post("/quality/findings/{finding_id}/accept", openapi_extra=OPERATE, name="accept_finding")
async def accept_from_page(
    request: Request, services: Services, caller: Asking, now: Now, finding_id: _Number
) -> Response:
    """Say that the values are right."""
    body = body_of(AcceptanceBody, {"note": request.state.form.get("note", "")})
    await services.quality().service().accept(finding_id, note=body.note, by=caller.name, now=now)
    return done(
        request,
        f"quality/findings/{finding_id}",
        gettext("Finding %(number)s is accepted: its values count as sound.", number=finding_id),
    )


@router.post("/quality/findings/{finding_id}/recheck", openapi_extra=OPERATE, name="recheck_finding")
async def recheck_from_page(request: Request, services: Services, now: Now, finding_id: _Number) -> Response:
    """Look at the stored values again."""
    await services.quality().service().recheck([finding_id], now)
    rows = await services.quality().rows().findings(ids=[finding_id])
    if not rows:
        return done(
            request, "quality/findings", gettext("Finding %(number)s became part of another one.", number=finding_id)
        )
    return done(
        request,
        f"quality/findings/{finding_id}",
        gettext("The values were looked at again: the finding is %(state)s.", state=word(rows[0].state)),
    )


async def _finding(services: Container, caller: Caller, finding_id: int) -> ListedFinding:
    rows = await services.reads().quality_rows().findings(ids=[finding_id])
    if not rows or not caller.may_read(rows[0].item, rows[0].area_eic):
        raise NotFound(
            gettext("there is no finding %(number)s; it may have become part of another one", number=finding_id)
        )
    return rows[0]


def _narrowed(area: str, item: str, caller: Caller) -> tuple[list[str] | None, list[str] | None]:
    return narrowed(with_borders(named_places([area])) if area else [], [item] if item else [], caller)


def _check(name: str, text: str, kind: type[StrEnum]) -> None:
    with named(name):
        _ = choice_of(kind, text) if text else None


def _range(start: str, end: str, now: datetime) -> Interval | None:
    return named_range(start or FIRST, end or LAST, MARKET_ZONE, now) if start or end else None


def _tones() -> dict[str, Any]:
    return {"severities": SEVERITIES, "state_tones": STATES}


def _choices() -> dict[str, Any]:
    return {
        "item_names": [one.value for one in DataItem],
        "area_names": sorted(areas()),
        "states_known": [one.value for one in State],
        **_tones(),
    }
