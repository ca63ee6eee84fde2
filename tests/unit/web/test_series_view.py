"""What the page of a series shows, and what the catalogue is searched with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest

from app.kit.language import speaking
from app.market.areas import borders_of, find_area
from app.market.series import SeriesKey
from app.market.time import Interval, Resolution
from app.timeseries.queries import LatestValue, SeriesFilter, StoredSeries
from app.web.pages.languages import languages
from app.web.pages.search import matching
from app.web.pages.series_view import (
    TABLE_ROWS,
    SeriesView,
    chart_lines,
    counterparts,
    first_range,
    lines_of,
    newest_part,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 30, 9, 30, tzinfo=UTC)
DE_LU = "10Y1001A1001A82H"


def series(
    newest: datetime | None = NOW, resolution: Resolution = Resolution.PT15M, unit: str = "MAW", currency: str = ""
) -> StoredSeries:
    key = SeriesKey("entsoe", "load_actual", DE_LU, unit=unit, currency=currency)
    latest = LatestValue(newest, resolution, 1.5, NOW) if newest else None
    return StoredSeries(7, key, NOW, (resolution,), NOW, latest)


def test_the_last_week_with_values_is_shown_first_whole_days_over_a_clock_change() -> None:
    found = first_range(series(), BERLIN, NOW)
    assert found == Interval(datetime(2026, 3, 23, 23, tzinfo=UTC), datetime(2026, 3, 30, 22, tzinfo=UTC))
    ahead = first_range(series(NOW + timedelta(days=1)), BERLIN, NOW)
    assert ahead.end == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert first_range(series(None), BERLIN, NOW).end == datetime(2026, 3, 30, 22, tzinfo=UTC)
    assert first_range(series(resolution=Resolution.P1Y), BERLIN, NOW).duration > timedelta(days=9000)


def test_the_table_has_the_newest_values_from_the_beginning_of_a_day_on() -> None:
    year = Interval(NOW - timedelta(days=365), NOW)
    part = newest_part(year, Resolution.PT15M, BERLIN)
    assert part.end == NOW
    assert (part.start.astimezone(BERLIN).hour, part.duration // timedelta(minutes=15)) >= (0, TABLE_ROWS)
    short = Interval(NOW - timedelta(hours=5), NOW)
    assert newest_part(short, Resolution.PT15M, BERLIN) == short
    long = Interval(NOW - timedelta(days=9000), NOW)
    assert newest_part(long, Resolution.P1M, BERLIN).start.astimezone(BERLIN).day == 1


def test_the_parameters_name_the_series_the_range_and_what_was_asked_of_it() -> None:
    view = SeriesView(series(), Interval(NOW, NOW + timedelta(days=1)), NOW, Resolution.PT60M)
    found = parse_qs(view.query(format="csv"))
    assert found == {
        "item": ["load_actual"],
        "area": ["DE_LU"],
        "series": ["7"],
        "from": ["2026-03-30T09:30:00Z"],
        "to": ["2026-03-31T09:30:00Z"],
        "as_of": ["2026-03-30T09:30:00Z"],
        "resolution": ["PT60M"],
        "format": ["csv"],
    }
    assert view.unit == "MW"
    assert SeriesView(series(unit="MWH", currency="EUR"), view.interval).unit == "EUR/MWh"


def test_lines_carry_a_key_where_one_is_needed_and_no_statement_where_units_are_longer() -> None:
    span = Interval(NOW, NOW + timedelta(days=1))
    plain = {one.name: one.text for one in lines_of(SeriesView(series(), span), "http://here", keyed=False)}
    assert plain.keys() == {"curl", "pandas", "polars", "DuckDB", "SQL"}
    assert not any("GRIDKEEPER_KEY" in text for text in plain.values())
    keyed = {
        one.name: one.text
        for one in lines_of(SeriesView(series(), span, resolution=Resolution.P1D), "http://here", keyed=True)
    }
    assert keyed.keys() == {"curl", "pandas", "polars", "DuckDB"}
    assert all("GRIDKEEPER_KEY" in text for text in keyed.values())


def test_series_beside_it_are_in_every_line_and_each_is_a_line_of_the_chart() -> None:
    span = Interval(NOW, NOW + timedelta(days=1))
    other = replace(series(unit="MAW"), series_id=9, key=replace(series().key, item="load_forecast_day_ahead"))
    view = SeriesView(series(), span, NOW, beside=(other,))
    found = parse_qs(view.query())
    assert (found["item"], found["series"]) == (["load_actual,load_forecast_day_ahead"], ["7", "9"])
    lines = {one.name: one.text for one in lines_of(view, "http://here", keyed=False)}
    assert "series_id in (7, 9)" in lines["SQL"]
    assert all("series=7&series=9" in lines[name] for name in ("curl", "pandas", "polars", "DuckDB"))
    assert "series_id in (7, 9)" in lines_of(replace(view, as_of=None), "", keyed=True)[-1].text
    chart = chart_lines(view, "api")
    assert [line["name"] for line in chart] == [
        "load actual, DE_LU",
        "load forecast day ahead, DE_LU",
        "load actual, DE_LU now",
    ]
    assert ["as_of" in line["values"] for line in chart] == [True, True, False]
    assert len(chart_lines(replace(view, as_of=None), "api")) == 2


def test_what_happened_is_compared_with_what_was_forecast_of_the_same_place_the_likest_first() -> None:
    actual = series()

    def like(number: int, **key: str) -> StoredSeries:
        return replace(actual, series_id=number, key=replace(actual.key, **key))

    stored = [
        like(1, item="load_forecast_day_ahead", business_type="A60"),
        like(2, item="load_forecast_day_ahead"),
        like(3, item="load_forecast_day_ahead", business_type="A61"),
        like(4, item="load_forecast_day_ahead", area="10YFR-RTE------C"),
        like(5, item="price_day_ahead"),
        actual,
    ]
    assert [one.series_id for one in counterparts(actual, stored)] == [2, 1]
    assert counterparts(like(5, item="price_day_ahead"), stored) == []


@pytest.mark.parametrize(
    ("text", "items", "areas"),
    [
        ("", None, None),
        ("load actual", {"load_actual"}, None),
        ("PRICE france", {"price_day_ahead", "imbalance_price"}, "FR"),
        ("10YFR-RTE------C", None, "FR"),
    ],
)
def test_every_word_narrows_to_an_item_or_an_area_with_its_borders(
    text: str, items: set[str] | None, areas: str | None
) -> None:
    found = matching(text, SeriesFilter())
    assert found is not None
    assert (None if found.items is None else set(found.items)) == items
    if areas is None:
        assert found.areas is None
    else:
        area = find_area(areas)
        assert found.areas is not None
        assert {area.eic, *(border.eic for border in borders_of(area))} <= set(found.areas)


def test_words_are_those_of_the_page_too() -> None:
    with speaking(languages()["de"]):
        found = matching("Frankreich Last", SeriesFilter())
    assert found is not None
    assert {"load_actual", "load_forecast_day_ahead"} <= set(found.items or ())
    assert find_area("FR").eic in (found.areas or ())
    assert matching("Frankreich", SeriesFilter()) is None


def test_a_word_that_names_nothing_finds_nothing_and_a_filter_stays() -> None:
    assert matching("load <script>", SeriesFilter()) is None
    found = matching("load", SeriesFilter(["load_actual", "price_day_ahead"]))
    assert found is not None
    assert found.items == ["load_actual"]
