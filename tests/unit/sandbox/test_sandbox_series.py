"""The synthetic series: functions of seed, series and instant with the shape of the real ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from app.entsoe.items import ITEMS
from app.entsoe.market_document import Identity
from app.market.areas import Area, Border, Place, areas, find_place, is_eic
from app.market.series import DataItem
from app.market.time import Interval, Resolution
from app.sandbox.items import identities, values
from app.sandbox.noise import fraction, key_of, smooth, steps, uniform
from app.sandbox.profiles import capacities, resolution_segments
from app.sandbox.series import units
from app.sandbox.values import Grid, SyntheticValues, ValueRequest, generation

JUNE = datetime(2024, 6, 3, 22, tzinfo=UTC)
LATER = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


def area(code: str) -> Area:
    return areas()[code]


def border(code: str) -> Border:
    place = find_place(code)
    assert isinstance(place, Border)
    return place


def grid(place: Place, *, start: datetime = JUNE, days: int = 7, resolution: Resolution = Resolution.PT15M) -> Grid:
    interval = Interval(start, start + timedelta(days=days))
    starts = resolution.starts(interval, place.zone)
    return Grid(resolution, place.zone, np.append(starts, int(interval.end.timestamp())))


def wanted(item: DataItem, place: Place, identity: Identity | None = None, **options: Any) -> ValueRequest:
    now = options.pop("now", LATER)
    seed = options.pop("seed", 0)
    chosen = identity or identities(item, place)[0]
    return ValueRequest(seed, item, place, chosen, grid(place, **options), now)


def values_of(item: DataItem, place: Place, identity: Identity | None = None, **options: Any) -> SyntheticValues:
    return values(wanted(item, place, identity, **options))


def test_noise_is_uniform_smooth_noise_stays_in_its_band_and_steps_hold() -> None:
    seconds = np.arange(0, 4_000_000, 900, dtype=np.int64)
    drawn = uniform(7, seconds)
    assert 0.48 < drawn.mean() < 0.52
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert np.abs(smooth(7, seconds, 36_000)).max() <= 1
    assert len(np.unique(steps(7, seconds, 90_000))) == len(seconds) // 100 + 1


def test_noise_of_another_key_is_other_noise() -> None:
    seconds = np.arange(0, 900_000, 900, dtype=np.int64)
    assert abs(np.corrcoef(uniform(1, seconds), uniform(2, seconds))[0, 1]) < 0.1
    assert key_of("a", 1) != key_of("a", 2)
    assert fraction("x") == fraction("x")


def test_values_before_1970_are_numbers_too() -> None:
    past = values_of(DataItem.LOAD_ACTUAL, area("FR"), start=datetime(1965, 1, 1, tzinfo=UTC))
    assert np.isfinite(past).all()


@pytest.mark.parametrize("item", list(DataItem))
def test_every_item_has_finite_values_for_every_place_that_has_it(item: DataItem) -> None:
    spec = ITEMS[item]
    places: list[Place] = [*areas().values(), border("FR>DE_LU"), border("DE_LU>FR")]
    for place in (one for one in places if spec.exists_for(one)):
        for identity in identities(item, place):
            numbers = values_of(item, place, identity, days=1, resolution=Resolution.PT60M)
            if item is not DataItem.IMBALANCE_VOLUME:
                assert np.isfinite(numbers).all(), (item, place)
            if item not in {DataItem.PRICE_DAY_AHEAD, DataItem.IMBALANCE_PRICE}:
                assert not (numbers < 0).any(), (item, place)


def test_the_value_of_an_instant_does_not_depend_on_the_window() -> None:
    week = values_of(DataItem.GENERATION_ACTUAL, area("DE_LU"), days=7)
    day = values_of(DataItem.GENERATION_ACTUAL, area("DE_LU"), start=JUNE + timedelta(days=2), days=1)
    assert (week[192:288] == day).all()


def test_another_seed_gives_another_year() -> None:
    first = values_of(DataItem.LOAD_ACTUAL, area("NL"), seed=0)
    second = values_of(DataItem.LOAD_ACTUAL, area("NL"), seed=1)
    assert (first != second).mean() > 0.9


def test_load_is_larger_by_day_than_by_night_and_on_workdays_than_on_sundays() -> None:
    load = values_of(DataItem.LOAD_ACTUAL, area("DE_LU"), days=7).reshape(7, 96)
    assert load[:, 36:76].mean() > 1.2 * load[:, 8:20].mean()
    assert load[0].mean() > 1.1 * load[5].mean()


def test_solar_generation_is_zero_at_night_and_positive_at_noon_of_the_place() -> None:
    solar = Identity("A01", "B16")
    days = values_of(DataItem.GENERATION_ACTUAL, area("ES"), solar, days=7).reshape(7, 96)
    assert (days[:, :16] == 0).all()
    assert (days[:, 48:56] > 0).all()


def test_wind_is_autocorrelated() -> None:
    wind = values_of(DataItem.GENERATION_ACTUAL, area("DE_LU"), Identity("A01", "B19"), days=60)
    assert np.corrcoef(wind[:-4], wind[4:])[0, 1] > 0.95
    assert np.corrcoef(wind[:-960], wind[960:])[0, 1] < 0.6


def test_pumped_storage_never_pumps_and_generates_at_once() -> None:
    pumping, generating = (
        generation(wanted(DataItem.GENERATION_ACTUAL, area("DE_LU"), Identity("A01", "B10", consumption=side), days=30))
        for side in (True, False)
    )
    assert pumping.any()
    assert generating.any()
    assert not ((pumping > 0) & (generating > 0)).any()


def test_flows_of_both_directions_are_never_both_positive() -> None:
    there = values_of(DataItem.FLOW_PHYSICAL, border("FR>BE"), days=60)
    back = values_of(DataItem.FLOW_PHYSICAL, border("BE>FR"), days=60)
    assert there.any() or back.any()
    assert not ((there > 0) & (back > 0)).any()


def test_prices_fall_below_zero_on_some_summer_noons_only() -> None:
    prices = values_of(DataItem.PRICE_DAY_AHEAD, area("DE_LU"), days=90).reshape(90, 96)
    assert (prices[:, 48:60] < 0).any()
    assert prices[:, 72:84].mean() > 60
    assert (prices < 0).mean() < 0.2


def test_an_imbalance_is_either_a_surplus_or_a_deficit() -> None:
    surplus, deficit = (
        values_of(DataItem.IMBALANCE_VOLUME, area("NL"), Identity("A19", flow_direction=direction), days=7)
        for direction in ("A01", "A02")
    )
    assert (np.isnan(surplus) ^ np.isnan(deficit)).all()


def test_both_imbalance_prices_mostly_agree() -> None:
    excess, shortage = (
        values_of(DataItem.IMBALANCE_PRICE, area("NL"), Identity("A19", category=category), days=30)
        for category in ("A04", "A05")
    )
    assert 0.9 < (excess == shortage).mean() < 1
    assert (shortage >= excess).all()


def test_the_least_load_of_a_day_lies_below_the_greatest() -> None:
    least, greatest = (
        values_of(
            DataItem.LOAD_FORECAST_WEEK_AHEAD,
            area("DE_LU"),
            Identity(business),
            resolution=Resolution.P1D,
        )
        for business in ("A60", "A61")
    )
    assert (least < greatest).all()


def test_a_renewed_forecast_changes_until_delivery_and_nears_the_truth() -> None:
    item, place = DataItem.WIND_SOLAR_FORECAST_CURRENT, area("DE_LU")
    onshore = Identity("A93", "B19")
    truth = values_of(DataItem.GENERATION_ACTUAL, place, Identity("A01", "B19"), days=2)
    early, late = (
        values_of(item, place, onshore, days=2, now=int(JUNE.timestamp()) + hours * 3600) for hours in (-12, 47)
    )
    assert (early != late).any()
    assert np.abs(late - truth).mean() < np.abs(early - truth).mean()


def test_a_day_ahead_forecast_does_not_depend_on_the_present() -> None:
    item, place = DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD, area("DE_LU")
    assert (values_of(item, place, now=0) == values_of(item, place, now=LATER)).all()


def test_germany_has_sixteen_types_and_its_storage_consumes_too() -> None:
    found = identities(DataItem.GENERATION_ACTUAL, area("DE_LU"))
    assert len([one for one in found if not one.consumption]) == 16
    assert [one.psr_type for one in found if one.consumption] == ["B10"]


def test_units_have_well_formed_codes_of_their_own() -> None:
    known = [unit for place in areas().values() for unit in units(place) if not unit.consumption]
    codes = [unit.unit_eic for unit in known]
    assert all(is_eic(code) for code in codes)
    assert not any(code.endswith("-") for code in codes)
    assert len(set(codes)) == len(codes)


def test_two_auctions_are_held_where_two_exchanges_are() -> None:
    assert [one.sequence for one in identities(DataItem.PRICE_DAY_AHEAD, area("DE_LU"))] == ["1", "2"]
    assert [one.sequence for one in identities(DataItem.PRICE_DAY_AHEAD, area("FR"))] == ["1"]
    assert [one.contract for one in identities(DataItem.PRICE_DAY_AHEAD, area("ES"))] == ["A01", "A07"]


def test_installed_capacity_names_every_type_and_grows_for_wind_and_sun() -> None:
    start = datetime(2019, 12, 31, 23, tzinfo=UTC)
    found = identities(DataItem.INSTALLED_CAPACITY, area("DE_LU"))
    assert [one.psr_type for one in found] == [f"B{number:02}" for number in range(1, 21)]
    solar = values_of(
        DataItem.INSTALLED_CAPACITY, area("DE_LU"), found[15], start=start, days=1096, resolution=Resolution.P1Y
    )
    assert solar[0] == capacities(area("DE_LU"))["B16"]
    assert (np.diff(solar) > 0).all()


def test_an_exchange_of_an_area_is_a_mistake_that_is_named() -> None:
    with pytest.raises(TypeError, match="flow_physical needs a border, not the area FR"):
        values_of(DataItem.FLOW_PHYSICAL, area("FR"))


@pytest.mark.parametrize(
    ("item", "place", "expected"),
    [
        (DataItem.LOAD_ACTUAL, "NL", ["PT15M"]),
        (DataItem.LOAD_ACTUAL, "DE_LU", ["PT15M"]),
        (DataItem.LOAD_ACTUAL, "GB", ["PT30M"]),
        (DataItem.LOAD_ACTUAL, "ES", ["PT60M"]),
        (DataItem.LOAD_ACTUAL, "FR", ["PT60M", "PT15M"]),
        (DataItem.GENERATION_ACTUAL, "FR", ["PT60M"]),
        (DataItem.IMBALANCE_PRICE, "ES", ["PT15M"]),
        (DataItem.PRICE_DAY_AHEAD, "FR", ["PT60M", "PT15M"]),
        (DataItem.PRICE_DAY_AHEAD, "CH", ["PT60M"]),
        (DataItem.FLOW_PHYSICAL, "DE_LU>NL", ["PT15M"]),
        (DataItem.FLOW_PHYSICAL, "FR>DE_LU", ["PT60M"]),
        (DataItem.TRANSFER_CAPACITY_DAY_AHEAD, "DE_LU>NL", ["PT60M"]),
        (DataItem.LOAD_FORECAST_YEAR_AHEAD, "FR", ["P7D"]),
    ],
)
def test_market_time_units_follow_item_area_and_date(item: DataItem, place: str, expected: list[str]) -> None:
    two_years = Interval(datetime(2024, 6, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    found = resolution_segments(item, find_place(place), ITEMS[item].resolutions, two_years)
    assert [resolution.code for _, resolution in found] == expected
    assert found[0][0].start == two_years.start
    assert found[-1][0].end == two_years.end


def test_a_window_after_the_change_of_the_unit_has_the_new_unit_only() -> None:
    window = Interval(datetime(2025, 9, 30, 22, tzinfo=UTC), datetime(2025, 10, 1, 22, tzinfo=UTC))
    found = resolution_segments(
        DataItem.PRICE_DAY_AHEAD, find_place("FR"), ITEMS[DataItem.PRICE_DAY_AHEAD].resolutions, window
    )
    assert found == [(window, Resolution.PT15M)]
