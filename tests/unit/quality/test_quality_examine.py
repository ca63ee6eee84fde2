from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.collection.gaps.classification import NEVER_ASKED
from app.market.areas import find_place
from app.market.calendar import AfterDelivery
from app.market.series import DataItem, SeriesKey
from app.market.time import Interval, Resolution
from app.quality.assessment.alignment import NOTHING, AlignedSeries, StoredValues
from app.quality.assessment.assess import AssessmentTarget, Stock, last_learned, look_at
from app.quality.assessment.day_counts import MissingRun, days_of
from app.quality.assessment.series_assessment import (
    KNOWN_DAYS,
    SeriesAssessment,
    assess_series,
    breaches,
    detected,
    off_grid_event,
)
from app.quality.detectors.consistency import RelatedValues
from app.quality.detectors.related_series import Role
from app.quality.findings import Detected
from app.quality.models import EvidenceRule, Series
from app.quality.rules.series_kinds import Subject
from app.timeseries.grid import ResolutionChange
from app.timeseries.rolling import Values
from tests.support.quality_series import forecast_of, load, price, solar

UTC_ZONE = ZoneInfo("UTC")
FR, DE_LU, BE = (find_place(code).eic for code in ("FR", "DE_LU", "BE"))
DAYS = 90
SERIES = load(DAYS)
LOAD = Subject(DataItem.LOAD_ACTUAL, FR)


def laid(series: Series, values: Values | None = None) -> AlignedSeries:
    given = series.values if values is None else values
    starts = series.start + series.step * np.arange(len(given), dtype=np.int64)
    recorded = np.where(np.isnan(given), 0, (starts + series.step) * 1_000_000)
    resolution = next(one for one in Resolution if one.seconds == series.step)
    nothing = np.zeros(len(given), np.bool_)
    return AlignedSeries(resolution, starts, starts + series.step, given, nothing, recorded, starts + series.step)


def spoilt(series: Series, *spans: tuple[int, int], to: float) -> Values:
    values = series.values.copy()
    for first, last in spans:
        values[first:last] = to
    return values


def examined(
    subject: Subject, one: AlignedSeries, company: RelatedValues, zone: ZoneInfo = UTC_ZONE
) -> SeriesAssessment:
    return assess_series(subject, one, company, zone)


def events(found: SeriesAssessment) -> list[Detected]:
    return detected(found, np.ones(len(found.score), np.bool_))


def at(series: Series, place: int) -> datetime:
    return datetime.fromtimestamp(series.start + place * series.step, UTC)


def test_a_sound_series_is_judged_once_its_habits_are_known() -> None:
    found = examined(LOAD, laid(SERIES), {})
    assert events(found) == []
    assert found.checked.all()
    assert found.judged.all()
    short = 50 * 24
    found = examined(LOAD, laid(replace(SERIES, values=SERIES.values[:short])), {})
    assert (~found.judged[: KNOWN_DAYS * 24]).all()
    assert found.judged[KNOWN_DAYS * 24 :].all()


def test_a_stuck_value_is_one_event_with_its_evidence() -> None:
    found = examined(LOAD, laid(SERIES, spoilt(SERIES, (1500, 1512), to=48_000.0)), {})
    [stuck] = [one for one in events(found) if one.rule is EvidenceRule.STUCK]
    assert stuck.interval.end == at(SERIES, 1512)
    assert stuck.evidence["value"] == 48_000.0
    assert abs(stuck.evidence["expected"] - SERIES.values[1501]) < 10_000
    assert stuck.known_until == at(SERIES, 1512)


def test_what_breaks_a_hard_rule_counts_for_validity_alone() -> None:
    found = examined(LOAD, laid(SERIES, spoilt(SERIES, (1500, 1502), to=-5.0)), {})
    [broken] = [one for one in events(found) if one.rule is EvidenceRule.SIGN]
    assert broken.affected == 2
    assert found.violating.sum() == 2
    assert not found.implausible[1500:1502].any()


def test_flagged_values_within_three_hours_are_one_event_and_others_are_not() -> None:
    values = spoilt(SERIES, (1500, 1501), (1503, 1504), (1510, 1511), to=-5.0)
    found = [one for one in events(examined(LOAD, laid(SERIES, values), {})) if one.rule is EvidenceRule.SIGN]
    assert [(one.interval.start, one.affected) for one in found] == [(at(SERIES, 1500), 2), (at(SERIES, 1510), 1)]


def test_a_forecast_stands_in_the_evidence() -> None:
    company = {Role.FORECAST: {"load_forecast_day_ahead FR": forecast_of(SERIES)}}
    values = SERIES.values.copy()
    values[1700:1740] *= 1.5
    found = events(examined(LOAD, laid(SERIES, values), company))
    assert any("forecast load_forecast_day_ahead FR" in one.evidence.get("peers", {}) for one in found)


def test_parts_that_disagree_with_the_whole_are_named_as_witnesses() -> None:
    whole = Subject(DataItem.LOAD_ACTUAL, find_place("DE").eic)
    parts = {f"load_actual {n}": share * SERIES.values for n, share in (("DE_50HZ", 0.4), ("DE_TENNET", 0.6))}
    values = SERIES.values.copy()
    values[1700:1712] *= 1.01
    found = events(examined(whole, laid(SERIES, values), {Role.PART: parts}))
    [told] = [one for one in found if one.rule is EvidenceRule.PARTS]
    assert told.evidence["witnesses"] == sorted(parts)
    assert told.affected == 12


def test_installed_capacity_bounds_production() -> None:
    sun = solar(40)
    capacity = {"installed_capacity FR B16": np.full(len(sun.values), 0.5 * sun.values.max())}
    subject = Subject(DataItem.GENERATION_ACTUAL, FR, "B16", "generation")
    found = examined(subject, laid(sun), {Role.CAPACITY: capacity})
    assert EvidenceRule.ABOVE_CAPACITY in found.broken
    quick = breaches(
        subject,
        laid(sun),
        capacity["installed_capacity FR B16"],
        np.ones(len(sun.values), np.bool_),
        {EvidenceRule.NEGATIVE},
    )
    assert quick == []


def test_detectors_do_not_judge_what_has_no_habits() -> None:
    series = replace(SERIES, values=np.where(np.arange(len(SERIES.values)) % 24 < 12, 0.0, SERIES.values))
    plant = Subject(DataItem.GENERATION_ACTUAL, FR, "B06", "generation")
    volume = Subject(DataItem.IMBALANCE_VOLUME, FR)
    stamps, nothing = 86_400 * np.arange(3, dtype=np.int64), np.zeros(3, np.int64)
    daily = AlignedSeries(Resolution.P1D, stamps, stamps + 86_400, np.ones(3), np.zeros(3, np.bool_), nothing, nothing)
    for subject, one in ((plant, laid(series)), (volume, laid(SERIES)), (LOAD, daily)):
        assert not examined(subject, one, {}).judged.any()
    assert not examined(volume, laid(SERIES), {}).checked.any()


def test_ten_points_all_unknown_and_a_constant_are_borne() -> None:
    short = replace(SERIES, values=SERIES.values[:10])
    assert events(examined(LOAD, laid(short), {})) == []
    unknown = examined(LOAD, laid(SERIES, np.full(len(SERIES.values), np.nan)), {})
    assert events(unknown) == []
    assert not (unknown.checked | unknown.judged).any()
    constant = examined(LOAD, laid(SERIES, np.full(len(SERIES.values), 5.0)), {})
    assert {one.rule for one in events(constant)} == {EvidenceRule.STUCK}


def test_prices_at_the_harmonised_bounds_are_valid() -> None:
    market = price(60)
    values = spoilt(market, (1000, 1001), to=-500.0)
    values[1100] = 4000.0
    assert not examined(Subject(DataItem.PRICE_DAY_AHEAD, FR), laid(market, values), {}).violating.any()
    values[1200] = 4001.0
    assert examined(Subject(DataItem.PRICE_DAY_AHEAD, FR), laid(market, values), {}).violating.sum() == 1


def test_stamps_beside_the_grid_are_one_event() -> None:
    event = off_grid_event(np.array([100, 7]), np.array([5_000_000, 9_000_000]))
    assert (event.rule, event.affected) == (EvidenceRule.OFF_GRID, 2)
    assert event.interval == Interval(datetime.fromtimestamp(7, UTC), datetime.fromtimestamp(101, UTC))
    assert event.known_until == datetime.fromtimestamp(9, UTC)


def observed(series: Series, values: Values | None = None) -> StoredValues:
    one = laid(series, values)
    size = len(one.starts)
    ids = np.full(size, one.resolution.id, np.int16)
    return StoredValues(one.starts, ids, one.values, np.zeros(size, np.bool_), one.recorded, one.recorded)


def target(key: SeriesKey, *, timed: bool = True, holes: tuple[MissingRun, ...] = ()) -> AssessmentTarget:
    window = Interval(at(SERIES, 24 * (DAYS - 10)), at(SERIES, 24 * DAYS))
    loaded = Interval(at(SERIES, 0), window.end)
    rule = AfterDelivery(timedelta(hours=1), "a test") if timed else None
    return AssessmentTarget(1, key, UTC_ZONE, days_of(window, UTC_ZONE), loaded, 1, window, holes, NEVER_ASKED, rule)


KEY = SeriesKey("fake", "load_actual", FR)
CHANGES = {1: [ResolutionChange(SERIES.start, Resolution.PT60M)]}


def test_a_look_reports_only_the_days_that_are_scored() -> None:
    values = spoilt(SERIES, (1500, 1502), (2100, 2102), to=-5.0)
    looked = look_at(target(KEY), Stock({1: observed(SERIES, values)}, CHANGES), ())
    assert [one.interval.start for one in looked.look.detected if one.rule is EvidenceRule.SIGN] == [at(SERIES, 2100)]
    [piece] = looked.pieces
    assert piece.punctuality is not None
    assert piece.punctuality.on_time == 240
    assert last_learned(looked.observed, looked.look.interval) == at(SERIES, 24 * DAYS)


def test_a_series_without_deadline_or_values_is_not_timed() -> None:
    looked = look_at(target(KEY, timed=False), Stock({}, CHANGES), ())
    [piece] = looked.pieces
    assert piece.punctuality is None
    assert last_learned(looked.observed, looked.look.interval) is None
    before = [ResolutionChange(SERIES.start, Resolution.PT60M), ResolutionChange(SERIES.start + 3600, Resolution.PT15M)]
    assert len(look_at(target(KEY), Stock({}, {1: before}), ()).pieces) == 1


def test_a_look_finds_stamps_beside_the_grid() -> None:
    good = observed(SERIES)
    moved = replace(good, starts=good.starts + np.where(np.arange(len(good.starts)) == 2100, 60, 0))
    looked = look_at(target(KEY), Stock({1: moved}, CHANGES), ())
    assert len(looked.beside_the_grid) == 1
    assert EvidenceRule.OFF_GRID in {one.rule for one in looked.look.detected}


def heard(key: SeriesKey, company: Mapping[int, SeriesKey], values: Mapping[int, StoredValues]) -> RelatedValues:
    from app.quality.assessment.assess import _company

    return _company(key, laid(SERIES), Stock(values, CHANGES), list(company.items()))


def test_companions_speak_where_they_have_values_and_under_names_of_their_own() -> None:
    forecast = replace(KEY, item="load_forecast_day_ahead")
    types = [SeriesKey("fake", "generation_actual", FR, psr_type=psr) for psr in ("B01", "B02", "B02")]
    company = {2: forecast, 3: types[0], 4: types[1], 5: replace(types[2], business_type="A01"), 6: types[0]}
    found = heard(KEY, company, {number: observed(SERIES) for number in (2, 3, 4, 5)})
    assert list(found[Role.FORECAST]) == ["load_forecast_day_ahead FR"]
    assert list(found[Role.GENERATION]) == [
        "generation_actual FR B01",
        "generation_actual FR B02",
        "generation_actual FR B02 (2)",
    ]


def test_prices_are_compared_with_those_of_the_same_auction() -> None:
    own = SeriesKey("fake", "price_day_ahead", FR, sequence="1", currency="EUR")
    company = {2: replace(own, area=DE_LU), 3: replace(own, area=BE, sequence="2")}
    found = heard(own, company, {2: observed(SERIES), 3: observed(SERIES)})
    assert {role: list(names) for role, names in found.items()} == {Role.NEIGHBOUR: ["price_day_ahead DE_LU"]}


def test_what_is_missing_though_due_is_listed_by_day() -> None:
    span = Interval(at(SERIES, 24 * (DAYS - 1)), at(SERIES, 24 * DAYS))
    holes = (MissingRun(span, Resolution.PT60M, "late"), MissingRun(span, Resolution.PT60M, "not_due"))
    [(reason, _, number)] = target(KEY, holes=holes).lacking
    assert (reason, number) == ("late", 24)
    assert NOTHING.starts.size == 0


PARIS = ZoneInfo("Europe/Paris")


def by_the_clock(hours_ahead: int) -> Series:
    """Load that moves with the clocks when they change on 31 March, or stays."""
    hours = np.arange(24 * 120)
    local = hours + np.where(hours >= 24 * 90 + 1, 1 + hours_ahead, 1)
    shape = 50_000 + 9000 * np.sin(2 * np.pi * (local - 9) / 24) + 2500 * np.sin(4 * np.pi * (local - 7) / 24)
    return replace(SERIES, values=shape + np.random.default_rng(3).normal(0, 150, len(hours)))


@pytest.mark.parametrize("hours_ahead", [0, 1])
def test_a_change_of_the_clocks_is_no_shift_whether_a_series_follows_or_not(hours_ahead: int) -> None:
    assert events(examined(LOAD, laid(by_the_clock(hours_ahead)), {}, PARIS)) == []


def test_without_a_change_of_the_clocks_the_same_is_a_shift_and_the_wind_knows_no_clocks() -> None:
    moved = laid(by_the_clock(1))
    wind = Subject(DataItem.GENERATION_ACTUAL, FR, "B19", "generation")
    assert EvidenceRule.SHIFT in {event.rule for event in events(examined(LOAD, moved, {}))}
    assert EvidenceRule.SHIFT in {event.rule for event in events(examined(wind, moved, {}, PARIS))}


def test_a_fault_near_a_change_of_the_clocks_is_found_on_both() -> None:
    series = by_the_clock(1)
    company = {Role.FORECAST: {"load_forecast_day_ahead FR": forecast_of(series)}}
    found = events(examined(LOAD, laid(series, spoilt(series, (2200, 2212), to=48_000.0)), company, PARIS))
    assert EvidenceRule.STUCK in {event.rule for event in found}


def test_a_rule_that_only_days_outside_break_makes_no_event_and_days_have_no_usual_hour() -> None:
    found = examined(LOAD, laid(SERIES, spoilt(SERIES, (1500, 1502), to=-5.0)), {})
    assert detected(found, np.arange(len(SERIES.values)) > 2000) == []
    stamps = 86_400 * np.arange(3, dtype=np.int64)
    nothing = np.zeros(3, np.int64)
    daily = AlignedSeries(Resolution.P1D, stamps, stamps + 86_400, -np.ones(3), np.zeros(3, np.bool_), nothing, nothing)
    [event] = events(examined(LOAD, daily, {}))
    assert (event.rule, event.evidence["expected"], event.known_until) == (EvidenceRule.SIGN, None, None)


def test_witnesses_that_say_nothing_against_an_event_are_not_named() -> None:
    whole = Subject(DataItem.LOAD_ACTUAL, find_place("DE").eic)
    values = spoilt(SERIES, (1700, 1712), to=48_000.0)
    parts = {f"load_actual {n}": share * values for n, share in (("DE_50HZ", 0.4), ("DE_TENNET", 0.6))}
    [stuck] = [
        one
        for one in events(examined(whole, laid(SERIES, values), {Role.PART: parts}))
        if one.rule is EvidenceRule.STUCK
    ]
    assert "witnesses" not in stuck.evidence
