"""Cross-series evidence: who is asked, what they say, and when they prove nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from app.market.areas import areas
from app.market.series import DataItem, SeriesKey
from app.quality.detectors import consistency as cross
from app.quality.detectors.consistency import RelatedValues
from app.quality.detectors.related_series import PARTS, RelatedSeries, Role, companions
from app.quality.models import EvidenceRule, Series, SeriesKind
from app.timeseries.rolling import Values
from tests.support.quality_series import START, load, price, wind

EIC = {code: area.eic for code, area in areas().items()}
DAYS = 90


def key(item: DataItem, area: str, **more: str) -> SeriesKey:
    out_area, arrow, in_area = area.partition(">")
    place = f"{EIC[out_area]}>{EIC[in_area]}" if arrow else EIC[area]
    return SeriesKey("entsoe", item.value, place, **more)


def names(one: SeriesKey) -> dict[Role, list[str]]:
    found: dict[Role, list[str]] = {}
    for companion in companions(one):
        found.setdefault(companion.role, []).append(companion.name)
    return found


def test_load_is_asked_about_with_its_forecast_its_parts_and_the_balance() -> None:
    found = names(key(DataItem.LOAD_ACTUAL, "DE_LU"))

    assert found[Role.FORECAST] == ["load_forecast_day_ahead DE_LU"]
    assert found[Role.PART] == [f"load_actual {code}" for code in PARTS["DE_LU"]]
    assert found[Role.GENERATION] == found[Role.CONSUMPTION] == ["generation_actual DE_LU"]
    assert "flow_physical DE_LU>FR" in found[Role.EXPORT]
    assert "flow_physical FR>DE_LU" in found[Role.IMPORT]


def test_output_is_asked_about_with_capacity_and_weather_with_forecasts() -> None:
    gas = names(key(DataItem.GENERATION_ACTUAL, "FR", psr_type="B04", direction="generation"))
    sun = names(key(DataItem.GENERATION_ACTUAL, "FR", psr_type="B16", direction="generation"))

    assert set(gas) == {Role.CAPACITY}
    assert len(sun[Role.FORECAST]) == 3
    assert companions(key(DataItem.GENERATION_ACTUAL, "FR", psr_type="B10", direction="consumption")) == ()


def test_flows_and_prices_are_asked_about_with_the_other_side() -> None:
    assert names(key(DataItem.FLOW_PHYSICAL, "FR>DE_LU")) == {Role.OPPOSITE: ["flow_physical DE_LU>FR"]}
    schedules = names(key(DataItem.EXCHANGE_SCHEDULED, "FR>DE_LU"))
    assert schedules == {Role.OPPOSITE: ["exchange_scheduled DE_LU>FR"]}
    assert "price_day_ahead BE" in names(key(DataItem.PRICE_DAY_AHEAD, "FR"))[Role.NEIGHBOUR]
    assert companions(SeriesKey("entsoe", "load_actual", "10Y-UNKNOWN-----X"))[0].role is Role.FORECAST


def test_what_a_forecast_announced_speaks_about_it() -> None:
    [load_measured] = companions(key(DataItem.LOAD_FORECAST_DAY_AHEAD, "FR"))
    [wind_measured] = companions(key(DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD, "FR", psr_type="B19"))

    assert (load_measured.role, load_measured.name) == (Role.MEASUREMENT, "load_actual FR")
    assert (wind_measured.name, wind_measured.direction) == ("generation_actual FR B19", "generation")


def test_a_companion_fits_its_item_area_type_and_side_only() -> None:
    wanted = RelatedSeries(Role.PART, DataItem.GENERATION_ACTUAL, EIC["FR"], "B10", "generation")

    assert wanted.fits(key(DataItem.GENERATION_ACTUAL, "FR", psr_type="B10", direction="generation"))
    assert wanted.fits(key(DataItem.GENERATION_ACTUAL, "FR", psr_type="B10"))
    assert not wanted.fits(key(DataItem.GENERATION_ACTUAL, "FR", psr_type="B10", direction="consumption"))
    assert not wanted.fits(key(DataItem.GENERATION_ACTUAL, "FR", psr_type="B11"))
    assert not wanted.fits(key(DataItem.GENERATION_ACTUAL, "BE", psr_type="B10"))
    assert RelatedSeries(Role.PART, DataItem.LOAD_ACTUAL, "a>b").name == "load_actual a>b"


def hear(series: Series, company: RelatedValues) -> dict[EvidenceRule, cross.ConsistencyResult]:
    return {one.rule: one for one in cross.testimonies(series, series.values, company)}


def spoiled(series: Series, first: int, values: Values | float) -> Series:
    changed = series.values.copy()
    changed[first : first + 24] = values
    return replace(series, values=changed)


def shares(whole: Series) -> Mapping[str, Values]:
    rng = np.random.default_rng(3)
    return {name: whole.values * part + rng.normal(0, 2, len(whole.values)) for name, part in (("a", 0.6), ("b", 0.38))}


LAST = (DAYS - 10) * 24


def test_a_whole_that_leaves_the_sum_of_its_parts_is_found_and_the_parts_are_named() -> None:
    series = load(DAYS)
    said = hear(spoiled(series, LAST, series.values[LAST : LAST + 24] + 2_000), {Role.PART: shares(series)})[
        EvidenceRule.PARTS
    ]

    assert np.flatnonzero(said.flags).tolist() == list(range(LAST, LAST + 24))
    assert said.witnesses == ("a", "b")
    assert said.relation == "sum of 2 areas"
    assert said.suggested[LAST] == pytest.approx(series.values[LAST], rel=0.01)


def test_one_fault_does_not_hide_the_next() -> None:
    series = load(DAYS)
    faulty = series
    for first in range(60 * 24, 85 * 24, 96):
        faulty = spoiled(faulty, first, series.values[first : first + 24] * 1.1)

    said = hear(faulty, {Role.PART: shares(series)})[EvidenceRule.PARTS]

    assert (said.flags == (faulty.values != series.values)).all()


def test_a_single_part_and_parts_that_are_unknown_say_nothing() -> None:
    series = load(DAYS)
    unknown = {"a": series.values, "b": np.full(len(series.values), np.nan)}

    assert hear(series, {Role.PART: {"a": series.values}}) == {}
    assert not hear(series, {Role.PART: unknown})[EvidenceRule.PARTS].flags.any()


def area_of(series: Series) -> RelatedValues:
    rng = np.random.default_rng(5)
    windy = wind(DAYS).values / 2
    foreign = 3_000 * np.sin(np.arange(len(series.values)) / 50)
    other = series.values - windy - foreign + 500 + rng.normal(0, 400, len(series.values))
    return {
        Role.GENERATION: {"wind": windy, "other": other + 800},
        Role.CONSUMPTION: {"pumps": np.full(len(series.values), 1_300.0)},
        Role.IMPORT: {"FR>DE_LU": np.fmax(foreign, 0)},
        Role.EXPORT: {"DE_LU>FR": np.fmax(-foreign, 0)},
    }


def test_load_that_leaves_the_balance_for_hours_is_found() -> None:
    series = load(DAYS)
    said = hear(spoiled(series, LAST, series.values[LAST : LAST + 24] + 12_000), area_of(series))[EvidenceRule.BALANCE]

    assert said.flags[LAST + 2 : LAST + 24].all()
    assert not said.flags[:LAST].any()
    assert not said.flags[LAST + 27 :].any()
    assert said.witnesses == ("wind", "other", "pumps", "FR>DE_LU", "DE_LU>FR")


def test_without_one_side_of_the_balance_nothing_is_said() -> None:
    series, company = load(DAYS), area_of(load(DAYS))

    for role in (Role.GENERATION, Role.IMPORT, Role.EXPORT):
        assert hear(series, {other: terms for other, terms in company.items() if other is not role}) == {}


def border() -> tuple[Series, Values]:
    net = 800 * np.sin(np.arange(DAYS * 24) / 9) + wind(DAYS).values / 200
    return Series(SeriesKind.FLOW, START, 3600, np.fmax(net, 0)), np.fmax(-net, 0)


def test_both_directions_at_once_are_found_where_they_are_not_usual() -> None:
    series, other = border()
    said = hear(spoiled(series, LAST, 500.0), {Role.OPPOSITE: {"back": other}})[EvidenceRule.MIRROR]

    assert said.flags[LAST : LAST + 24][other[LAST : LAST + 24] > 300].all()
    assert not said.flags[:LAST].any()


def test_the_values_of_the_other_direction_are_found_at_once() -> None:
    series, other = border()
    copied = series.values.copy()
    copied[LAST : LAST + 72] = other[LAST : LAST + 72]
    said = hear(replace(series, values=copied), {Role.OPPOSITE: {"back": other}})[EvidenceRule.MIRROR]

    assert said.flags[LAST : LAST + 72][other[LAST : LAST + 72] > 300].all()
    assert said.witnesses == ("back",)


def test_a_wrong_value_of_the_other_direction_condemns_nobody_else() -> None:
    series, other = border()
    wrong = other.copy()
    wrong[LAST : LAST + 24] += 4000.0

    assert not hear(series, {Role.OPPOSITE: {"back": wrong}})[EvidenceRule.MIRROR].flags.any()


def test_a_direction_that_is_not_known_yet_proves_nothing() -> None:
    series, other = border()
    unknown = other.copy()
    unknown[LAST:] = np.nan

    assert not hear(series, {Role.OPPOSITE: {"back": unknown}})[EvidenceRule.MIRROR].flags.any()


def test_zero_in_one_direction_is_excused_while_energy_flows_in_the_other() -> None:
    series = Series(SeriesKind.FLOW, START, 3600, np.array([0.0, 0.0, 5.0, 0.0]))
    other = np.array([7.0, 0.0, 7.0, np.nan])

    assert cross.excused(series, {Role.OPPOSITE: {"back": other}}).tolist() == [True, False, False, False]
    assert not cross.excused(series, {}).any()


def test_directions_that_always_flow_together_are_a_habit() -> None:
    series = replace(load(DAYS), kind=SeriesKind.FLOW)

    assert not hear(series, {Role.OPPOSITE: {"back": series.values * 0.5 + 100}})[EvidenceRule.MIRROR].flags.any()
    assert hear(series, {Role.OPPOSITE: {"a": series.values, "b": series.values}}) == {}


def coupled(series: Series) -> dict[str, Values]:
    return {
        name: series.values + np.random.default_rng(seed).normal(0, 4, len(series.values))
        for seed, name in enumerate(("FR", "NL", "AT", "PL"))
    }


def test_a_price_that_leaves_all_its_neighbours_is_found() -> None:
    series = price(DAYS)
    said = hear(spoiled(series, LAST, 300.0), {Role.NEIGHBOUR: coupled(series)})[EvidenceRule.NEIGHBOURS]

    assert said.flags[LAST + 1 : LAST + 24].all()
    assert not said.flags[:LAST].any()
    assert said.suggested[LAST + 5] < 300.0


def test_neighbours_that_contradict_each_other_prove_nothing() -> None:
    series = price(DAYS)
    near = coupled(series)
    near["PL"][LAST : LAST + 24] = 320.0

    said = hear(spoiled(series, LAST, 300.0), {Role.NEIGHBOUR: near})[EvidenceRule.NEIGHBOURS]

    assert not said.flags.any()


def test_a_wrong_price_of_a_neighbour_condemns_nobody_else() -> None:
    series = price(DAYS)
    near = {"FR": coupled(series)["FR"]}
    near["FR"][LAST : LAST + 5] = 6000.0

    assert not hear(series, {Role.NEIGHBOUR: near})[EvidenceRule.NEIGHBOURS].flags.any()


def test_a_wrong_part_does_not_condemn_the_whole() -> None:
    series = load(DAYS)
    terms = {name: values.copy() for name, values in shares(series).items()}
    first = next(iter(terms.values()))
    first[LAST : LAST + 24] *= 0.2

    assert not hear(series, {Role.PART: terms})[EvidenceRule.PARTS].flags.any()


def test_a_neighbour_without_a_price_is_left_out() -> None:
    series = price(DAYS)
    near = coupled(series) | {"CH": np.full(len(series.values), np.nan)}

    assert hear(spoiled(series, LAST, 300.0), {Role.NEIGHBOUR: near})[EvidenceRule.NEIGHBOURS].flags[LAST + 5]


@pytest.mark.parametrize("days", [1, 5, 9, 13])
def test_neighbours_without_enough_common_history_judge_nothing(days: int) -> None:
    own = price(84)
    near = own.values + 40 * np.random.default_rng(4).standard_normal(len(own.values))
    near[: -days * 24] = np.nan
    [found] = cross.testimonies(own, own.values, {Role.NEIGHBOUR: {"FR": near}})
    assert not found.flags.any()


def test_ten_values_no_value_and_daily_values_are_no_matter_for_others() -> None:
    for series in (load(0), replace(load(1), values=load(1).values[:10]), load(60, step=86_400)):
        assert not any(one.flags.any() for one in cross.testimonies(series, series.values, {Role.PART: shares(series)}))
