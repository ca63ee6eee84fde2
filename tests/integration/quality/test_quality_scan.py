from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

import numpy as np
import pytest
from structlog.testing import capture_logs

from app.clock import FixedClock
from app.collection.models import CollectionRun, Outcome
from app.errors import Conflict, DatabaseUnavailable, NotFound
from app.market.areas import Place, find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.quality import scan as scan_module
from app.quality.assessment.alignment import NOTHING
from app.quality.assessment.assess import Looked, look_at
from app.quality.check import QueuedChecks, RunCheck
from app.quality.models import EvidenceRule
from app.quality.scan import ScanSelection
from app.quality.scoring import ScoreCounts, score
from app.quality.service import QualityService
from app.sources.source import FetchStatistics
from app.timeseries.rolling import Values
from tests.support.quality_series import forecast_of, load, price
from tests.support.quality_world import HOUR, QualityWorld, at, quality_world

DAYS = 100
SERIES = load(DAYS)
NOW = at(SERIES.start + DAYS * 86_400)
FINDINGS = "select rule, state, interval_start, interval_end, affected from quality_findings order by finding_id"
DIMENSIONS = "completeness, timeliness, validity, accuracy, overall"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[QualityWorld]:
    async with quality_world(database_url) as one:
        yield one


def negative(*places: int) -> Values:
    values = SERIES.values.copy()
    values[list(places)] = -5.0
    return values


def hour(place: int) -> datetime:
    return at(SERIES.start + 3600 * place)


def service(world: QualityWorld) -> QualityService:
    return QualityService(world.repository, world.quality, world.scanner)


async def states(world: QualityWorld) -> list[tuple[object, ...]]:
    return await world.rows("select rule, state from quality_findings order by finding_id")


async def test_every_score_is_that_of_its_counts(world: QualityWorld) -> None:
    await world.store(SERIES, values=np.where(np.arange(len(SERIES.values)) % 50 == 0, np.nan, negative(2350, 2351)))
    await world.store(replace(SERIES, values=forecast_of(SERIES)), item="load_forecast_day_ahead")
    await world.scan(NOW)
    async with world.database.connection() as connection:
        rows = await connection.fetch("select * from quality_scores")
    assert len(rows) > 50
    for row in rows:
        found = score(
            ScoreCounts(**{name: row[name] for name in ScoreCounts.__dataclass_fields__}), tuple(row["weights"])
        )
        assert [*found.dimensions, found.overall] == [row[name.strip()] for name in DIMENSIONS.split(",")]
    assert any(row["violating"] for row in rows)
    assert any(0 < row["completeness"] < 100 for row in rows if row["completeness"] is not None)


async def test_series_without_a_value_in_the_interval_have_nothing(world: QualityWorld) -> None:
    async with world.quality.reading() as reader:
        assert await reader.values([1, 2], Interval(NOW, at(SERIES.start + 101 * 86_400))) == {1: NOTHING, 2: NOTHING}


async def test_the_same_scan_again_changes_nothing(world: QualityWorld) -> None:
    await world.store(SERIES, values=negative(2350))
    first = await world.scan(NOW)
    before = await world.contents()
    assert (first.examined, first.findings) == (1, len(await states(world)))
    assert (await world.scan(NOW)).examined == 0
    again = await world.scan(NOW, again=True)
    assert (again.examined, again.scores, again.findings) == (1, 0, 0)
    assert [row[:4] for row in await world.contents()] == [row[:4] for row in before]


async def test_only_series_that_changed_are_looked_at(world: QualityWorld) -> None:
    await world.store(SERIES)
    await world.store(SERIES, area="BE")
    await world.scan(NOW)
    await world.store(SERIES, area="BE", values=negative(2350), learned=NOW)
    done = await world.scan(NOW + HOUR)
    assert (done.series, done.examined) == (2, 1)


async def test_a_series_is_looked_at_when_its_companion_changed(world: QualityWorld) -> None:
    await world.store(SERIES)
    announced = replace(SERIES, values=forecast_of(SERIES))
    await world.store(announced, item="load_forecast_day_ahead")
    await world.scan(NOW)
    await world.store(announced, item="load_forecast_day_ahead", values=announced.values + 10, learned=NOW)
    assert (await world.scan(NOW, items=["load_actual"])).examined == 1


async def test_a_correction_by_the_source_repairs_a_finding(world: QualityWorld) -> None:
    await world.store(SERIES, values=negative(2350))
    await world.scan(NOW)
    assert (EvidenceRule.SIGN, "open") in await states(world)
    await world.store(SERIES, learned=NOW + HOUR)
    await world.scan(NOW + 2 * HOUR)
    assert (EvidenceRule.SIGN, "repaired") in await states(world)
    assert (await world.rows("select sum(violating) from quality_scores")) == [(0,)]


async def test_a_correction_that_arrives_during_a_scan_is_seen_by_the_next(
    world: QualityWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.store(SERIES, values=negative(2350))
    loop = asyncio.get_running_loop()
    arrived: list[bool] = []

    def look_while_a_correction_arrives(*arguments: object) -> Looked:
        # The values are read already; the correction was learned before this scan began and is committed only now.
        if not arrived:
            arrived.append(True)
            asyncio.run_coroutine_threadsafe(world.store(SERIES, learned=NOW - HOUR), loop).result()
        return look_at(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(scan_module, "look_at", look_while_a_correction_arrives)
    await world.scan(NOW)
    assert (EvidenceRule.SIGN, "open") in await states(world)
    await world.scan(NOW)
    assert (EvidenceRule.SIGN, "repaired") in await states(world)


async def test_a_scan_that_is_killed_is_completed_by_the_next(
    world: QualityWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for area in ("FR", "BE", "NL"):
        await world.store(SERIES, area=area, values=negative(2350))
    monkeypatch.setattr(scan_module, "SERIES_AT_ONCE", 1)
    monkeypatch.setattr(scan_module, "PAIRS_AT_ONCE", 1)
    real, left = world.scanner._keep, [2]

    async def killed(*arguments: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise DatabaseUnavailable("killed")
        return await real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(world.scanner, "_keep", killed)
    with pytest.raises(DatabaseUnavailable):
        await world.scan(NOW)
    done = await world.rows("select count(distinct series_id) from quality_scores")
    monkeypatch.undo()
    finished = await world.scan(NOW)
    assert done == [(2,)]
    assert (finished.series, finished.examined) == (3, 1)
    assert await world.rows("select series_id, count(*) from quality_findings where rule = 'impossible_sign' group by 1 order by 1") == [
        (1, 1), (2, 1), (3, 1)
    ]  # fmt: skip


async def test_missing_values_are_counted_by_their_reason(world: QualityWorld) -> None:
    await world.store(SERIES, values=np.where(np.arange(len(SERIES.values)) >= 24 * DAYS - 30, np.nan, SERIES.values))
    await world.scan(NOW, days=3)
    query = "select day::text, expected, stored, ours, not_due, completeness from quality_scores order by day desc"
    today, yesterday, before, *_ = await world.rows(query)
    # Values end at 20:00 of the local day before yesterday; it is two o'clock now.
    assert before == ("2024-04-08", 24, 20, 4, 0, 100 * 20 / 24)
    assert yesterday == ("2024-04-09", 24, 0, 24, 0, 0.0)
    assert (today[1], today[2]) == (24, 0)
    assert 21 <= int(str(today[4])) <= 23


async def test_a_scan_promises_nobody_to_fill_what_it_finds_missing(world: QualityWorld) -> None:
    await world.store(SERIES, values=np.where(np.arange(len(SERIES.values)) < 2_300, np.nan, SERIES.values))
    await world.scan(NOW)
    [(ours,)] = await world.rows("select sum(ours) from quality_scores")
    assert ours
    assert await world.rows("select * from gaps") == []


async def test_a_day_of_23_hours_is_complete(world: QualityWorld) -> None:
    await world.store(SERIES)
    await world.scan(NOW)
    query = "select expected, completeness from quality_scores where day = '2024-03-31'"
    assert await world.rows(query) == [(23, 100.0)]


async def test_a_zone_that_changes_its_resolution_is_expected_on_both_grids(world: QualityWorld) -> None:
    hours_until = 24 * 90
    fine = load(DAYS, 900)
    coarse = np.where(np.arange(len(SERIES.values)) < hours_until, SERIES.values, np.nan)
    quarters = np.where(np.arange(len(fine.values)) >= 4 * hours_until, fine.values, np.nan)
    await world.store(SERIES, values=coarse)
    await world.store(fine, values=quarters)
    await world.scan(NOW - HOUR * 6, days=15)
    query = "select expected, stored, completeness from quality_scores where day in ('2024-03-25', '2024-04-05') order by day"
    assert await world.rows(query) == [(24, 24, 100.0), (96, 96, 100.0)]
    assert await world.rows("select count(*) from quality_scores where violating > 0") == [(0,)]


async def test_a_series_that_ends_is_expected_no_longer(world: QualityWorld) -> None:
    until = 24 * 40
    await world.store(SERIES, values=np.where(np.arange(len(SERIES.values)) < until, SERIES.values, np.nan))
    await world.store(SERIES, business_type="A60")
    window = Interval(hour(until - 48), NOW)
    await world.scan(hour(until + 24), window=Interval(window.start, hour(until + 24)))
    assert await world.rows("select count(*) from quality_scores where series_id = 1 and ours > 0") == [(1,)]
    await world.scan(NOW, window=window)
    query = "select day::text, expected, stored from quality_scores where series_id = 1 order by day"
    assert await world.rows(query) == [("2024-02-08", 24, 24), ("2024-02-09", 24, 24), ("2024-02-10", 1, 1)]


async def test_a_scan_of_days_of_which_nothing_is_stored_says_nothing(world: QualityWorld) -> None:
    await world.store(SERIES)
    long_after = NOW + 400 * 24 * HOUR
    done = await world.scan(long_after)
    assert (done.series, done.examined, done.scores, done.findings) == (1, 1, 0, 0)
    assert (await world.scan(long_after)).examined == 0


async def test_short_unknown_and_constant_series_are_borne(world: QualityWorld) -> None:
    await world.store(replace(SERIES, start=SERIES.start + 24 * 90 * 3600, values=SERIES.values[:10]))
    await world.store(replace(SERIES, values=np.full(len(SERIES.values), 7.0)), area="BE")
    key = await world.store(SERIES, area="NL")
    await world.repository.store([], learned_at=NOW, answered=None)
    async with world.database.connection() as connection:
        await connection.execute(
            "update observations set value = null where series_id = (select series_id from series where area = $1)",
            key.area,
        )
        await connection.execute("delete from daily_counts where series_id = 3")
    await world.scan(NOW)
    assert await world.rows("select max(accuracy) from quality_scores where series_id = 1") == [(None,)]
    assert await world.rows("select count(*) from quality_scores where series_id = 3") == [(0,)]
    assert await world.rows("select series_id, rule, score from quality_findings") == [(2, "stuck", 10.0)]


async def test_real_prices_at_the_bounds_break_no_rule(world: QualityWorld) -> None:
    market = price(DAYS)
    values = market.values.copy()
    values[2300:2302], values[2350] = -500.0, 4000.0
    await world.store(market, item="price_day_ahead", values=values)
    await world.scan(NOW)
    assert await world.rows("select count(*) from quality_findings where dimension = 'validity'") == [(0,)]


async def test_neighbours_that_contradict_each_other_make_no_finding(world: QualityWorld) -> None:
    market = price(DAYS)
    apart = np.zeros(len(market.values))
    apart[2300:2310] = 60.0
    await world.store(market, item="price_day_ahead", area="FR")
    for area, sign in (("BE", 1.0), ("DE_LU", -1.0)):
        await world.store(market, item="price_day_ahead", area=area, values=market.values + sign * apart)
    await world.scan(NOW)
    rows = await world.rows("select rule from quality_findings where series_id = 1")
    assert (EvidenceRule.NEIGHBOURS,) not in rows


async def test_an_accepted_finding_counts_as_sound_and_is_not_raised_again(world: QualityWorld) -> None:
    await world.store(SERIES, values=negative(2350))
    await world.scan(NOW)
    [[number]] = await world.rows("select finding_id from quality_findings where rule = 'impossible_sign'")
    found = await service(world).accept(int(str(number)), note="measured so", by="a person", now=NOW)
    assert (found.state, found.note, found.noted_by) == ("accepted", "measured so", "a person")
    assert await world.rows("select sum(violating) from quality_scores") == [(0,)]
    await world.scan(NOW, again=True)
    assert (EvidenceRule.SIGN, "accepted") in await states(world)
    with pytest.raises(NotFound, match="no finding 999"):
        await world.quality.accept(999, note="x", by="y", now=NOW)


async def test_a_finding_of_the_first_weeks_stands_when_its_days_alone_are_looked_at(world: QualityWorld) -> None:
    values = SERIES.values.copy()
    values[200:210] += 15_000
    await world.store(SERIES, values=values)
    await world.scan(NOW, days=DAYS)
    assert await world.rows("select rule, state, affected from quality_findings") == [("step", "open", 10)]
    assert (await service(world).recheck(None, NOW + HOUR)).states == {"open": 1}
    assert await world.rows("select count(*) from quality_scores where accuracy is null") == [(0,)]


async def test_an_acceptance_does_not_cover_values_that_the_source_sends_later(world: QualityWorld) -> None:
    await world.store(SERIES, values=negative(2350))
    await world.scan(NOW)
    [[number]] = await world.rows("select finding_id from quality_findings where rule = 'impossible_sign'")
    await service(world).accept(int(str(number)), note="measured so", by="a person", now=NOW)
    await world.store(
        SERIES, values=np.where(np.arange(len(SERIES.values)) == 2350, -9000.0, SERIES.values), learned=NOW
    )
    await world.scan(NOW + HOUR)
    assert (EvidenceRule.SIGN, "open") in await states(world)
    assert await world.rows("select sum(violating) from quality_scores") == [(1,)]


async def test_what_is_repaired_cannot_be_accepted(world: QualityWorld) -> None:
    await world.store(SERIES, values=negative(2350))
    await world.scan(NOW)
    await world.store(SERIES, learned=NOW)
    rechecked = await service(world).recheck(None, NOW + HOUR)
    assert "repaired" in rechecked.states
    [[number]] = await world.rows("select finding_id from quality_findings where rule = 'impossible_sign'")
    with pytest.raises(Conflict, match="repaired"):
        await world.quality.accept(int(str(number)), note="x", by="y", now=NOW)
    assert (await service(world).recheck([int(str(number))], NOW)).states == {"repaired": 1}


async def test_an_area_stands_for_its_borders(world: QualityWorld) -> None:
    await world.store(SERIES, item="flow_physical", area="FR>BE")
    await world.store(SERIES, area="FR")
    await world.store(SERIES, area="NL")
    wanted = await service(world).wanted(["FR"], None)
    assert sorted(wanted.areas or ()) == sorted([find_place("FR").eic, find_place("FR>BE").eic])
    assert await service(world).wanted(["FR>BE"], ["flow_physical"]) == ScanSelection(
        ["flow_physical"], [find_place("FR>BE").eic]
    )
    assert await service(world).wanted(None, None) == ScanSelection()


async def test_publication_is_timed_by_what_was_asked(world: QualityWorld) -> None:
    await world.store(replace(SERIES, values=SERIES.values[: 24 * 98]), learned=hour(24 * 98))
    await world.scan(NOW, days=5)
    told = await world.rows("select sum(timed) > 0, sum(timed) = sum(on_time) from quality_scores")
    assert told == [(True, True)]


def run(window: Interval, *, new: int = 0, revised: int = 0) -> CollectionRun:
    return CollectionRun(
        "fake", DataItem.LOAD_ACTUAL, find_place("FR"), window, NOW, NOW, Outcome.STORED, FetchStatistics(),
        new=new, revised=revised,
    )  # fmt: skip


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not met():  # noqa: ASYNC110  what is waited for has no event of its own
            await asyncio.sleep(0.01)


WINDOW = Interval(hour(24 * DAYS - 12), NOW)


async def test_the_check_after_a_run_finds_what_breaks_a_rule_in_its_window(world: QualityWorld) -> None:
    await world.store(SERIES, values=negative(24 * DAYS - 3, 24 * DAYS - 30))
    check = RunCheck(world.repository, world.quality, FixedClock(NOW))
    assert await check.check("load_actual", find_place("FR"), WINDOW) == 1
    assert await check.check("load_actual", find_place("FR"), WINDOW) == 0
    assert await world.rows(FINDINGS) == [("impossible_sign", "open", hour(24 * DAYS - 3), hour(24 * DAYS - 2), 1)]
    await world.store(SERIES, learned=NOW + HOUR)
    await check.check("load_actual", find_place("FR"), WINDOW)
    assert await states(world) == [("impossible_sign", "repaired")]
    assert await check.check("load_actual", find_place("BE"), WINDOW) == 0


async def test_the_check_leaves_findings_of_the_scan_alone(world: QualityWorld) -> None:
    values = SERIES.values.copy()
    values[-20:-6] = values[-20]
    await world.store(SERIES, values=values)
    await world.scan(NOW)
    before = await world.contents()
    assert (
        await RunCheck(world.repository, world.quality, FixedClock(NOW)).check("load_actual", find_place("FR"), WINDOW)
        == 0
    )
    assert await world.contents() == before


async def test_the_check_knows_installed_capacity_and_the_grid(world: QualityWorld) -> None:
    await world.store(SERIES, item="generation_actual", psr_type="B04", direction="generation")
    hundred = replace(SERIES, step=86_400, start=SERIES.start + 86_400 * 90, values=np.array([100.0]))
    await world.store(hundred, item="installed_capacity", psr_type="B04")
    async with world.database.connection() as connection:
        await connection.execute("update observations set resolution = 12 where series_id = 2")
        await connection.execute(
            "update observations set delivery_start = delivery_start + interval '7 minutes' where delivery_start = $1",
            hour(24 * DAYS - 3),
        )
    check = RunCheck(world.repository, world.quality, FixedClock(NOW))
    await check.check("generation_actual", find_place("FR"), WINDOW)
    assert {row[0] for row in await world.rows(FINDINGS)} == {"above_capacity", "off_grid"}


async def test_runs_are_checked_beside_the_collection(world: QualityWorld) -> None:
    await world.store(SERIES, values=negative(24 * DAYS - 3))
    stop = asyncio.Event()
    queued = QueuedChecks(RunCheck(world.repository, world.quality, FixedClock(NOW)), room=2)
    await queued.observe(run(WINDOW))
    for _ in range(3):
        await queued.observe(run(WINDOW, new=5))
    assert queued.left_out == 1
    working = asyncio.create_task(queued.run(stop))
    await until(lambda: not queued.waiting)
    stop.set()
    await working


async def test_a_check_that_fails_is_left_to_the_scan(world: QualityWorld) -> None:
    class Failing(RunCheck):
        asked = 0

        @classmethod
        def has_been_asked(cls, times: int) -> bool:
            return cls.asked >= times

        async def check(self, item: str, place: Place, window: Interval) -> int:
            Failing.asked += 1
            raise DatabaseUnavailable("gone")

    stop = asyncio.Event()
    queued = QueuedChecks(Failing(world.repository, world.quality, FixedClock(NOW)), room=9)
    with capture_logs() as logs:
        working = asyncio.create_task(queued.run(stop))
        for number in (1, 2):
            await queued.observe(run(WINDOW, revised=1))
            await until(partial(Failing.has_been_asked, number))
        stop.set()
        await working
    said = "gone; the nightly scan looks at the windows of these runs"
    assert logs == [{"event": "run_checks_failed", "error": said, "log_level": "warning"}]
    assert await states(world) == []
    assert queued.left_out == 2
