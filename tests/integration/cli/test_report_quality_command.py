"""`gridkeeper report quality` on a real database."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.cli import run
from app.quality.repository import QualityRepository
from app.quality.trend_service import TrendService, last_mondays
from app.timeseries.repository import TimeSeriesRepository
from tests.support.store_factory import FR, block, key, opened

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2024, 2, 20, 12, tzinfo=UTC)

_SCORE = """
    insert into quality_scores (
        series_id, day_start, day, completeness, accuracy, overall, expected, stored, ours, examined, flagged,
        timed, on_time, weights, scored_at
    )
    select series_id, $1, $2, $3, 100, $3, 24, $4, 24 - $4, 24, 0, 24, 1, '{40,20,20,20}', $1 from series
"""
_RUN = """
    insert into collection_runs (source, item, area, window_start, window_end, started_at, finished_at, outcome)
    values ('entsoe', 'load_actual', '10YFR-RTE------C', $1, $1::timestamptz + interval '25 hours', $2, $2, 'stored')
"""
_FINDING = """
    insert into quality_findings (
        series_id, dimension, rule, interval_start, interval_end, affected, score, severity, evidence,
        first_seen, last_seen, state_since
    )
    select series_id, 'accuracy', 'stuck', $1, $2, 4, 10, 'warning', '{"value": 3, "at": "then"}', $1, $1, $1 from series
"""


async def fill(url: str) -> None:
    """Seven weeks of scores that fall by six points after five, values, and a finding on the last day."""
    async with opened(url) as database:
        store = TimeSeriesRepository(database)
        for day in range(50):
            values = {24.0 * day + hour: float(hour) for hour in range(24)}
            late = timedelta(hours=9 if day == 49 else 0)
            moment = FIRST + timedelta(days=day + 1) + late
            await store.store([block(values, key(area=FR, unit="MAW"))], learned_at=moment)
        async with database.connection() as connection:
            await connection.execute(_RUN, FIRST + timedelta(days=48, hours=23), FIRST + timedelta(days=50, hours=5))
            for number in range(50):
                start = FIRST + timedelta(days=number, hours=-1)
                score, stored = (100.0, 24) if number < 35 else (94.0, 22)
                await connection.execute(_SCORE, start, date(2024, 1, 1) + timedelta(days=number), score, stored)
            last = FIRST + timedelta(days=49)
            await connection.execute(_FINDING, last, last + timedelta(hours=4))
        assert await TrendService(QualityRepository(database)).update(NOW) == 1
        before = await connection_rows(database)
        assert await TrendService(QualityRepository(database)).update(NOW + timedelta(hours=1)) == 1
        assert await connection_rows(database) == before


async def connection_rows(database: Any) -> list[tuple[object, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch("select * from quality_trends order by week")]


@pytest.fixture
def filled(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    monkeypatch.setenv("GRIDKEEPER_LOG__LEVEL", "warning")
    asyncio.run(fill(database_url))


def test_the_report_of_a_day_is_written_in_each_form(
    filled: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["report", "quality", "--from", "2024-02-19", "--to", "2024-02-20"]

    assert run([*asked, "--area", "FR", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (series,) = told["series"]
    assert (series["area"], series["item"]) == ("FR", "load_actual")
    assert series["counts"]["ours"] == 2
    assert [one["day"] for one in series["days"]] == ["2024-02-19"]
    assert told["findings"][0]["evidence"] == {"value": 3, "at": "then"}
    assert told["trends"][0]["degrading"] is True
    (delay,) = told["delays"]
    assert (delay["title"], delay["examined"], delay["late"]) == ("FR load_actual", 24, 23)
    assert delay["greatest"] > 20 * 3600

    page = tmp_path / "quality.html"
    assert run([*asked, "-o", str(page)]) == 0
    assert page.read_text().count("<polyline") == 2

    assert run(asked) == 0
    assert capsys.readouterr().out.startswith("# Data quality")

    assert run([*asked, "--area", "NL", "--item", "load_actual"]) == 0
    assert "No series was examined" in capsys.readouterr().out

    assert run([*asked, "-o", str(tmp_path / "none" / "q.md")]) == 2
    assert "--output" in capsys.readouterr().err


def test_whole_weeks_end_before_today() -> None:
    assert last_mondays(date(2024, 2, 20)) == [date(2024, 2, 5), date(2024, 2, 12)]
    assert last_mondays(date(2024, 2, 19)) == [date(2024, 2, 5), date(2024, 2, 12)]
