"""A day of the whole service in simulated time, over a night on which the clocks change."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.collection.gaps.classification import Reason
from app.db.engine import Database
from app.market.time import MARKET_ZONE, Interval, delivery_day, midnight
from app.sandbox.settings import SandboxSettings
from app.scheduling.models import JobOutcome
from tests.support.scheduler_factory import rows
from tests.support.simulated_service import Found, Script, simulate
from tests.support.store_factory import FR, opened

pytestmark = pytest.mark.long

SHIPPED = Path(__file__).parents[3] / "config" / "examples" / "collection.yaml"
IN_THE_NIGHT = '  backfill_analysis: {at: "02:30", zone: Europe/Brussels}'
"""In autumn this time comes twice, in spring never."""
SELDOM = "  platform_health: {every: 10 min}"
"""Every two minutes, as shipped, most steps of a simulated day would be its."""
BACKFILL_RUNS = "select scheduled_for from job_runs where job = 'backfill_analysis'"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """The plan as it is shipped, but for the hour of one job and the pace of another."""
    changed = SHIPPED.read_text()
    for line in (IN_THE_NIGHT, SELDOM):
        changed, count = re.subn(rf"^{line.partition(':')[0]}:.*$", line, changed, flags=re.MULTILINE)
        assert count == 1
    path = tmp_path / "collection.yaml"
    path.write_text(changed)
    return path


def assert_every_slot_ran_once(found: Found, script: Script) -> None:
    begun = set(found.begun())
    assert found.planned(script) - begun == set()
    assert begun - found.planned(script) == set()
    assert found.repeated() == []
    assert {JobOutcome.SKIPPED, JobOutcome.MISSED} & {end.report.outcome for end in found.ends} == set()


def assert_the_store_is_what_the_platform_gave(found: Found, script: Script) -> None:
    """All of it, once, and nothing else: each value is the one of the start or, where it was corrected, of the end."""
    begin = midnight(script.start.date() - timedelta(days=script.complete_days), MARKET_ZONE)
    stored = {unit: value for unit, value in found.stored if unit[1] >= begin}
    assert len({unit for unit, _ in found.stored}) == len(found.stored)
    assert len(stored) > 500
    assert set(found.at_last_slots) - set(stored) == set()
    assert set(stored) - set(found.last) == set()
    assert [unit for unit, value in stored.items() if value not in {found.first.get(unit), found.last[unit]}] == []


def assert_no_gap_is_ours(found: Found) -> None:
    assert found.gaps
    assert [gap for gap in found.gaps if gap.reason is Reason.OURS] == []


async def learned(database: Database, item: str, interval: Interval) -> list[tuple[Any, ...]]:
    """When the values of an item in France were learned, with their number."""
    return await rows(
        database,
        """
        select recorded_at, count(*)
        from observations
        join series using (series_id)
        where item = $1 and area = $2 and delivery_start >= $3 and delivery_start < $4
        group by 1
        """,
        item, FR, interval.start, interval.end,
    )  # fmt: skip


def assert_corrections_were_found(found: Found, day: date) -> None:
    """What the platform had corrected of that day when it was asked again is stored as corrected."""
    local = delivery_day(day, MARKET_ZONE)
    corrected = {
        unit: value
        for unit, value in found.at_repoll.items()
        if local.start <= unit[1] < local.end and found.first.get(unit) not in {None, value}
    }
    stored = dict(found.stored)
    assert corrected
    assert {unit: stored[unit] for unit in corrected} == corrected


@pytest.mark.timeout(900)
async def test_a_day_with_an_outage_and_an_autumn_night_leaves_nothing_missing_and_nothing_double(
    database_url: str, plan: Path
) -> None:
    outage = Interval(at("2026-10-24T15:00"), at("2026-10-24T17:00"))
    script = Script(at("2026-10-24T10:30"), at("2026-10-25T10:30"), [outage], repoll=at("2026-10-25T03:40"))
    wanted = {
        "areas": ("FR", "DE_LU"),
        "items": ("load_actual", "load_forecast_day_ahead", "price_day_ahead", "generation_actual", "imbalance_price"),
    }
    world = SandboxSettings(seed=25, hole_share=0.03, correction_share=1.0)
    found = await simulate(database_url, script, plan, world, collection=wanted)
    assert_every_slot_ran_once(found, script)
    assert_the_store_is_what_the_platform_gave(found, script)
    assert_no_gap_is_ours(found)
    assert found.outcomes("platform_health")[JobOutcome.FAILED] >= 12
    assert found.outcomes("collect")[JobOutcome.FAILED] > 12
    async with opened(database_url) as database:
        assert await rows(database, BACKFILL_RUNS) == [(at("2026-10-25T00:30"),)]
        # The results are out at 12:57, a run looks every five minutes, and the day has 25 hours.
        tomorrow = delivery_day(date(2026, 10, 25), MARKET_ZONE)
        assert await learned(database, "price_day_ahead", tomorrow) == [(at("2026-10-24T11:00"), 100)]
        # Within five working days each correction is found within three hours.
        assert_corrections_were_found(found, date(2026, 10, 21))
        superseded = "select count(*) from observation_revisions where superseded_at > $1"
        assert await rows(database, superseded, script.repoll) > [(0,)]
        # Due while the platform was away: all of it came with the first answers, of a cycle and of a re-poll in its lane.
        due = Interval(outage.start - timedelta(hours=1), outage.end - timedelta(hours=1, minutes=15))
        answers = await learned(database, "load_actual", due)
        assert (len(answers) <= 2, sum(count for _, count in answers)) == (True, 7)
        assert all(outage.end <= moment < outage.end + timedelta(minutes=30) for moment, _ in answers)


@pytest.mark.timeout(600)
async def test_a_spring_night_skips_no_slot(database_url: str, plan: Path) -> None:
    script = Script(at("2027-03-27T21:00"), at("2027-03-28T04:00"), complete_days=3)
    wanted = {"areas": ("FR",), "items": ("load_actual", "price_day_ahead")}
    found = await simulate(database_url, script, plan, SandboxSettings(hole_share=0.0), collection=wanted)
    assert_every_slot_ran_once(found, script)
    assert_the_store_is_what_the_platform_gave(found, script)
    assert_no_gap_is_ours(found)
    async with opened(database_url) as database:
        # 02:30 does not exist in this night, half past three of the new time does.
        assert await rows(database, BACKFILL_RUNS) == [(at("2027-03-28T01:30"),)]
        short_day = delivery_day(date(2027, 3, 28), MARKET_ZONE)
        assert sum(count for _, count in await learned(database, "price_day_ahead", short_day)) == 92
