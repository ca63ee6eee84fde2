"""Hard rules on stored series: signs, bounds, night, capacity, fills; and the data they rest on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from app.market.areas import areas
from app.market.series import DataItem, SeriesKey
from app.quality.detectors.patterns import signatures
from app.quality.detectors.sun import BOXES, elevation, night
from app.quality.detectors.validity import beyond_seasonal_bounds
from app.quality.models import EvidenceRule, Series, SeriesKind
from app.quality.rules.hard_checks import flat_fill, hard_violations, output_at_night, sign_violations
from app.quality.rules.hard_rules import HARD_RULES, PRICE_BOUNDS, bounds_for, hard_rule
from app.quality.rules.series_kinds import Subject
from tests.support.quality_series import START, load, solar

HOUR = 3600
EIC = {code: area.eic for code, area in areas().items()}


def subject(
    item: DataItem = DataItem.LOAD_ACTUAL, area: str = "DE_LU", psr_type: str = "", direction: str = ""
) -> Subject:
    return Subject(item, EIC.get(area, area), psr_type, direction)


GENERATION = DataItem.GENERATION_ACTUAL


@pytest.mark.parametrize(
    ("item", "psr_type", "direction", "kind"),
    [
        (DataItem.LOAD_ACTUAL, "", "", SeriesKind.LOAD),
        (DataItem.PRICE_DAY_AHEAD, "", "", SeriesKind.PRICE),
        (GENERATION, "B16", "generation", SeriesKind.SOLAR),
        (GENERATION, "B19", "generation", SeriesKind.WIND),
        (GENERATION, "B04", "generation", SeriesKind.GENERATION),
        (GENERATION, "B12", "generation", SeriesKind.RESERVOIR),
        (GENERATION, "B14", "generation", SeriesKind.NUCLEAR),
        (GENERATION, "B10", "generation", SeriesKind.FLOW),
        (GENERATION, "B04", "consumption", SeriesKind.FLOW),
        (DataItem.FLOW_PHYSICAL, "", "", SeriesKind.FLOW),
        (DataItem.IMBALANCE_PRICE, "", "", SeriesKind.IMBALANCE),
        (DataItem.IMBALANCE_VOLUME, "", "", None),
        (DataItem.INSTALLED_CAPACITY, "B16", "", None),
    ],
)
def test_a_series_has_the_kind_of_its_item_and_type(
    item: DataItem, psr_type: str, direction: str, kind: SeriesKind | None
) -> None:
    key = SeriesKey("entsoe", item.value, EIC["DE_LU"], psr_type=psr_type, direction=direction)

    assert Subject.of(key).kind is kind


def test_the_country_of_an_area_is_the_first_part_of_its_code() -> None:
    assert subject(area="NO_4").country == "NO"
    assert Subject(DataItem.FLOW_PHYSICAL, f"{EIC['FR']}>{EIC['DE_LU']}").country == ""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "degrees"),
    [("2024-06-21T11:08", 60.9), ("2024-12-21T11:05", 14.04), ("2024-03-20T05:12", -0.25), ("2024-06-21T23:08", -14.0)],
)
def test_the_sun_stands_where_the_almanac_says_over_berlin(moment: str, degrees: float) -> None:
    instants = np.array([int(at(moment).timestamp())])

    assert elevation(instants, 13.4, 52.52)[0] == pytest.approx(degrees, abs=0.1)


def test_it_is_night_only_where_the_whole_unit_and_the_whole_country_are_dark() -> None:
    begin = int(at("2024-12-21T00:00").timestamp())
    hours = begin + HOUR * np.arange(24, dtype=np.int64)

    assert np.flatnonzero(night(hours, HOUR, "DE")).tolist() == [0, 1, 2, 3, 4, 5, 17, 18, 19, 20, 21, 22, 23]
    assert not night(hours, HOUR, "nowhere").any()
    assert not night(hours, 86_400, "DE").any()


def test_the_midnight_sun_makes_no_night() -> None:
    begin = int(at("2024-06-21T00:00").timestamp())

    assert not night(begin + HOUR * np.arange(24, dtype=np.int64), HOUR, "NO").any()


def test_every_country_with_a_zone_has_its_place() -> None:
    wanted = {code.partition("_")[0] for code, area in areas().items() if area.kinds}

    assert wanted - set(BOXES) <= {"RU"}


def test_bounds_are_ordered_and_each_country_has_some_from_the_beginning() -> None:
    for country in ("DE", "ES", "CH"):
        found = bounds_for(country)
        assert [one.since for one in found] == sorted(one.since for one in found)
        assert found[0].since.year == 1970
        assert found[-1].greatest == 4000.0


def test_every_rule_and_every_bound_names_its_source() -> None:
    assert all(rule.source and rule.says for rule in HARD_RULES)
    assert all(bounds.source for bounds in PRICE_BOUNDS)
    assert hard_rule(EvidenceRule.NIGHT) is not None
    assert hard_rule(EvidenceRule.SEASONAL) is None


def prices(moment: str, *values: float) -> Series:
    return Series(SeriesKind.PRICE, int(at(moment).timestamp()), HOUR, np.array(values))


@pytest.mark.parametrize(
    ("area", "moment", "price", "broken"),
    [
        ("ES", "2020-05-01", 181.0, True),
        ("ES", "2020-05-01", -1.0, True),
        ("PT", "2021-07-07", 181.0, False),
        ("DE_LU", "2020-05-01", 181.0, False),
        ("DE_LU", "2022-05-10T21:00", 3500.0, True),
        ("DE_LU", "2022-05-10T22:00", 3500.0, False),
        ("DE_LU", "2026-04-26", -500.0, False),
        ("DE_LU", "2022-08-17", 4000.0, False),
    ],
)
def test_price_bounds_hold_by_zone_and_delivery(area: str, moment: str, price: float, *, broken: bool) -> None:
    found = hard_violations(subject(DataItem.PRICE_DAY_AHEAD, area), prices(moment, price))

    assert (EvidenceRule.PRICE_BOUNDS in found) == broken


def flows(*values: float) -> Series:
    return Series(SeriesKind.FLOW, START, HOUR, np.array(values))


def test_load_is_above_zero_and_a_direction_is_not_below_it() -> None:
    values = flows(-1.0, 0.0, 1.0, np.nan)
    border = f"{EIC['FR']}>{EIC['DE_LU']}"

    assert sign_violations(subject(), values).tolist() == [True, True, False, False]
    assert sign_violations(subject(DataItem.FLOW_PHYSICAL, border), values).tolist() == [True, False, False, False]
    assert sign_violations(subject(GENERATION, direction="consumption"), values).tolist() == [True, False, False, False]
    assert not sign_violations(subject(GENERATION, psr_type="B04"), values).any()


def test_storage_may_be_negative_and_nothing_else() -> None:
    values = np.concatenate([np.full(30 * 24, 100.0), [-50.0]])
    gas = Series(SeriesKind.GENERATION, START, HOUR, values)
    pumped = Series(SeriesKind.FLOW, START, HOUR, values)

    assert hard_violations(subject(GENERATION, psr_type="B04"), gas)[EvidenceRule.NEGATIVE][-1]
    assert hard_violations(subject(GENERATION, psr_type="B10"), pumped) == {}


def test_negative_load_is_said_once() -> None:
    values = load(60).values.copy()
    values[-3] = -20_000.0

    found = hard_violations(subject(), Series(SeriesKind.LOAD, START, HOUR, values))

    assert set(found) == {EvidenceRule.SIGN}


def test_output_above_installed_capacity_is_a_finding() -> None:
    series = Series(SeriesKind.WIND, START, HOUR, np.array([104.0, 106.0]), {"capacity": np.array([100.0, 100.0])})

    assert hard_violations(subject(GENERATION, psr_type="B19"), series)[EvidenceRule.ABOVE_CAPACITY].tolist() == [
        False,
        True,
    ]


def shining(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Series:
    return Series(SeriesKind.SOLAR, START, HOUR, values)


def test_solar_output_in_the_dark_is_found_and_twilight_is_not() -> None:
    clean = solar(60)
    spoiled = clean.values.copy()
    spoiled[40 * 24 + 1] = 9_000.0
    bright = subject(GENERATION, psr_type="B16")

    assert np.flatnonzero(output_at_night(bright, shining(spoiled))).tolist() == [40 * 24 + 1]
    assert not output_at_night(bright, shining(clean.values)).any()


def test_what_meters_show_at_night_and_what_stored_heat_yields_every_night_is_allowed() -> None:
    clean = solar(60).values
    spain = subject(GENERATION, "ES", "B16")

    assert not output_at_night(spain, shining(clean + 20.0)).any()
    assert not output_at_night(spain, shining(clean + 1_500.0))[15 * 24 :].any()
    assert not output_at_night(spain, shining(np.full(48, np.nan))).any()
    assert not output_at_night(spain, Series(SeriesKind.WIND, START, HOUR, clean)).any()


def test_load_far_from_its_seasonal_base_is_found_whatever_its_spread() -> None:
    values = load(60).values.copy()
    values[-10], values[-5] = values[-10] * 0.3, values[-5] * 2.0

    found = beyond_seasonal_bounds(Series(SeriesKind.LOAD, START, HOUR, values))

    assert np.flatnonzero(found).tolist() == [len(values) - 10, len(values) - 5]


def test_only_actual_load_of_several_values_a_day_has_seasonal_bounds() -> None:
    daily = Series(SeriesKind.LOAD, START, 86_400, np.array([100.0] * 60 + [900.0]))

    assert not beyond_seasonal_bounds(daily).any()
    values = load(60).values.copy()
    values[-10] *= 0.3
    announced = Series(SeriesKind.LOAD, START, HOUR, values)
    assert hard_violations(subject(DataItem.LOAD_FORECAST_DAY_AHEAD), announced) == {}


@pytest.mark.parametrize(
    ("item", "hours", "found"),
    [
        (DataItem.LOAD_ACTUAL, 6, False),
        (DataItem.LOAD_ACTUAL, 12, True),
        (DataItem.EXCHANGE_SCHEDULED, 12, False),
    ],
)
def test_a_long_run_of_repeated_values_is_a_finding_where_something_is_measured(
    item: DataItem, hours: int, *, found: bool
) -> None:
    series = load(60)
    filled = np.zeros(len(series.values), np.bool_)
    filled[-hours - 5 : -5] = True

    assert flat_fill(subject(item), series, filled).sum() == (hours if found else 0)
    assert (EvidenceRule.FLAT_FILL in hard_violations(subject(item), series, filled)) == found


def test_zero_may_be_repeated_for_long() -> None:
    series = flows(*[0.0] * 24 * 30)

    assert not flat_fill(subject(DataItem.FLOW_PHYSICAL, "x>y"), series, np.ones(len(series.values), np.bool_)).any()


@pytest.mark.parametrize("make", [load, solar])
@pytest.mark.parametrize("size", [0, 1, 10])
def test_short_series_and_unknown_values_break_no_rule(make: Callable[[int], Series], size: int) -> None:
    base = make(2)
    values = np.full(size, np.nan)
    item = DataItem.LOAD_ACTUAL if base.kind is SeriesKind.LOAD else GENERATION
    psr_type = "" if base.kind is SeriesKind.LOAD else "B16"

    assert hard_violations(subject(item, psr_type=psr_type), Series(base.kind, START, HOUR, values)) == {}


@pytest.mark.parametrize(("rests_at", "found"), [(300.0, 0), (150.0, 12)])
def test_a_line_may_rest_at_its_limit_and_not_below(rests_at: float, found: int) -> None:
    values = 150 + 140 * np.sin(2 * np.pi * np.arange(24 * 60) / 31)
    values[24 * 40] = 310.0
    values[-20:-7] = rests_at
    filled = np.zeros(len(values), np.bool_)
    filled[-19:-7] = True
    border = Series(SeriesKind.FLOW, START, HOUR, values)

    assert flat_fill(subject(DataItem.FLOW_PHYSICAL, "x>y"), border, filled).sum() == found
    assert (EvidenceRule.STUCK in signatures(border)) == bool(found)
