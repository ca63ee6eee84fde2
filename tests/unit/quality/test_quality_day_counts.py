from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from app.market.time import Interval, Resolution
from app.quality.assessment.alignment import AlignedSeries
from app.quality.assessment.day_counts import MissingRun, Piece, count_days, days_of, missing_by_day, scores_of
from app.quality.assessment.series_assessment import SeriesAssessment
from app.quality.findings import Finding, State
from app.quality.models import EvidenceRule
from app.quality.scoring import DEFAULT_WEIGHTS
from app.quality.timeliness import PublicationTiming, Punctuality

BERLIN = ZoneInfo("Europe/Berlin")
MARCH_30 = datetime(2024, 3, 29, 23, tzinfo=UTC)
DAYS = days_of(Interval(MARCH_30, MARCH_30 + timedelta(hours=50)), BERLIN)
NONE = np.empty(0, np.int64)


def piece(*, broken: tuple[int, ...] = (), implausible: tuple[int, ...] = (), timed: bool = False) -> Piece:
    """Hours of the three days, some of which break a rule or are implausible; all are judged."""
    starts = int(MARCH_30.timestamp()) + 3600 * np.arange(71, dtype=np.int64)
    flags, score, rules = np.zeros(71, np.bool_), np.zeros(71), np.zeros(71, dtype="U20")
    flags[list(broken)] = True
    score[list(implausible)], rules[list(implausible)] = 2.0, EvidenceRule.STEP
    values, known = np.ones(71), np.ones(71, np.bool_)
    laid = AlignedSeries(Resolution.PT60M, starts, starts + 3600, values, ~known, starts, starts)
    told = np.full(71, PublicationTiming.ON_TIME, np.int8)
    told[:3] = (PublicationTiming.LATE, PublicationTiming.LATE, PublicationTiming.UNKNOWN)
    return Piece(
        SeriesAssessment(laid, {EvidenceRule.NEGATIVE: flags}, score, rules, known, known, values, {}, ()),
        Punctuality(told, values) if timed else None,
    )


def accepted(rule: EvidenceRule, first: int, last: int) -> Finding:
    interval = Interval(MARCH_30 + timedelta(hours=first), MARCH_30 + timedelta(hours=last))
    return Finding(1, 1, rule, interval, 1, 10.0, None, {}, State.ACCEPTED, MARCH_30, MARCH_30, MARCH_30)


def test_days_are_local_and_whole() -> None:
    assert DAYS.days == (date(2024, 3, 30), date(2024, 3, 31), date(2024, 4, 1))
    lengths = np.diff(DAYS.seconds) // 3600
    assert lengths.tolist() == [24, 23, 24]
    assert DAYS.interval.duration == timedelta(hours=71)


def test_what_lies_outside_the_days_is_not_counted() -> None:
    before, inside, after = DAYS.seconds[0] - 1, DAYS.seconds[1], DAYS.seconds[-1]
    assert DAYS.count(np.array([before, inside, after])).tolist() == [0, 1, 0]


def test_holes_are_counted_by_reason_and_day() -> None:
    start = MARCH_30 + timedelta(hours=22)
    holes = [MissingRun(Interval(start, start + timedelta(hours=4)), Resolution.PT60M, "ours")]
    found = missing_by_day(holes, DAYS, BERLIN)
    assert found["ours"].tolist() == [2, 2, 0]
    assert found["late"].tolist() == [0, 0, 0]


def test_counts_of_a_day_add_up() -> None:
    missing = missing_by_day([MissingRun(DAYS.interval, Resolution.PT60M, "late")], DAYS, BERLIN)
    missing["late"][1:] = 0
    found = count_days(
        [piece(broken=(1, 30), implausible=(2, 3, 70), timed=True)],
        missing,
        DAYS,
        expected=DAYS.interval,
        findings=(),
        beside_the_grid=np.array([DAYS.seconds[0] + 5]),
    )
    assert [(one.expected, one.stored, one.late) for one in found] == [(24, 0, 24), (23, 23, 0), (24, 24, 0)]
    assert [(one.checked, one.violating) for one in found] == [(25, 2), (23, 1), (24, 0)]
    assert [(one.examined, one.flagged) for one in found] == [(24, 2), (23, 0), (24, 1)]
    assert [(one.timed, one.on_time) for one in found] == [(23, 21), (23, 23), (24, 24)]


def test_a_series_for_which_another_answers_expects_nothing() -> None:
    [first, *_] = count_days([piece()], {}, DAYS, expected=None, findings=(), beside_the_grid=NONE)
    assert (first.expected, first.stored, first.checked) == (0, 0, 24)


def test_only_the_time_in_which_a_series_is_expected_counts() -> None:
    part = Interval(MARCH_30 + timedelta(hours=20), MARCH_30 + timedelta(hours=30))
    found = count_days(
        [piece()], missing_by_day([], DAYS, BERLIN), DAYS, expected=part, findings=(), beside_the_grid=NONE
    )
    assert [one.expected for one in found] == [4, 6, 0]


def test_time_in_which_a_series_is_idle_is_not_expected() -> None:
    idle = piece()
    idle.examined.grid_series.values[[1, 2, 3, 30]] = np.nan
    hole = MissingRun(Interval(MARCH_30 + timedelta(hours=3), MARCH_30 + timedelta(hours=4)), Resolution.PT60M, "late")
    missing = missing_by_day([hole], DAYS, BERLIN)
    found = count_days([idle], missing, DAYS, expected=DAYS.interval, findings=(), beside_the_grid=NONE, may_idle=True)
    assert [(one.expected, one.stored) for one in found] == [(22, 21), (22, 22), (24, 24)]


def test_more_missing_than_the_grid_has_is_no_negative_stock() -> None:
    missing = missing_by_day([MissingRun(DAYS.interval, Resolution.PT15M, "ours")], DAYS, BERLIN)
    found = count_days([piece()], missing, DAYS, expected=DAYS.interval, findings=(), beside_the_grid=NONE)
    assert [(one.expected, one.stored) for one in found] == [(96, 0), (92, 0), (96, 0)]


def test_accepted_values_are_sound_for_the_rule_that_was_accepted() -> None:
    spoilt = piece(broken=(1, 2), implausible=(1, 2, 5))
    findings = (
        accepted(EvidenceRule.NEGATIVE, 1, 2),
        accepted(EvidenceRule.SEASONAL, 1, 3),
        accepted(EvidenceRule.STUCK, 5, 6),
    )
    [first, *_] = count_days([spoilt], {}, DAYS, expected=None, findings=findings, beside_the_grid=NONE)
    assert (first.violating, first.flagged) == (1, 1)


def test_days_that_say_nothing_have_no_score() -> None:
    counts = count_days([], missing_by_day([], DAYS, BERLIN), DAYS, expected=None, findings=(), beside_the_grid=NONE)
    assert scores_of(counts, DAYS, DEFAULT_WEIGHTS) == []
    counts = count_days([piece()], {}, DAYS, expected=None, findings=(), beside_the_grid=NONE)
    assert [(one.day, one.score.validity) for one in scores_of(counts, DAYS, DEFAULT_WEIGHTS)] == [
        (day, 100.0) for day in DAYS.days
    ]
