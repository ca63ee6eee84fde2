"""What each region knows of websites, as parts of the transactions that change websites or keep results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from app.db.feed.notices import WEBSITES
from app.probes.evidence.check_rows import check_values
from app.probes.regions import sql
from app.probes.regions.models import RegionView, needed
from app.probes.regions.vote import after_vote
from app.probes.websites import sql as websites
from app.probes.websites import state
from app.probes.websites.models import CheckRecord, WebsiteDraft, WindowChange
from app.probes.websites.state_rows import state_lists, state_of, state_values

if TYPE_CHECKING:
    from app.db.engine import Connection


@dataclass(frozen=True, slots=True)
class RecordedCheck:
    """A result, and what it makes of the state and the windows of its website, or of what its region knows of it."""

    website_id: int
    check: CheckRecord
    step: state.StateStep
    votes_at: datetime | None = None
    """When the regions of the website vote on it; None: it names none."""
    turned: bool = False
    """Whether the region has changed its mind."""


async def views_of(connection: Connection, website_id: int) -> list[RegionView]:
    return [RegionView(row["region"], state_of(row)) for row in await connection.fetch(sql.OF, website_id)]


async def follow_draft(
    connection: Connection, website_id: int, before: WebsiteDraft | None, draft: WebsiteDraft, now: datetime
) -> None:
    """Let the regions that a website names look at it as it is now; those that it names no more are forgotten."""
    if before is not None:
        for view in await views_of(connection, website_id):
            step = state.edited(view.state, before, draft, now)
            await connection.execute(sql.WRITE, website_id, view.region, *state_values(step.state))
    await connection.execute(sql.FORGET, website_id, list(draft.regions))
    # Numbers that a check of before has never seen.
    begun = state.begun(now, enabled=draft.enabled).state
    first = replace(begun, version=int(now.timestamp() * 1_000_000))
    for region in draft.regions:
        await connection.execute(sql.ADD, website_id, region, *state_values(first))


async def due_now(connection: Connection, website_id: int, now: datetime) -> None:
    await connection.execute(sql.ASK, website_id, now)


async def record(
    connection: Connection, region: str, recorded: Sequence[RecordedCheck]
) -> dict[int, tuple[WindowChange, ...]]:
    """Keep results of a region and let all regions vote; the windows that change, of the websites whose state was known."""
    numbers = [one.website_id for one in recorded]
    await connection.fetch(sql.HOLD, numbers)
    rows = await connection.fetch(sql.ADVANCE, region, numbers, *state_lists([one.step.state for one in recorded]))
    known = {row["website_id"] for row in rows}
    kept = [one for one in recorded if one.website_id in known]
    await connection.executemany(sql.ADD_CHECK, [(one.website_id, *check_values(one.check)) for one in kept])
    views: dict[int, list[RegionView]] = {}
    for row in await connection.fetch(sql.VIEWS, sorted(known)):
        views.setdefault(row["website_id"], []).append(RegionView(row["region"], state_of(row)))
    overall = {row["website_id"]: row for row in await connection.fetch(sql.STATES, sorted(known))}
    changes: dict[int, tuple[WindowChange, ...]] = {}
    written = []
    for one in kept:
        row = overall[one.website_id]
        quorum = needed(row["quorum"], len(row["regions"]))
        step = after_vote(state_of(row), views[one.website_id], quorum, one.check.at, now=one.votes_at or one.check.at)
        written.append((one.website_id, *state_values(step.state)))
        changes[one.website_id] = step.changes
    await connection.executemany(websites.WRITE_STATE, written)
    turned = [one for one in kept if one.turned]
    if turned:
        now = max(one.votes_at or one.check.at for one in turned)
        for row in await connection.fetch(sql.DUE, [one.website_id for one in turned], now, region):
            await connection.execute(websites.TELL, WEBSITES, str(row["website_id"]))
    return changes
