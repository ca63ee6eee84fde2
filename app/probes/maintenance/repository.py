"""Planned maintenance of one database; times are written down ahead, so that what has been stays as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from asyncpg import ForeignKeyViolationError

from app.errors import NotFound
from app.market.holidays import DayType
from app.probes.maintenance import sql
from app.probes.maintenance.models import MaintenanceDraft, MaintenancePlan, MaintenanceTime, times_between
from app.probes.websites.models import StatusWindow, WindowKind

_INSTANT = timedelta(microseconds=1)

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Connection, Database


class MaintenanceRepository:
    """Every public method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def plans(self, *, removed: bool) -> list[MaintenancePlan]:
        async with self._database.connection() as connection:
            return [_plan(row) for row in await connection.fetch(sql.PLANS, removed)]

    async def add(self, draft: MaintenanceDraft, author: str, now: datetime, until: datetime) -> MaintenancePlan:
        """A new plan with its times; what happens once may have been already."""
        first = min(now, draft.starts_at or now)
        values = (
            draft.name, draft.duration, draft.website_id, json.dumps(dict(draft.labels)), draft.starts_at, draft.cron,
            draft.zone, draft.days, draft.country, draft.note, author, now, first,
        )  # fmt: skip
        try:
            async with self._database.transaction() as connection:
                number = await connection.fetchval(sql.ADD, *values)
                plan = MaintenancePlan(number, draft, author, now, first)
                await _extend(connection, plan, max(until, draft.starts_at or until) + _INSTANT)
        except ForeignKeyViolationError:
            raise NotFound(
                f"there is no website {draft.website_id}; `gridkeeper websites list` shows them all"
            ) from None
        return plan

    async def matched(self, labels: Mapping[str, str]) -> bool:
        """Whether a website has all of the labels."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(sql.HAVE_LABELS, json.dumps(dict(labels))))

    async def remove(self, plan_id: int, now: datetime) -> MaintenancePlan:
        """The plan that is over; what of it has been stays in the figures."""
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(sql.PLAN, plan_id)
            if row is None or row["removed_at"] is not None:
                raise NotFound(
                    f"there is no maintenance {plan_id}; `gridkeeper websites maintenance list` shows them all"
                )
            await connection.execute(sql.REMOVE, plan_id, now)
            await connection.execute(sql.CUT_TIMES, plan_id, now)
            await connection.execute(sql.END_TIMES, plan_id, now)
            await connection.execute(sql.ERASE_UNUSED, plan_id)
        return _plan(row)

    async def extend(self, until: datetime) -> None:
        """Write the times down that begin before the instant."""
        async with self._database.transaction() as connection:
            for row in await connection.fetch(sql.OPEN, until):
                await _extend(connection, _plan(row), until)

    async def times(self, start: datetime, end: datetime) -> list[MaintenanceTime]:
        """Those that reach into a range, of all plans, also of those that are over."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.TIMES, start, end)
        return [MaintenanceTime(row["plan_id"], row["starts_at"], row["ends_at"]) for row in rows]

    async def times_of(
        self, website_id: int, now: datetime, *, before: tuple[datetime, int] | None, limit: int
    ) -> list[StatusWindow]:
        """Times of a website that have begun, the newest first."""
        start, number = before or (None, None)
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.TIMES_OF, website_id, start, number, now, limit)
        return [
            StatusWindow(
                WindowKind.MAINTENANCE, row["starts_at"], row["ends_at"], row["name"], row["plan_id"], row["note"]
            )
            for row in rows
        ]


async def _extend(connection: Connection, plan: MaintenancePlan, until: datetime) -> None:
    found = [(plan.plan_id, start, end) for start, end in times_between(plan, plan.planned_until, until)]
    await connection.executemany(sql.WRITE_TIME, found)
    await connection.execute(sql.PLANNED, plan.plan_id, until)


def _plan(row: Record) -> MaintenancePlan:
    draft = MaintenanceDraft(
        row["name"], row["duration"], row["website_id"], json.loads(row["labels_text"]), row["starts_at"], row["cron"],
        row["zone"], DayType(row["days"]), row["country"], row["note"],
    )  # fmt: skip
    return MaintenancePlan(
        row["plan_id"], draft, row["author"], row["created_at"], row["planned_until"], row["removed_at"]
    )
