"""Sound values of the synthetic platform, as a first start and a backfill leave them: nothing may be doubted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from app.clock import FixedClock
from app.entsoe.items import ITEMS, request_windows
from app.market.areas import Place, find_place
from app.market.series import DataItem
from app.market.time import Interval, midnight
from app.net.client import build_client
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SandboxSettings
from app.settings import EntsoeSettings
from app.sources.entsoe.client import EntsoeClient, secret_headers
from app.sources.entsoe.responses import classify_response
from app.sources.entsoe.source import EntsoeSource
from app.sources.source import FetchStatistics
from tests.support.quality_world import QualityWorld, quality_world

FIRST_START_DAYS, KNOWN_DAYS, BACKFILLED_DAYS = 8, 64, 100
"""After the second, a month is judged of every item, a change of the clocks in it."""
FINDINGS = """
    select series.item, series.area, psr_type, rule, interval_start, affected, round(score::numeric, 2)
    from quality_findings join series using (series_id) order by 1, 2, 3, 4
"""


class Unlimited:
    """A budget that never makes anybody wait."""

    async def acquire(self) -> None:
        await asyncio.sleep(0)

    async def block(self, until: datetime) -> None:
        raise AssertionError(f"nobody should be asked to wait until {until}")


def places(item: DataItem) -> list[Place]:
    """France, and for what lies on borders four of them, two of which rest at their limits, in both directions."""
    france = find_place("FR")
    if not ITEMS[item].border:
        return [france, find_place("BE")] if item is DataItem.PRICE_DAY_AHEAD else [france]
    borders = map(find_place, ("FR>BE", "BE>FR", "FR>ES", "ES>FR", "NL>NO_2", "NO_2>NL", "AT>CH", "CH>AT"))
    return [border for border in borders if ITEMS[item].exists_for(border)]


async def collect(world: QualityWorld, now: datetime, days: Mapping[DataItem, int]) -> None:
    """Store what the platform has of the last days of each item."""
    async with SandboxServer(SandboxSettings(clock=FixedClock(now), hole_share=0.0)) as sandbox:
        settings = EntsoeSettings(base_url=sandbox.url, token=sandbox.token)  # type: ignore[arg-type]  # pydantic converts
        async with build_client(
            settings, Unlimited(), classify_response, secret_headers=secret_headers(settings)
        ) as http:
            source = EntsoeSource(EntsoeClient(http, str(settings.base_url)))
            for item, count in days.items():
                for place in places(item):
                    end = midnight(now.date(), place.zone)
                    window = Interval(end - timedelta(days=count), end)
                    for part in request_windows(ITEMS[item], place, window):
                        fetched = await source.fetch(item, place, part, FetchStatistics())
                        await world.repository.store(fetched.blocks, learned_at=now)


@pytest.mark.long
async def test_sound_values_of_every_item_give_no_finding(database_url: str) -> None:
    now = datetime(2026, 4, 20, 6, tzinfo=UTC)
    async with quality_world(database_url) as world:
        await collect(world, now, dict.fromkeys(ITEMS, KNOWN_DAYS))
        await world.scan(now, days=KNOWN_DAYS)
        assert await world.rows(FINDINGS) == []


@pytest.mark.long
async def test_a_first_start_and_the_backfill_of_one_item_give_no_finding(database_url: str) -> None:
    days = dict.fromkeys(ITEMS, FIRST_START_DAYS) | {DataItem.LOAD_ACTUAL: BACKFILLED_DAYS}
    now = datetime(2026, 4, 20, 6, tzinfo=UTC)
    async with quality_world(database_url) as world:
        await collect(world, now, days)
        report = await world.scan(now, days=BACKFILLED_DAYS)
        assert report.examined > len(ITEMS)
        assert await world.rows(FINDINGS) == []
