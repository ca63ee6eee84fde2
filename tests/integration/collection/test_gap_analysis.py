"""What the analysis of gaps says and keeps where the sandbox does not go: worlds that a test makes up.

Reasons at successive times stand in `test_gap_scenarios.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.collection.gaps.classification import Reason
from app.collection.gaps.repository import GapRetention
from app.collection.gaps.windows import AskEvidence, windows_due
from app.collection.models import CollectionRequest, CollectionRun
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval, Resolution
from app.quality.scan import ScanSelection
from app.timeseries.coverage import Granularity
from tests.support.fakes import WithoutDeadlines
from tests.support.gap_world import MakeWorld, Published, at, span, world_on
from tests.support.scheduler_factory import rows
from tests.support.services import coverage_service, quality_scanner

MARCH = span("2024-03-01", "2024-04-01")
YEARS = span("2023-01-01", "2025-01-01")
QUARTERS, HOURLY = Resolution.PT15M, Resolution.PT60M


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[MakeWorld]:
    async with world_on(database_url) as make:
        yield make


async def test_a_failure_after_an_answer_makes_a_late_value_ours_again(world: MakeWorld) -> None:
    one = world(Published(MARCH, holes=[(span("01T10:00", "01T12:00"), None)]))
    await one.ask("01T14:00", "01T00:00", "01T12:00")
    await one.fails("01T14:30", "01T00:00", "01T12:00")
    assert await one.told("01T15:00", "01T00:00", "01T12:00") == [("01T10:00", "01T12:00", "ours", 2)]


async def test_a_failed_question_that_ends_after_a_later_answer_does_not_undo_it(world: MakeWorld) -> None:
    one = world(Published(MARCH, holes=[(span("01T10:00", "01T12:00"), None)]))
    await one.ask("01T14:30", "01T00:00", "01T12:00")
    one.takes = timedelta(minutes=40)
    await one.fails("01T14:00", "01T00:00", "01T12:00")
    (gap,) = await one.gaps("01T15:00", "01T00:00", "01T12:00")
    assert (gap.reason, gap.missing, gap.last_asked) == (Reason.LATE, 2, at("01T14:30"))


async def test_a_delayed_answer_proves_what_was_so_when_it_was_asked_for(world: MakeWorld) -> None:
    one = world(Published(MARCH, holes=[(span("01T10:00", "01T12:00"), None)]))
    one.takes = timedelta(hours=3)
    await one.ask("01T12:30", "01T00:00", "01T12:00")
    # Both hours are due when the answer is stored, none of them is when it is asked for.
    gaps = await one.gaps("01T15:30", "01T10:00", "01T12:00")
    assert [(gap.reason, gap.answers, gap.evidence) for gap in gaps] == [(Reason.LATE, 0, AskEvidence.NEVER_ASKED)]
    one.takes = timedelta()
    await one.ask("01T15:40", "01T00:00", "01T12:00")
    gaps = await one.gaps("01T15:50", "01T10:00", "01T12:00")
    assert {(gap.reason, gap.answers, gap.evidence) for gap in gaps} == {(Reason.LATE, 1, AskEvidence.EMPTY)}


async def test_a_place_that_was_never_asked_for_is_one_gap_of_the_whole_item(world: MakeWorld) -> None:
    one = world(Published(MARCH))
    (gap,) = await one.gaps("10T00:00", "01T00:00", "05T00:00")
    assert (gap.series_key, gap.reason, gap.interval, gap.missing) == (
        None,
        Reason.OURS,
        span("01T00:00", "05T00:00"),
        96,
    )
    assert (gap.resolution, gap.asked, gap.last_asked) == (Resolution.PT60M, 0, None)


async def test_a_type_that_never_appears_is_no_gap_and_one_that_stops_is(world: MakeWorld) -> None:
    solar = Published(span("01T00:00", "10T00:00"), psr_type="B16")
    one = world(Published(MARCH, psr_type="B14"), solar, item=DataItem.GENERATION_ACTUAL)
    await one.ask("20T02:30", "01T00:00", "20T00:00", times=3)
    (gap,) = await one.gaps("20T02:30", "01T00:00", "20T00:00")
    assert gap.series_key is not None
    assert (gap.series_key.psr_type, gap.interval.start, gap.missing) == ("B16", at("10T00:00"), 240)
    assert {gap.reason for gap in await one.gaps("30T00:00", "01T00:00", "12T00:00")} == {Reason.MISSING_AT_SOURCE}


async def test_a_range_that_was_asked_for_stays_asked_for_although_nothing_is_known_of_it(world: MakeWorld) -> None:
    """A backfill into the years before the first value, while the platform wrongly answers that it has nothing."""
    one = world(Published(span("2020-01-01", "2024-04-01"), holes=[(span("2020-01-01", "2024-01-01"), at("20T12:00"))]))
    await one.ask("20T00:00", "2024-01-01", "20T00:00")
    await one.ask("20T01:00", "2022-01-01", "2024-01-01")
    (_, gap) = await one.gaps("20T01:00", "2022-01-01", "2024-01-01")
    assert (gap.missing, gap.reason, gap.evidence) == (17_519, Reason.LATE, AskEvidence.EMPTY)
    assert gap.next_ask == at("20T02:00")
    await one.ask("20T04:00", "2022-01-01", "2024-01-01", times=3)
    (_, gap) = await one.gaps("20T04:00", "2022-01-01", "2024-01-01")
    assert (gap.reason, gap.evidence, gap.asked) == (Reason.MISSING_AT_SOURCE, AskEvidence.NEVER_EXISTED, 4)
    assert gap.next_ask == at("20T05:00")
    await one.ask("21T00:00", "2022-01-01", "2024-01-01")
    assert await one.gaps("21T00:00", "2022-01-01", "2024-01-01") == []


def idle_hours(*days: int) -> list[tuple[Interval, None]]:
    """A storage plant stands still four times on each day."""
    hours = (("00", "05"), ("08", "11"), ("13", "15"), ("20", "22"))
    return [(span(f"{day:02}T{first}:00", f"{day:02}T{last}:00"), None) for day in days for first, last in hours]


async def test_a_storage_plant_that_stands_still_lacks_nothing(world: MakeWorld) -> None:
    """Only what the other series of the item lack at the same time is missing, in whatever part one looks at."""
    silence = (span("03T17:00", "03T18:00"), None)
    pumped = Published(MARCH, psr_type="B10", holes=[*idle_hours(1, 2, 3, 4), silence])
    one = world(Published(MARCH, psr_type="B14", holes=[silence]), pumped, item=DataItem.GENERATION_ACTUAL)
    await one.ask("05T02:30", "01T00:00", "05T00:00")
    for first, last in (("01T00:00", "05T00:00"), ("03T00:00", "04T00:00")):
        gaps = await one.gaps("05T02:30", first, last)
        assert [gap.interval for gap in gaps] == [silence[0]] * 2
    assert await one.gaps("05T02:30", "02T00:00", "03T00:00") == []
    request = CollectionRequest(one.item, one.place, span("01T00:00", "05T00:00"))
    cells = await coverage_service(one.database).matrix([request], at("05T02:30"), Granularity.DAY)
    assert [cell.share for cell in cells] == [1.0, 1.0, pytest.approx(34 / 36), 1.0]
    assert [(key.psr_type, sum(cell.idle[key] for cell in cells) / 3600) for key in cells[0].idle] == [("B10", 48.0)]
    covered = "select stored, expected, coverage from v_coverage_daily where psr_type = 'B10' order by day"
    assert await one.rows(covered) == [(12, 12, 1.0), (12, 12, 1.0), (11, 12, pytest.approx(11 / 12)), (12, 12, 1.0)]
    scanner = quality_scanner(one.database, gaps=one.service)
    await scanner.scan(ScanSelection(None), lambda _place: span("01T23:00", "04T23:00"), at("05T02:30"))
    scores = (
        "select stored, expected, completeness from quality_scores "
        "join series using (series_id) where psr_type = 'B10' order by day"
    )
    assert await one.rows(scores) == [(12, 12, 100.0), (11, 12, pytest.approx(1100 / 12)), (12, 12, 100.0)]


@pytest.mark.parametrize(
    ("psr_type", "holes"),
    [
        ("B10", [(span("05T06:00", "08T11:00"), None)]),
        ("B10", idle_hours(3, 5)),
        ("B14", idle_hours(*range(1, 11))),
    ],
    ids=["a feed that breaks off for days", "holes on few of many days", "no storage"],
)
async def test_what_a_series_usually_has_is_missing(
    world: MakeWorld, psr_type: str, holes: list[tuple[Interval, None]]
) -> None:
    one = world(
        Published(MARCH, psr_type="B16"),
        Published(MARCH, psr_type=psr_type, holes=holes),
        item=DataItem.GENERATION_ACTUAL,
    )
    await one.ask("12T00:00", "01T00:00", "11T00:00")
    gaps = await one.gaps("12T00:00", "01T00:00", "11T00:00")
    assert [gap.interval for gap in gaps] == [hole for hole, _ in holes]


async def test_outside_the_life_of_its_area_nothing_is_expected(world: MakeWorld) -> None:
    one = world(Published(span("2018-09-01", "2018-10-02")), place="DE_LU")
    life = find_place("DE_LU").exists_during(span("2018-01-01", "2019-01-01"))
    assert life is not None
    (gap,) = await one.gaps("2019-01-01", "2018-09-01", "2018-10-02")
    assert gap.interval.start == life.start
    assert await one.gaps("2019-01-01", "2018-08-01", "2018-09-01") == []


async def test_where_two_units_cover_the_same_time_the_finer_one_with_most_of_it_is_current(world: MakeWorld) -> None:
    sparse = [(span("02T06:00", "02T06:15"), None), (span("03T06:00", "03T06:15"), None)]
    one = world(Published(span("01T00:00", "03T00:00")), Published(MARCH, QUARTERS, holes=sparse))
    await one.ask("20T00:00", "01T00:00", "04T00:00")
    gaps = await one.gaps("20T00:00", "01T00:00", "04T00:00")
    # On the second an hour stands beside the quarter that is missing, on the third nothing does: both are gaps.
    assert [gap.interval for gap in gaps] == [span("02T06:00", "02T06:15"), span("03T06:00", "03T06:15")]
    assert await one.rows("select valid_from, resolution from mtu_history order by 1") == [
        (at("01T00:00"), QUARTERS.id)
    ]


async def test_a_hole_at_the_end_of_what_is_stored_is_seen_as_well(world: MakeWorld) -> None:
    one = world(Published(MARCH, QUARTERS, holes=[(span("04T06:15", "2024-04-01"), None)]))
    await one.ask("20T00:00", "01T00:00", "06T00:00")
    assert await one.told("20T00:00", "01T00:00", "06T00:00") == [("04T06:15", "06T00:00", "late", 4 * 24 + 71)]


async def test_an_interval_without_a_single_value_takes_the_unit_of_the_days_before(world: MakeWorld) -> None:
    one = world(Published(MARCH, QUARTERS, holes=[(span("04T00:00", "07T00:00"), None)]))
    await one.ask("20T00:00", "01T00:00", "10T00:00")
    (gap,) = await one.gaps("20T00:00", "05T00:00", "06T00:00")
    assert (gap.resolution, gap.missing, gap.interval) == (QUARTERS, 96, span("05T00:00", "06T00:00"))


async def test_without_a_rule_the_habit_of_the_series_tells_when_it_is_due(world: MakeWorld) -> None:
    one = world(Published(MARCH, delay=timedelta(hours=3)))
    one.service._catalog = WithoutDeadlines()
    for hour in range(5, 24):
        await one.ask(f"01T{hour:02}:00", "01T00:00", "01T20:00")
    # A value is known four hours after its start, so the one from 20:00 is due at midnight.
    assert await one.told("01T23:59", "01T00:00", "01T21:00") == [("01T20:00", "01T21:00", "not_due", 1)]
    assert await one.told("02T00:00", "01T00:00", "01T21:00") == [("01T20:00", "01T21:00", "ours", 1)]


async def test_hours_before_the_first_value_of_its_day_are_missing_however_little_is_looked_at(
    world: MakeWorld,
) -> None:
    one = world(Published(MARCH, holes=[(span("01T00:00", "05T10:00"), None)]))
    await one.ask("20T00:00", "01T00:00", "10T00:00")
    assert await one.told("20T00:00", "01T00:00", "05T06:00") == [
        ("04T23:00", "05T06:00", "late", 7),
        ("01T00:00", "04T23:00", "late", 95),
    ]
    assert await one.told("20T00:00", "04T23:00", "06T00:00") == [("04T23:00", "05T10:00", "late", 11)]


async def test_what_has_ended_before_the_interval_is_neither_missing_nor_blank(world: MakeWorld) -> None:
    lignite = Published(span("2024-01-01", "2024-01-10"), psr_type="B02")
    one = world(Published(YEARS, psr_type="B14"), lignite, item=DataItem.GENERATION_ACTUAL)
    await one.ask("2024-04-10", "2024-01-01", "2024-04-10")
    assert await one.told("2024-04-10T00:00", "2024-03-01", "2024-03-09") == []


async def test_what_is_learned_later_corrects_the_history_of_the_unit(world: MakeWorld) -> None:
    hourly = Published(span("01T00:00", "04T00:00"))
    one = world(hourly, Published(span("04T00:00", "2024-04-01"), QUARTERS))
    await one.ask("20T00:00", "01T00:00", "10T00:00")
    assert await one.gaps("20T00:00", "01T00:00", "10T00:00") == []
    history = "select valid_from, resolution from mtu_history order by 1"
    assert await one.rows(history) == [(at("01T00:00"), HOURLY.id), (at("04T00:00"), QUARTERS.id)]
    # The source publishes the first days anew, in quarters of an hour.
    one.series = [Published(MARCH, QUARTERS)]
    await one.ask("21T00:00", "01T00:00", "10T00:00")
    assert await one.gaps("21T00:00", "01T00:00", "10T00:00") == []
    assert await one.rows(history) == [(at("01T00:00"), QUARTERS.id)]
    assert await one.gaps("21T00:00", "03T00:00", "05T00:00") == []
    assert await one.rows(history) == [(at("01T00:00"), QUARTERS.id)]


async def test_nothing_asked_nothing_found(world: MakeWorld) -> None:
    assert await world().service.analyse([], at("20T00:00")) == []


async def test_the_same_analysis_twice_writes_nothing(world: MakeWorld) -> None:
    one = world(Published(MARCH, QUARTERS, holes=[(span("04T06:00", "04T09:00"), None)]))
    await one.ask("20T00:00", "01T00:00", "10T00:00")
    first = await one.gaps("20T00:00", "01T00:00", "10T00:00")
    tables = ("select xmin::text, * from gaps order by gap_id", "select xmin::text, * from mtu_history order by 2, 3")
    before = [await one.rows(table) for table in tables]
    assert all(before)
    assert await one.gaps("20T00:00", "01T00:00", "10T00:00") == first
    assert [await one.rows(table) for table in tables] == before


async def test_a_narrow_analysis_changes_the_kept_gaps_only_where_it_looked(world: MakeWorld) -> None:
    one = world(Published(MARCH, holes=[(span("02T00:00", "08T00:00"), at("21T00:00"))]))
    await one.ask("20T00:00", "01T00:00", "10T00:00")
    await one.gaps("20T00:00", "01T00:00", "10T00:00")
    await one.ask("22T00:00", "03T00:00", "05T00:00")
    assert await one.gaps("22T00:00", "04T00:00", "05T00:00") == []
    kept = "select gap_start, gap_end, missing from gaps order by 1"
    assert await one.rows(kept) == [(at("02T00:00"), at("04T00:00"), 48), (at("05T00:00"), at("08T00:00"), 72)]
    assert [told[3] for told in await one.told("22T00:00", "01T00:00", "10T00:00")] == [24, 72]
    assert await one.rows(kept) == [(at("02T00:00"), at("03T00:00"), 24), (at("05T00:00"), at("08T00:00"), 72)]


async def test_who_only_looks_corrects_the_kept_gaps_and_adds_none(world: MakeWorld) -> None:
    late = [(span("02T00:00", "03T00:00"), at("21T00:00")), (span("06T00:00", "07T00:00"), None)]
    one = world(Published(MARCH, holes=late))
    await one.ask("20T00:00", "01T00:00", "10T00:00")
    await one.gaps("20T00:00", "01T00:00", "05T00:00")
    await one.ask("22T00:00", "02T00:00", "02T12:00")
    found = await one.told("22T00:00", "01T00:00", "10T00:00", adding=False)
    assert found == [
        ("02T12:00", "03T00:00", "late", 12),
        ("06T00:00", "07T00:00", "late", 24),
    ]
    assert await one.rows("select gap_start, gap_end from gaps") == [(at("02T12:00"), at("03T00:00"))]


async def test_who_only_looks_lets_no_kept_gap_grow(world: MakeWorld) -> None:
    one = world(Published(MARCH, holes=[(span("02T00:00", "06T00:00"), None)]))
    await one.ask("20T00:00", "01T00:00", "10T00:00")
    await one.gaps("20T00:00", "04T00:00", "05T00:00")
    kept = "select gap_start, gap_end, missing, since, found_at from gaps"
    before = await one.rows(kept)
    assert [row[:3] for row in before] == [(at("04T00:00"), at("05T00:00"), 24)]
    assert await one.told("22T00:00", "01T00:00", "10T00:00", adding=False) == [("02T00:00", "06T00:00", "late", 96)]
    assert await one.rows(kept) == before


async def test_gaps_that_nobody_fills_any_more_are_forgotten(world: MakeWorld) -> None:
    one = world()
    await one.fails("20T00:00", "2023-01-01", "01T00:00")
    await one.gaps("20T00:00", "2023-01-01", "02T00:00")
    await one.ask("20T00:00", "05T00:00", "06T00:00", times=3)
    for first, last in (("2022-01-01", "2022-02-01"), ("05T00:00", "06T00:00"), ("10T00:00", "11T00:00")):
        await one.gaps("20T00:00", first, last)
    upkeep = GapRetention(one.database, kept=timedelta(days=365))
    reasons = "select reason from gaps order by gap_start"
    assert await one.rows(reasons) == [("ours",), ("ours",), ("missing_at_source",), ("ours",)]
    assert await upkeep.tidy(at("21T00:00")) == "1 gap forgotten that nobody fills any more"
    assert await one.rows(reasons) == [("ours",), ("missing_at_source",), ("ours",)]
    assert await upkeep.tidy(at("21T00:00")) == ""
    # The area is not collected any more.
    await upkeep.tidy(at("23T00:00"))
    assert await one.rows(reasons) == [("missing_at_source",)]


async def test_values_that_are_not_due_are_no_rows(world: MakeWorld) -> None:
    one = world(Published(MARCH))
    await one.ask("02T12:30", "01T00:00", "03T00:00")
    await one.gaps("02T12:30", "01T00:00", "03T00:00")
    assert await one.rows("select * from gaps") == []


async def test_filling_asks_for_what_is_late_or_ours_and_for_nothing_else(world: MakeWorld) -> None:
    late = (span("09T20:00", "09T21:00"), at("10T00:30"))
    one = world(Published(MARCH, holes=[late, (span("01T06:00", "01T07:00"), None)]))
    await one.ask("10T00:00", "01T00:00", "02T00:00", times=3)
    await one.ask("10T00:00", "08T00:00", "09T22:00")
    gaps = await one.gaps("10T00:00", "01T00:00", "09T22:00")
    assert [gap.reason.value for gap in gaps] == ["missing_at_source", "ours", "late"]
    one.clock.set(at("10T01:00"))
    heard: list[CollectionRun] = []
    runs = await one.service.fill(gaps, one.collection, on_run=heard.append)
    assert heard == runs
    assert [run.window for run in runs] == [span("09T20:00", "09T21:00"), span("02T00:00", "08T00:00")]
    assert await one.told("10T01:00", "01T00:00", "09T22:00") == [("01T06:00", "01T07:00", "missing_at_source", 1)]
    forced = await one.service.fill(await one.gaps("10T01:00", "01T00:00", "09T22:00"), one.collection, forced=True)
    assert [run.window for run in forced] == [span("01T06:00", "01T07:00")]


async def test_many_items_and_places_are_analysed_in_batches(world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.collection.gaps.service.SERIES_AT_ONCE", 2)
    one = world(Published(MARCH))
    await one.ask("20T00:00", "01T00:00", "02T00:00")
    requests = [
        CollectionRequest(item, find_place(place), span("01T00:00", "03T00:00"))
        for item in (DataItem.LOAD_ACTUAL, DataItem.GENERATION_ACTUAL)
        for place in ("FR", "NL", "BE")
    ]
    gaps = await one.service.analyse(requests, at("20T00:00"))
    assert [(gap.item, gap.place.code, gap.missing) for gap in gaps] == [
        (request.item, request.place.code, 24 if request is requests[0] else 48) for request in requests
    ]
    assert len(windows_due(gaps).requests) == 6


async def test_the_way_of_a_gap_is_kept_and_an_analysis_that_finds_nothing_new_adds_nothing(world: MakeWorld) -> None:
    one = world(Published(MARCH, holes=[(span("01T10:00", "01T12:00"), at("01T15:00"))]))
    query = "select at, missing, was, reason, whole from gap_changes order by change_id"
    await one.ask("01T12:30", "01T00:00", "01T12:00")
    await one.told("01T12:30", "01T00:00", "01T12:00")
    await one.told("01T12:45", "01T00:00", "01T12:00")
    first = (at("01T12:30"), 1, None, "late", True)
    assert await rows(one.database, query) == [first]
    await one.told("01T13:30", "01T00:00", "01T12:00")
    grown = (at("01T13:30"), 1, None, "late", False)
    assert await rows(one.database, query) == [first, grown]
    await one.ask("01T15:30", "01T00:00", "01T12:00")
    await one.told("01T15:30", "01T00:00", "01T12:00")
    assert await rows(one.database, query) == [first, grown, (at("01T15:30"), 2, "late", None, True)]


async def test_a_change_of_currency_is_no_gap_and_a_hole_in_both_is(world: MakeWorld) -> None:
    hole = (span("12T06:00", "12T08:00"), None)
    old = Published(span("01T00:00", "10T00:00"), currency="BGN")
    one = world(old, Published(span("10T00:00", "2024-04-01"), currency="EUR", holes=[hole]))
    await one.ask("20T03:00", "01T00:00", "20T00:00", times=3)
    assert await one.told("20T03:00", "01T00:00", "20T00:00") == [("12T06:00", "12T08:00", "missing_at_source", 2)]
