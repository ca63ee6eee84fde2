"""Websites by group, the worst first, with filters in the address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode
from zlib import crc32

from fastapi import Query, Request, Response

from app.kit.language import gettext, gettext_noop, ngettext
from app.monitoring.summary import Standing
from app.probes.monitors.bars import BarLength
from app.probes.monitors.models import MonitorFilter, MonitorRow, MonitorState
from app.web.dependencies import READ, Services
from app.web.pages.forms import answered
from app.web.pages.monitors.drawing import BAR_WORDS, LENGTH_WORDS, bars_picture, latency_line
from app.web.pages.packing import packed
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.pages.words import word

router = page_router()

WITHOUT_GROUP = "-"
"""Of the field `group`: those that are in none."""
TONES: Mapping[MonitorState, Standing] = {
    MonitorState.DOWN: Standing.BAD,
    MonitorState.UNKNOWN: Standing.WARN,
    MonitorState.OURS: Standing.WARN,
    MonitorState.MAINTENANCE: Standing.IDLE,
    MonitorState.UP: Standing.GOOD,
    MonitorState.PAUSED: Standing.IDLE,
}
STATE_WORDS: Mapping[MonitorState, str] = {
    MonitorState.DOWN: gettext_noop("down"),
    MonitorState.UNKNOWN: gettext_noop("unknown"),
    MonitorState.OURS: gettext_noop("not seen because of this machine"),
    MonitorState.MAINTENANCE: gettext_noop("down in maintenance"),
    MonitorState.UP: gettext_noop("up"),
    MonitorState.PAUSED: gettext_noop("paused"),
}


@router.get("/monitors", openapi_extra=READ)
async def monitors_page(
    request: Request,
    services: Services,
    *,
    text: Annotated[str, Query(alias="q", max_length=200)] = "",
    group: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    show: BarLength = BarLength.CHECKS,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """How websites are that are checked, with what the last ninety checks, hours or days have shown."""
    known = state in set(MonitorState)
    wanted = MonitorFilter(
        text,
        None if not group else "" if group == WITHOUT_GROUP else group,
        MonitorState(state) if known else None,
    )
    found = await services.monitoring().monitors().page(wanted, show, page)
    fields = {"q": text, "group": group, "state": state if known else "", "show": show if show is not BarLength.CHECKS else ""}  # fmt: skip
    problem = "" if known or not state else gettext("There is no state %(state)r.", state=state[:60])
    response = render(
        request,
        "monitors/websites.html",
        answered(problem),
        found=found,
        verdict=_verdict(found.counts),
        chosen=fields | {"show": show},
        problem=problem,
        narrow=wanted.narrow,
        states=list(MonitorState),
        lengths=list(BarLength),
        without_group=WITHOUT_GROUP,
        tones_of=TONES,
        state_words=STATE_WORDS,
        bar_words=BAR_WORDS,
        length_words=LENGTH_WORDS,
        bars=lambda row: bars_picture(found.histories[row.website_id].bars, show),
        line=lambda row: latency_line(found.histories[row.website_id].bars, show),
        key_of=lambda name: f"rows-{crc32(name.encode()):08x}",
        page_address=lambda number: "?" + urlencode({name: value for name, value in fields.items() if value} | {"page": number}),
        said_of=said_of_row,
    )  # fmt: skip
    return packed(request, response)


def _verdict(counts: Mapping[MonitorState, int]) -> tuple[Standing, str]:
    """How things are, in a sentence."""
    total = sum(counts.values())
    if not total:
        return Standing.IDLE, gettext("No website is checked yet")
    worst = next(state for state in MonitorState if counts.get(state))
    if worst is MonitorState.UP and len(counts) == 1:
        return Standing.GOOD, ngettext("The website is up", "All %(num)s websites are up", total)
    parts = ", ".join(f"{counts[state]} {gettext(STATE_WORDS[state])}" for state in MonitorState if counts.get(state))
    return TONES[worst], ngettext("%(num)s website: %(parts)s", "%(num)s websites: %(parts)s", total, parts=parts)


def said_of_row(row: MonitorRow, now: datetime) -> str:
    """What somebody should know of a website beside its state: why, who looks after it."""
    parts = [word(row.reason)] if row.reason and row.state(now) is not MonitorState.PAUSED else []
    if unconfirmed := row.unconfirmed(now):
        said = gettext(
            "%(failed)s of %(needed)s failed checks that mean down", failed=unconfirmed, needed=row.confirmations
        )
        parts.append(said)
    if row.acknowledged_at is not None:
        said = gettext("acknowledged by %(name)s", name=row.acknowledged_by)
        parts.append(f"{said}: {row.note}" if row.note else said)
    elif row.note:
        parts.append(row.note)
    return "; ".join(parts)
