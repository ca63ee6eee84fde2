from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.collection.gaps.classification import Reason
from app.collection.gaps.models import GapRow
from app.collection.gaps.windows import AskEvidence, Gap, windows_due
from app.market.areas import find_place
from app.market.series import DataItem, SeriesKey
from app.market.time import Interval, Resolution

FR = find_place("FR")
T0 = datetime(2024, 3, 1, tzinfo=UTC)


def hours(first: float, last: float) -> Interval:
    return Interval(T0 + timedelta(hours=first), T0 + timedelta(hours=last))


def gap(first: float, last: float, reason: Reason = Reason.OURS, *, item: DataItem = DataItem.LOAD_ACTUAL) -> Gap:
    interval = hours(first, last)
    key = SeriesKey("entsoe", item, FR.eic)
    return Gap(item, FR, key, interval, Resolution.PT60M, int(last - first), reason, T0)


def test_only_what_is_late_or_ours_is_asked_for_unless_forced() -> None:
    gaps = [gap(48 * number, 48 * number + 1, reason) for number, reason in enumerate(Reason)]
    assert [one.interval for one in windows_due(gaps).requests] == [hours(144, 145), hours(48, 49)]
    assert [one.interval for one in windows_due(gaps, forced=True).requests] == [
        hours(144, 145),
        hours(96, 97),
        hours(48, 49),
    ]


def test_gaps_of_several_series_are_asked_for_once_and_near_ones_together() -> None:
    gaps = [gap(0, 2), gap(1, 4), gap(20, 21), gap(60, 61)]
    assert [one.interval for one in windows_due(gaps).small] == [hours(60, 61), hours(0, 21)]


def test_windows_hold_whole_hours() -> None:
    assert [one.interval for one in windows_due([gap(1.25, 2.75)]).small] == [hours(1, 3)]


def test_long_windows_stand_apart() -> None:
    due = windows_due([gap(0, 100), gap(200, 201), gap(0, 1, item=DataItem.PRICE_DAY_AHEAD)])
    assert [one.interval for one in due.small] == [hours(200, 201), hours(0, 1)]
    assert [one.interval for one in due.large] == [hours(0, 100)]
    assert len(windows_due([gap(0, 100)], small=timedelta(days=5)).small) == 1


@pytest.mark.parametrize("reason", [Reason.LATE, Reason.OURS, Reason.MISSING_AT_SOURCE])
def test_a_gap_waits_for_its_time(reason: Reason) -> None:
    one = replace(gap(0, 1, reason), asked=3, last_asked=T0, next_ask=T0 + timedelta(hours=1))
    for minutes, ripe in ((59, False), (60, True)):
        now = T0 + timedelta(minutes=minutes)
        assert one.is_ripe(now) is ripe
        assert bool(windows_due([one], now=now).requests) is ripe


def test_whoever_repeats_a_run_that_failed_does_not_wait_for_what_is_ours() -> None:
    waiting = [
        replace(gap(0, 1, reason), asked=1, last_asked=T0, next_ask=T0 + timedelta(hours=1))
        for reason in (Reason.OURS, Reason.LATE, Reason.MISSING_AT_SOURCE)
    ]
    now = T0 + timedelta(minutes=1)
    assert [one.is_ripe(now, again=True) for one in waiting] == [True, False, False]
    assert windows_due(waiting, now=now).requests == ()
    assert [one.interval for one in windows_due(waiting, now=now, again=True).requests] == [hours(0, 1)]


def test_what_the_source_lacks_is_asked_for_when_its_time_has_come_or_when_forced() -> None:
    one = replace(gap(0, 1, Reason.MISSING_AT_SOURCE), asked=14, last_asked=T0, next_ask=T0 + timedelta(days=99))
    assert windows_due([one], now=T0 + timedelta(days=98)).requests == ()
    assert len(windows_due([one], now=T0 + timedelta(days=100)).requests) == 1
    assert windows_due([one]).requests == ()
    assert len(windows_due([one], forced=True).requests) == 1


@pytest.mark.parametrize(
    ("reason", "asked", "answers", "series", "evidence"),
    [
        (Reason.NOT_DUE, 0, 0, True, AskEvidence.NOT_DUE),
        (Reason.OURS, 0, 0, True, AskEvidence.NEVER_ASKED),
        (Reason.LATE, 0, 0, True, AskEvidence.NEVER_ASKED),
        (Reason.OURS, 2, 0, True, AskEvidence.NO_ANSWER),
        (Reason.LATE, 2, 2, False, AskEvidence.EMPTY),
        (Reason.MISSING_AT_SOURCE, 7, 6, True, AskEvidence.EMPTY),
        (Reason.MISSING_AT_SOURCE, 7, 6, False, AskEvidence.NEVER_EXISTED),
    ],
)
def test_what_the_questions_say(reason: Reason, asked: int, answers: int, series: bool, evidence: AskEvidence) -> None:
    one = replace(gap(0, 1, reason), asked=asked, answers=answers)
    assert (one if series else replace(one, series_key=None)).evidence is evidence


def test_scattered_short_gaps_are_one_question_and_no_backfill() -> None:
    due = windows_due([gap(20 * number, 20 * number + 1) for number in range(30)])
    assert [one.interval for one in due.small] == [hours(0, 581)]
    assert due.large == ()


@pytest.mark.parametrize("reason", [Reason.LATE, Reason.MISSING_AT_SOURCE])
def test_what_the_source_lacked_for_long_is_no_backfill(reason: Reason) -> None:
    lacking = replace(gap(0, 150, reason), next_ask=T0)
    assert [one.interval for one in windows_due([lacking], now=T0).small] == [hours(0, 150)]


def test_a_gap_that_was_never_asked_for_does_not_wait() -> None:
    assert gap(0, 1).is_ripe(T0)


def row(interval: Interval, resolution: Resolution = Resolution.PT60M) -> GapRow:
    missing = resolution.count(interval, FR.zone)
    return GapRow("load_actual", FR.eic, 1, interval, resolution, missing, Reason.OURS, T0)


@pytest.mark.parametrize(
    ("analysed", "left"),
    [
        (hours(-5, -1), [(hours(0, 10), 10)]),
        (hours(-5, 3), [(hours(3, 10), 7)]),
        (hours(2, 4), [(hours(0, 2), 2), (hours(4, 10), 6)]),
        (hours(2.5, 4.5), [(hours(0, 3), 3), (hours(5, 10), 5)]),
        (hours(0, 10), []),
        (hours(8, 30), [(hours(0, 8), 8)]),
    ],
)
def test_what_an_analysis_leaves_of_a_kept_gap(analysed: Interval, left: list[tuple[Interval, int]]) -> None:
    assert [(part.interval, part.missing) for part in row(hours(0, 10)).outside(analysed)] == left


def test_of_calendar_units_those_stay_that_do_not_meet_the_analysed_time() -> None:
    start = T0 - timedelta(hours=1)
    days = row(Interval(start, start + timedelta(days=4)), Resolution.P1D)
    parts = days.outside(hours(30, 31))
    day = timedelta(days=1)
    assert [(part.interval, part.missing) for part in parts] == [
        (Interval(start, start + day), 1),
        (Interval(start + 2 * day, start + 4 * day), 2),
    ]
