"""The platform is down for a day and comes back, in simulated time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from app.collection.gaps.classification import Reason
from app.market.time import Interval
from app.sandbox.settings import SandboxSettings
from app.scheduling.models import JobOutcome
from tests.support.gap_world import at
from tests.support.scheduler_factory import rows
from tests.support.simulated_service import Script, simulate
from tests.support.store_factory import opened

pytestmark = pytest.mark.long

PLAN = """
jobs:
  platform_health: {every: 30 min}
  corrections: {every: 2 h}
"""
LIMIT = 370
"""Requests in a minute: the clock stands still while what is due at an instant runs, so nothing spreads them."""


@pytest.mark.timeout(900)
async def test_a_platform_that_was_down_for_a_day_is_caught_up_with_once_and_nothing_is_lost(
    database_url: str, tmp_path: Path
) -> None:
    outage = Interval(at("2026-03-10T12:10"), at("2026-03-11T12:10"))
    script = Script(at("2026-03-10T10:30"), at("2026-03-11T16:00"), [outage], complete_days=3)
    plan = tmp_path / "collection.yaml"
    plan.write_text(PLAN)
    wanted = {"areas": ("FR", "NL"), "items": ("load_actual", "load_forecast_day_ahead", "price_day_ahead")}
    world = SandboxSettings(hole_share=0.0, correction_share=0.0)
    # Pauses of a backfill follow the wall clock, on which this day takes seconds.
    patient = {"poll_seconds": 0.1, "retry_seconds": 0.1, "attempts": 100}
    found = await simulate(database_url, script, plan, world, collection=wanted, backfill=patient)
    stored = dict(found.stored)
    assert len(stored) == len(found.stored)
    assert {unit for unit in found.at_last_slots if unit[1] >= script.start - timedelta(days=3)} - set(stored) == set()
    assert [gap for gap in found.gaps if gap.reason is Reason.OURS] == []
    assert found.repeated() == []
    assert {JobOutcome.SKIPPED, JobOutcome.MISSED} & {end.report.outcome for end in found.ends} == set()
    async with opened(database_url) as database:
        # What was delivered while it was away came with the first answers for each area: those to its collection, to the
        # repetition of that, to the analysis of gaps and to a backfill, whichever of them comes first for which part.
        delivered = (outage.start - timedelta(minutes=30), outage.end - timedelta(hours=2))
        [(areas, answers, first, last)] = await rows(database, _ANSWERS, *delivered)
        assert (areas, answers <= 4) == (2, True)
        assert outage.end <= first <= last < outage.end + timedelta(minutes=31)
        assert await rows(database, _BUSIEST) <= [(LIMIT,)]
        assert await rows(database, "select count(*) from backfill_windows where state = 'failed'") == [(0,)]


@pytest.mark.timeout(900)
async def test_after_outages_of_one_seven_and_four_hundred_minutes_everything_is_complete(
    database_url: str, tmp_path: Path
) -> None:
    outages = [
        Interval(at("2026-05-05T09:00"), at("2026-05-05T09:01")),
        Interval(at("2026-05-05T10:55"), at("2026-05-05T11:02")),
        Interval(at("2026-05-05T12:10"), at("2026-05-05T18:50")),
    ]
    script = Script(at("2026-05-05T08:40"), at("2026-05-05T20:10"), outages, complete_days=2)
    plan = tmp_path / "collection.yaml"
    plan.write_text(PLAN)
    wanted = {"areas": ("ES", "BE"), "items": ("load_actual", "price_day_ahead", "wind_solar_forecast_day_ahead")}
    world = SandboxSettings(seed=11, hole_share=0.0, correction_share=0.0)
    patient = {"poll_seconds": 0.1, "retry_seconds": 0.1, "attempts": 100}
    found = await simulate(database_url, script, plan, world, collection=wanted, backfill=patient)
    stored = dict(found.stored)
    assert {unit for unit in found.at_last_slots if unit[1] >= script.start - timedelta(days=2)} - set(stored) == set()
    assert [gap for gap in found.gaps if gap.reason is Reason.OURS] == []
    assert found.repeated() == []
    assert found.outcomes("collect")[JobOutcome.FAILED] > 3


_ANSWERS = """
    select count(distinct area), max(answers), min(first), max(last)
    from (
        select area, count(distinct recorded_at) as answers, min(recorded_at) as first, max(recorded_at) as last
        from observations join series using (series_id)
        where item = 'load_actual' and delivery_start >= $1 and delivery_start < $2
        group by area
    ) as by_area
"""

_BUSIEST = """
    select max(requests)
    from (select sum(requests)::integer as requests from collection_runs group by date_trunc('minute', finished_at)) as m
"""
