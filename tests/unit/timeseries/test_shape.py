"""Values in the form that was asked for: other units, one auction, one history."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.errors import ConfigurationError
from app.market.areas import AreaKind, areas
from app.market.series import SeriesKey
from app.market.time import Interval, Resolution, delivery_day
from app.timeseries.export.columns import Look
from app.timeseries.export.csv_rows import CsvWriter, WideCsvWriter
from app.timeseries.query import SeriesQuery, shown_under
from app.timeseries.reads import ObservationBatch
from app.timeseries.shape import Aggregation, Auction, Resampling, Shaped, choose_auction, history_of, join, resample

BERLIN = ZoneInfo("Europe/Berlin")
LOAD = SeriesKey("entsoe", "load_actual", areas()["DE_LU"].eic)
PRICE = SeriesKey("entsoe", "price_day_ahead", areas()["DE_LU"].eic)
QUARTER, HOUR, DAY = Resolution.PT15M, Resolution.PT60M, Resolution.P1D


def batch(key: SeriesKey, resolution: Resolution, values: Mapping[str, float]) -> ObservationBatch:
    starts = np.array([int(datetime.fromisoformat(text).timestamp()) for text in values], np.int64)
    count = len(values)
    return ObservationBatch(
        key, starts, np.full(count, resolution.id, np.int16), np.array(list(values.values()), np.float64),
        np.zeros(count, np.bool_), np.zeros(count, np.int64),
    )  # fmt: skip


def day_of(day: date, value: float = 2.0, *, without: int | None = None) -> ObservationBatch:
    starts = QUARTER.starts(delivery_day(day, BERLIN), BERLIN)
    texts = [datetime.fromtimestamp(start, UTC).isoformat() for start in starts.tolist()]
    return batch(LOAD, QUARTER, {text: value for number, text in enumerate(texts) if number != without})


QUARTERS = {
    f"2024-01-15T{hour:02}:{minute:02}Z": 10.0 * hour + minute / 15 for hour in (0, 1) for minute in (0, 15, 30, 45)
}


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [
        (Aggregation.MEAN, [1.5, 11.5]), (Aggregation.SUM, [6.0, 46.0]), (Aggregation.MIN, [0.0, 10.0]),
        (Aggregation.MAX, [3.0, 13.0]), (Aggregation.LAST, [3.0, 13.0]), (Aggregation.COUNT, [4.0, 4.0]),
    ],
)  # fmt: skip
def test_quarters_become_hours(aggregate: Aggregation, expected: list[float]) -> None:
    shaped = resample(batch(LOAD, QUARTER, QUARTERS), Resampling(HOUR, aggregate), BERLIN)
    assert shaped.batch.values.tolist() == expected
    assert shaped.batch.resolutions.tolist() == [HOUR.id] * 2
    assert shaped.coverage is not None
    assert shaped.coverage.tolist() == [1.0, 1.0]


def test_the_sum_of_power_is_energy_and_a_count_has_no_unit() -> None:
    power = batch(replace(LOAD, unit="MAW"), QUARTER, QUARTERS)
    for aggregate, expected, unit in (
        (Aggregation.SUM, [1.5, 11.5], "MWH"), (Aggregation.MEAN, [1.5, 11.5], "MAW"), (Aggregation.COUNT, [4.0, 4.0], ""),
    ):  # fmt: skip
        shaped = resample(power, Resampling(HOUR, aggregate), BERLIN).batch
        assert (shaped.values.tolist(), shaped.key.unit) == (expected, unit)


def test_means_have_the_digits_of_the_source() -> None:
    noisy = batch(LOAD, QUARTER, dict(zip(QUARTERS, [0.1, 0.2, 0.3, 0.0, -1e5, 0.1, 0.2, 0.0], strict=True)))
    assert resample(noisy, Resampling(HOUR, Aggregation.SUM), BERLIN).batch.values.tolist() == [0.6, -99999.7]
    assert resample(noisy, Resampling(HOUR, Aggregation.MEAN), BERLIN).batch.values.tolist() == [0.15, -24999.925]


def test_an_hour_with_a_hole_has_no_value_and_says_how_much_of_it_is_there() -> None:
    holed = {text: value for text, value in QUARTERS.items() if text != "2024-01-15T00:30Z"}
    shaped = resample(batch(LOAD, QUARTER, holed), Resampling(HOUR), BERLIN)
    assert shaped.coverage is not None
    assert shaped.coverage.tolist() == [0.75, 1.0]
    assert np.isnan(shaped.batch.values).tolist() == [True, False]
    enough = resample(batch(LOAD, QUARTER, holed), Resampling(HOUR, coverage=0.5), BERLIN)
    assert enough.batch.values.tolist() == pytest.approx([4 / 3, 11.5])
    counted = resample(batch(LOAD, QUARTER, holed), Resampling(HOUR, Aggregation.COUNT), BERLIN)
    assert counted.batch.values.tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    ("day", "quarters"), [(date(2024, 3, 31), 92), (date(2024, 10, 27), 100), (date(2024, 6, 1), 96)]
)
def test_days_have_23_24_or_25_hours(day: date, quarters: int) -> None:
    shaped = resample(day_of(day), Resampling(DAY, Aggregation.SUM), BERLIN)
    assert shaped.batch.values.tolist() == [2.0 * quarters]
    assert shaped.batch.starts.tolist() == [int(delivery_day(day, BERLIN).start.timestamp())]
    holed = resample(day_of(day, without=10), Resampling(DAY, Aggregation.SUM), BERLIN)
    assert np.isnan(holed.batch.values).tolist() == [True]
    hours = resample(day_of(day), Resampling(HOUR), BERLIN)
    assert len(hours) == quarters // 4
    assert set(hours.batch.values.tolist()) == {2.0}


def test_months_and_weeks_begin_where_they_do() -> None:
    days = batch(LOAD, DAY, {"2024-02-28T23:00Z": 1.0, "2024-02-29T23:00Z": 2.0})
    months = resample(days, Resampling(Resolution.P1M, Aggregation.COUNT), BERLIN)
    assert months.batch.starts.tolist() == [
        int(datetime.fromisoformat(text).timestamp()) for text in ("2024-01-31T23:00Z", "2024-02-29T23:00Z")
    ]
    weeks = resample(days, Resampling(Resolution.P7D, Aggregation.SUM, 0.0), BERLIN)
    assert weeks.batch.starts.tolist() == [int(datetime(2024, 2, 25, 23, tzinfo=UTC).timestamp())]
    assert weeks.batch.values.tolist() == [3.0]


def test_the_resolution_that_covers_more_of_a_unit_counts() -> None:
    hours = batch(LOAD, HOUR, {"2024-01-15T00:00Z": 100.0, "2024-01-15T01:00Z": 100.0})
    quarters = batch(LOAD, QUARTER, {text: value for text, value in QUARTERS.items() if text != "2024-01-15T00:30Z"})
    mixed = join([hours, quarters])
    shaped = resample(mixed, Resampling(HOUR), BERLIN)
    assert shaped.batch.values.tolist() == [100.0, 11.5]


def test_a_resolution_finer_than_what_is_stored_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"the resolution PT15M is finer.*load_actual DE_LU: PT60M"):
        resample(batch(LOAD, HOUR, {"2024-01-15T00:00Z": 1.0}), Resampling(QUARTER), BERLIN)


def prices(sequence: str, resolution: Resolution, values: Mapping[str, float]) -> ObservationBatch:
    from dataclasses import replace

    return batch(replace(PRICE, sequence=sequence), resolution, values)


EXAA_PRICES = prices("2", QUARTER, dict.fromkeys(QUARTERS, 7.0))
SDAC_PRICES = prices("1", HOUR, {"2024-01-15T00:00Z": 1.0})


def chosen(auction: Auction, *series: ObservationBatch) -> list[tuple[str, float]]:
    found = choose_auction(series, auction, lambda _area: BERLIN)
    return sorted(
        (datetime.fromtimestamp(start, UTC).strftime("%H:%M"), value)
        for one in found
        for start, value in zip(one.starts.tolist(), one.values.tolist(), strict=True)
    )


@pytest.mark.parametrize("order", [(SDAC_PRICES, EXAA_PRICES), (EXAA_PRICES, SDAC_PRICES)])
def test_the_preferred_auction_is_one_price_for_each_instant(order: tuple[ObservationBatch, ...]) -> None:
    late = [("01:00", 7.0), ("01:15", 7.0), ("01:30", 7.0), ("01:45", 7.0)]
    assert chosen(Auction.PREFERRED, *order) == [("00:00", 1.0), *late]
    assert chosen(Auction.SDAC, *order) == [("00:00", 1.0)]
    assert len(chosen(Auction.EXAA, *order)) == 8
    assert len(chosen(Auction.ALL, *order)) == 9


def test_a_price_without_a_sequence_is_that_of_the_coupled_auction() -> None:
    assert chosen(Auction.SDAC, prices("", HOUR, {"2024-01-15T00:00Z": 1.0})) == [("00:00", 1.0)]


def test_a_history_goes_over_the_change_of_zones() -> None:
    year = Interval(datetime(2018, 1, 1, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC))
    change = datetime(2018, 9, 30, 22, tzinfo=UTC)
    zones = frozenset({AreaKind.BIDDING_ZONE})
    physical = zones | {AreaKind.COUNTRY}

    def parts(code: str, kinds: frozenset[AreaKind]) -> list[tuple[str, datetime, datetime]]:
        return [(place.code, one.start, one.end) for place, one in history_of(areas()[code], year, kinds)]

    both = [("DE_AT_LU", year.start, change), ("DE_LU", change, year.end)]
    assert parts("DE_LU", zones) == parts("DE_LU", physical) == both
    assert [code for code, _, _ in parts("AT", zones)] == ["DE_AT_LU", "AT"]
    assert [code for code, _, _ in parts("AT", physical)] == ["AT"]
    assert parts("FR", zones) == [("FR", year.start, year.end)]


def test_a_wide_table_has_a_column_for_each_series_and_one_for_a_history() -> None:
    from dataclasses import replace

    from app.market.series import DataItem

    before = replace(PRICE, area=areas()["DE_AT_LU"].eic, in_area="x")
    item = DataItem.PRICE_DAY_AHEAD
    query = SeriesQuery({}, continues={(item, before.area): (PRICE.area,), (item, PRICE.area): (PRICE.area,)})
    out = io.StringIO()
    writer = WideCsvWriter(out, Look(BERLIN, shown_under=lambda key: shown_under(key, query)))
    writer.write(Shaped(batch(before, HOUR, {"2018-09-30T21:00Z": 1.0})))
    writer.write(Shaped(batch(replace(PRICE, sequence="2"), HOUR, {"2018-09-30T22:00Z": 2.0})))
    writer.write(Shaped(batch(LOAD, HOUR, {"2018-09-30T22:00Z": 3.5})))
    writer.close()
    assert list(csv.reader(io.StringIO(out.getvalue()))) == [
        ["delivery_start", "price_day_ahead DE_LU", "load_actual DE_LU"],
        ["2018-09-30T23:00:00+02:00", "1", ""],
        ["2018-10-01T00:00:00+02:00", "2", "3.5"],
    ]


def test_the_two_hours_of_an_autumn_night_are_told_apart_by_their_offsets() -> None:
    out = io.StringIO()
    writer = CsvWriter(out, Look(BERLIN))
    writer.write(Shaped(batch(LOAD, HOUR, {"2024-10-27T00:00Z": 1.0, "2024-10-27T01:00Z": 2.0})))
    starts = [row["delivery_start"] for row in csv.DictReader(io.StringIO(out.getvalue()))]
    assert starts == ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"]


def test_an_auction_that_is_covered_wholly_hides_nothing_itself() -> None:
    whole = prices("1", HOUR, {"2024-01-15T00:00Z": 1.0, "2024-01-15T01:00Z": 2.0})
    third = prices("3", HOUR, {"2024-01-15T02:00Z": 3.0})
    found = chosen(Auction.PREFERRED, join([whole]), EXAA_PRICES, third)
    assert found == [("00:00", 1.0), ("01:00", 2.0), ("02:00", 3.0)]


@pytest.mark.parametrize(("year", "zone"), [(2017, "DE_AT_LU"), (2019, "DE_LU")])
def test_a_history_on_one_side_of_the_change_is_one_zone(year: int, zone: str) -> None:
    one = Interval(datetime(year, 1, 1, tzinfo=UTC), datetime(year, 2, 1, tzinfo=UTC))
    found = history_of(areas()["DE_LU"], one, frozenset({AreaKind.BIDDING_ZONE}))
    assert [(place.code, part) for place, part in found] == [(zone, one)]


def test_values_know_their_number() -> None:
    assert len(Shaped(SDAC_PRICES)) == 1
