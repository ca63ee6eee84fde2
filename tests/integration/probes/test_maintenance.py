"""Maintenance and acknowledgements in the database: what is planned stands there ahead, and what has been stays."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.clock import SystemClock
from app.errors import NotFound
from app.probes.maintenance.models import MaintenanceDraft
from app.probes.maintenance.repository import MaintenanceRepository
from app.probes.maintenance.service import AHEAD, MaintenanceService
from app.probes.websites.models import WebsiteDraft, WindowKind
from app.probes.websites.repository import WebsiteRepository
from tests.support.store_factory import opened

HOUR = timedelta(hours=1)
NOW = SystemClock().now()


async def test_what_is_planned_stands_in_the_database_until_it_is_removed(database_url: str) -> None:
    async with opened(database_url) as database:
        websites, rows = WebsiteRepository(database), MaintenanceRepository(database)
        service = MaintenanceService(rows, SystemClock())
        shop = await websites.add(WebsiteDraft("https://a.example", "A", labels={"group": "shop"}), NOW)
        other = await websites.add(WebsiteDraft("https://b.example", "B"), NOW)
        past = await service.add(MaintenanceDraft("declared", HOUR, other.website_id, starts_at=NOW - 5 * HOUR), "me")
        lasting = await service.add(
            MaintenanceDraft("now", 2 * HOUR, labels={"group": "shop"}, starts_at=NOW - HOUR), "me"
        )
        daily = await service.add(MaintenanceDraft("daily", HOUR, cron="0 3 * * *"), "me")
        await service.extend()
        await rows.extend(NOW + AHEAD + timedelta(days=1))

        async def until() -> dict[str, datetime | None]:
            async with database.connection() as connection:
                found = await connection.fetch("select name, maintenance_until from v_websites")
            return {row["name"]: row["maintenance_until"] for row in found}

        assert (await until())["A"] is not None
        windows = await service.windows([shop, other], NOW - 10 * HOUR, NOW + timedelta(days=10))
        assert [len([one for one in windows[number] if one.reason != "daily"]) for number in (1, 2)] == [1, 1]
        assert sum(one.reason == "daily" for one in windows[1]) in {10, 11}
        [before] = await service.windows_of(other.website_id, before=None, limit=1)
        assert (before.kind, before.reason, before.lasted(NOW)) == (WindowKind.MAINTENANCE, "declared", HOUR)
        for plan in (past, lasting, daily):
            await service.remove(plan.plan_id)
        assert (await until())["A"] is None
        windows = await service.windows([shop, other], NOW - 10 * HOUR, NOW + timedelta(days=10))
        assert {number: [one.reason for one in found] for number, found in windows.items()} == {
            1: ["now"],
            2: ["declared"],
        }
        assert (await service.plans(), len(await service.plans(removed=True))) == ([], 2)
        for act in (service.remove(past.plan_id), service.add(MaintenanceDraft("x", HOUR, 99, starts_at=NOW), "me")):
            with pytest.raises(NotFound):
                await act
        await websites.delete(other.website_id, NOW)
        assert [one.draft.name for one in await service.plans(removed=True)] == ["now"]
