"""A day on which nothing is wrong, in simulated time: nobody is notified of anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.sandbox.settings import SandboxSettings
from tests.support.gap_world import at
from tests.support.outage_world import give_clock
from tests.support.simulated_service import Script, simulate
from tests.support.store_factory import opened

pytestmark = pytest.mark.long

OF_THE_WALL_CLOCK = frozenset({"token_budget_exhausted"})
"""The budget of the token has its own clock, of which the simulated day knows nothing."""
PLAN = """
jobs:
  platform_health: {every: 15 min}
"""


@pytest.mark.timeout(900)
async def test_a_day_of_clean_synthetic_data_causes_no_message(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)  # for the nightly scan, a process of its own
    monkeypatch.setenv("GRIDKEEPER_SANDBOX", "1")
    async with opened(database_url) as database:
        await give_clock(database)
    plan = tmp_path / "collection.yaml"
    plan.write_text(PLAN)
    wanted = {"areas": ("FR", "NL"), "items": ("load_actual", "load_forecast_day_ahead", "price_day_ahead")}
    world = SandboxSettings(hole_share=0.0, correction_share=0.0)
    script = Script(at("2026-03-10T00:10"), at("2026-03-11T00:10"), complete_days=3, watch_rules=True)
    found = await simulate(database_url, script, plan, world, collection=wanted)
    assert len(found.ends) > 100
    told = [(rule, kind, at) for rule, kind, at in found.notified if rule not in OF_THE_WALL_CLOCK]
    assert told == []
