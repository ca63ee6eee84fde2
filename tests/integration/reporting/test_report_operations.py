"""The figures of daily and weekly reports on a real database, and `gridkeeper report daily|weekly`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from app.cli import run
from app.collection.gaps.classification import Reason
from app.collection.gaps.models import GapRow
from app.collection.gaps.repository import GapRepository
from app.collection.models import CollectionRequest, Outcome
from app.db.engine import Database
from app.db.migrate import claim_origin
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval, Resolution
from app.monitoring.queries import FigureReads
from app.monitoring.repository import MonitoringRepository
from app.monitoring.service import MonitoringService
from app.quality.repository import QualityRepository
from app.quality.scoring import DEFAULT_WEIGHTS
from app.reporting.operations.models import Figures, GapFlow, Late, LatePair, OperationsReport, RuleNoise
from app.reporting.operations.service import OperationsReporting
from app.reporting.periods import Period, ReportLength
from app.settings import MonitoringSettings, Origin
from app.timeseries.repository import TimeSeriesRepository
from tests.support.monitoring_factory import measured
from tests.support.store_factory import block, key, opened

FR = find_place("FR")
NIGHT = date(2026, 3, 29)
"""The day on which the clocks go forward: from 23:00 to 22:00 UTC."""
DAY = Period(ReportLength.DAILY, NIGHT)
WEEK = Period(ReportLength.WEEKLY, date(2026, 3, 23))
LATER = datetime(2026, 4, 20, tzinfo=UTC)

_ALERT = """
    with alert as (
        insert into alerts (rule, labels, severity, phase, since, seen_at, fired_at, resolved_at, acknowledged_at)
        values ($1, '{}', 'warning', case when $3::timestamptz is null then 'firing' else 'resolved' end, $2, $2, $2, $3, $4)
        returning alert_id
    )
    insert into alert_events (alert_id, rule, at, kind, severity, notified)
    select alert_id, $1, $2::timestamptz + interval '4 hours' * n, 'fired', 'warning', true
    from alert, generate_series(0, 1) as n
"""
_FAILED_MESSAGE = """
    insert into notifications (channel, group_key, status, created_at, not_before, ended_at)
    values ('mail', 'a', 'failed', $1, $1, $1)
"""
_SERVED = """
    insert into service_metrics (at, instance, leader)
    select at, 'one', true from generate_series($1::timestamptz, $2, interval '30 seconds') as at
"""
_SCORE = """
    insert into quality_scores (
        series_id, day_start, day, completeness, overall, expected, stored, ours, examined, flagged, timed, on_time, weights,
        scored_at
    )
    select series_id, $1, $2, 50, 50, 24, 16, 8, 0, 0, 16, 9, '{40,20,20,20}', $1 from series
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


def utc(text: str) -> datetime:
    """`29T12:00` in March 2026."""
    return datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=UTC)


async def reported(database: Database, period: Period, now: datetime = LATER) -> OperationsReport:
    monitoring = MonitoringService(FigureReads(database), settings=MonitoringSettings())
    reporting = OperationsReporting(
        database, monitoring, QualityRepository(database), weights=DEFAULT_WEIGHTS, target=0.95
    )
    return await reporting.report(period, now)


async def figures(database: Database, period: Period, now: datetime = LATER) -> Figures:
    return (await reported(database, period, now)).now


async def measure(database: Database) -> None:
    """Runs around the borders of the short day: one before it, three in it, one after it; one of them fails."""
    moments = ["28T22:30", "28T23:30", "29T12:00", "29T21:30", "29T22:30"]
    outcomes = [Outcome.STORED, Outcome.STORED, Outcome.FAILED, Outcome.STORED, Outcome.STORED]
    rows = [
        measured(number, utc(text), outcome=outcome, response=0.1 * number)
        for number, (text, outcome) in enumerate(zip(moments, outcomes, strict=True), 1)
    ]
    repository = MonitoringRepository(database)
    await repository.add_runs(rows)
    await repository.roll_up(raw_days=3650)


async def test_runs_belong_to_the_day_of_the_market_also_when_the_clocks_change(database: Database) -> None:
    await measure(database)
    found = await reported(database, DAY)
    assert (found.now.totals.runs, found.now.totals.failed, found.before.totals.runs) == (3, 1, 1)
    assert [one.totals.runs for one in found.days][-3:] == [0, 1, 3]
    assert list(found.now.items) == ["load_actual"]
    assert found.now.items["load_actual"].p95 == pytest.approx(0.4, rel=0.05)
    week = await figures(database, WEEK)
    assert (week.totals.runs, week.reliability_30d.good, week.reliability_30d.total) == (4, 3, 4)


def gap(first: str, last: str, reason: Reason, since: str) -> GapRow:
    interval = Interval(utc(first), utc(last))
    missing = Resolution.PT60M.count(interval, FR.zone)
    return GapRow("load_actual", FR.eic, 1, interval, Resolution.PT60M, missing, reason, utc(since))


async def asked_first(database: Database, moment: str) -> None:
    """The item and area are collected from this moment on."""
    async with database.connection() as connection:
        await connection.execute(
            "insert into collection_runs (source, item, area, window_start, window_end, started_at, finished_at, outcome) "
            "values ('entsoe', 'load_actual', $1, $2::timestamptz, $2 + interval '1 h', $2, $2, 'stored')",
            FR.eic,
            utc(moment),
        )


async def live_through(database: Database, upto: str) -> None:
    """Gaps as analyses found them: one comes late, one is lacked for good, one of ours lasts, and one opens next week."""
    late = gap("28T10:00", "28T14:00", Reason.LATE, "28T12:00")
    lacked = gap("27T02:00", "27T04:00", Reason.LATE, "27T05:00")
    ours = gap("29T06:00", "29T09:00", Reason.OURS, "29T08:00")
    grown = gap("29T06:00", "29T10:00", Reason.OURS, "29T08:00")
    next_week = gap("30T06:00", "30T07:00", Reason.LATE, "30T08:00")
    given_up = gap("27T02:00", "27T04:00", Reason.MISSING_AT_SOURCE, "27T05:00")
    states = {
        "27T06:00": [lacked], "28T12:30": [lacked, late], "28T18:00": [given_up],
        "29T09:00": [given_up, ours], "29T12:00": [given_up, grown],
        "30T09:00": [given_up, next_week], "31T09:00": [],
    }  # fmt: skip
    request = CollectionRequest(DataItem.LOAD_ACTUAL, FR, Interval(utc("01T00:00"), utc("31T22:00")))
    await asked_first(database, "26T00:00")
    for moment, rows in states.items():
        if moment <= upto:
            await GapRepository(database).keep([request], rows, utc(moment))


LACKING = GapFlow("missing_at_source", gained_values=2, open_values=2, oldest_seconds=65 * 3600.0)
LIVED = (
    GapFlow("late", opened_gaps=2, opened_values=6, closed_gaps=1, closed_values=4, lost_values=2),
    LACKING,
    GapFlow("ours", opened_gaps=1, opened_values=4, open_values=4, oldest_seconds=14 * 3600.0),
)
DELAYED = Late((LatePair("load_actual", FR.eic, 4, 6 * 3600.0),), 6 * 3600.0)


@pytest.mark.parametrize("upto", ["29T12:00", "30T09:00", "31T09:00"])
async def test_a_week_s_gaps_are_the_same_whenever_one_asks(database: Database, upto: str) -> None:
    await live_through(database, upto)
    found = await reported(database, WEEK)
    assert found.now.gaps == LIVED
    assert found.now.late == DELAYED
    assert [one.overdue for one in found.days][-4:] == [0, 2, 2, 6]


async def test_a_report_that_reaches_back_beyond_the_history_of_gaps_says_so(database: Database) -> None:
    await live_through(database, "28T12:30")
    assert (await reported(database, WEEK)).gaps_recorded_since is None
    async with database.connection() as connection:
        await connection.execute("truncate gap_changes")
    assert (await reported(database, WEEK)).gaps_recorded_since == LATER
    await live_through(database, "30T09:00")
    found = await reported(database, WEEK)
    assert (found.gaps_recorded_since, found.gap_history_missing) == (utc("27T06:00"), True)
    assert not (await reported(database, Period(ReportLength.WEEKLY, date(2026, 4, 13)))).gap_history_missing


async def test_what_is_still_waited_for_at_the_end_is_late_up_to_there(database: Database) -> None:
    await live_through(database, "28T12:30")
    found = await figures(database, Period(ReportLength.DAILY, date(2026, 3, 28)))
    assert found.late == Late((LatePair("load_actual", FR.eic, 6, 42 * 3600.0),), 26.5 * 3600)


async def test_alerts_are_counted_by_rule_with_the_time_until_people_and_ends(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(_ALERT, "data_late", utc("28T10:00"), utc("28T14:00"), utc("28T10:30"))
        await connection.execute(_ALERT, "data_late", utc("29T10:00"), None, None)
        await connection.execute(_ALERT, "slow_response", utc("29T11:00"), utc("29T13:00"), utc("29T11:10"))
        await connection.execute(_ALERT, "slow_response", utc("10T11:00"), utc("10T13:00"), None)
        await connection.execute(_FAILED_MESSAGE, utc("29T11:00"))
    found = await figures(database, WEEK)
    assert found.rules == (RuleNoise("data_late", 2, 4), RuleNoise("slow_response", 1, 2))
    reaction = found.reaction
    assert (reaction.acknowledged, reaction.median_acknowledge, reaction.longest_acknowledge) == (2, 1200.0, 1800.0)
    assert (reaction.resolved, reaction.median_resolve, reaction.longest_resolve) == (2, 10_800.0, 14_400.0)
    assert (reaction.firing, reaction.unacknowledged, reaction.undelivered) == (1, 1, 1)
    day = await reported(database, DAY)
    assert [one.fired for one in day.days][-2:] == [1, 2]


async def test_a_day_without_a_sign_of_life_counts_though_the_service_began_before(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(_SERVED, utc("28T00:00"), utc("29T10:00"))
    found = await figures(database, DAY)
    assert (found.served.good, found.served.total) == (11 * 60 + 1, 23 * 60)
    [advice] = (await reported(database, DAY)).advice
    assert advice.rule == "service_absent"


async def test_scores_of_the_days_are_summed_up_and_the_worst_series_named(database: Database) -> None:
    await TimeSeriesRepository(database).store([block({0.0: 1.0}, key(area=FR.eic))], learned_at=utc("28T00:00"))
    async with database.connection() as connection:
        for day in (date(2026, 3, 28), NIGHT, date(2026, 3, 30)):
            await connection.execute(_SCORE, datetime(day.year, day.month, day.day, tzinfo=UTC), day)
    quality = (await figures(database, DAY)).quality
    assert (quality.series, quality.timed, quality.on_time) == (1, 16, 9)
    assert [one.title for one in quality.worst] == ["FR load_actual"]


async def test_a_day_that_is_not_over_is_reported_as_far_as_it_goes(database: Database) -> None:
    await measure(database)
    found = await reported(database, DAY, utc("29T11:00"))
    assert (found.complete, found.now.totals.runs) == (False, 1)


@pytest.fixture
def settings(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    monkeypatch.setenv("GRIDKEEPER_LOG__LEVEL", "warning")
    return database_url


def test_the_report_of_a_week_is_written_in_each_form(
    settings: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fill() -> None:
        async with opened(settings) as database:
            await measure(database)
            await live_through(database, "31T09:00")

    asyncio.run(fill())
    asked = ["report", "weekly", "--week", "2026-W13"]
    assert run([*asked, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["headline"]["runs_count"] == {"value": 4.0, "before": None, "change": None}
    assert [one["rule"] for one in told["recommendations"]] == ["gaps_ours"]

    page = tmp_path / "week.html"
    assert run([*asked, "-o", str(page)]) == 0
    assert "<code>gaps_ours</code>" in page.read_text()

    assert run(["report", "weekly", "--week", "2026-03-29"]) == 0
    assert capsys.readouterr().out.startswith("# Gridkeeper in week 2026-W13")
    assert run(["report", "daily", "--date", "2026-03-29"]) == 0
    assert "| Windows asked for | 3 | 1 | +2 (+200 %) |" in capsys.readouterr().out
    assert run([*asked, "-o", str(tmp_path / "none" / "w.md")]) == 2
    assert "--output" in capsys.readouterr().err


def test_an_empty_database_has_a_report_that_says_so(settings: str, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("daily", "weekly"):
        assert run(["report", kind]) == 0
        assert "Nothing was recorded in this time" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["daily", "--date", "soon"], "--date 'soon' is no moment"),
        (["daily", "--date", "+2d"], "--date '+2d' has not begun yet"),
        (["weekly", "--week", "2026-W54"], "--week '2026-W54': that year has no such week"),
        (["weekly", "--week", "9999-W52"], "lies outside 1990-01-01 to 2100-01-01"),
        (["weekly", "--week", "0001-W01"], "lies outside 1990-01-01 to 2100-01-01"),
        (["weekly", "--week", "2099-W01"], "has not begun yet"),
    ],
)
def test_a_day_or_week_that_cannot_be_reported_is_wrong_usage(
    settings: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", *arguments]) == 2
    assert said in capsys.readouterr().err


async def test_a_backfill_of_what_was_never_promised_is_no_news(database: Database) -> None:
    """A year of history is found to be ours when a backfill is planned, comes, and a part of it is lacked for good."""
    await asked_first(database, "28T10:30")
    request = CollectionRequest(DataItem.LOAD_ACTUAL, FR, Interval(utc("01T00:00"), utc("31T22:00")))
    keep = GapRepository(database).keep
    await keep([request], [gap("01T00:00", "28T09:00", Reason.OURS, "01T02:00")], utc("28T11:00"))
    await keep([request], [gap("02T00:00", "03T00:00", Reason.MISSING_AT_SOURCE, "02T02:00")], utc("28T12:00"))
    found = await reported(database, WEEK)
    assert (found.now.gaps, found.now.late, [one.overdue for one in found.days][-3:]) == ((), Late((), None), [0, 0, 0])
    assert not [one for one in found.advice if "gap" in one.rule]


async def test_of_a_gap_that_began_before_the_collection_only_the_rest_is_told(database: Database) -> None:
    await asked_first(database, "28T10:00")
    request = CollectionRequest(DataItem.LOAD_ACTUAL, FR, Interval(utc("01T00:00"), utc("31T22:00")))
    whole = gap("26T00:00", "28T12:00", Reason.OURS, "26T02:00")
    await GapRepository(database).keep([request], [whole], utc("28T15:00"))
    [flow] = (await reported(database, WEEK)).now.gaps
    # Due two hours after they begin: those from 08:00 on were due once somebody collected.
    assert (flow.opened_values, flow.open_values) == (4, 4)


async def test_a_report_says_that_its_data_are_synthetic(database: Database) -> None:
    assert not (await reported(database, DAY)).synthetic
    async with database.transaction() as connection:
        await claim_origin(connection, Origin.SANDBOX)
    assert (await reported(database, DAY)).synthetic
