"""The map of zones: its grid, its figures and their steps, and what an address chooses of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.market.areas import AreaKind, areas, find_place
from app.market.zone_grid import zone_grid
from app.monitoring.models import Lateness
from app.monitoring.zones.figures import (
    SCALES,
    ZoneMeasure,
    freshness_figures,
    gap_figures,
    load_figures,
    moments_of_norm,
    price_figures,
    quality_figures,
)
from app.monitoring.zones.queries import ZoneGaps, ZoneScore, ZoneValue
from app.web.pages.overview.zone_map import MapChoice

NOW = datetime(2026, 10, 25, 12, 20, tzinfo=UTC)
DAY = date(2026, 10, 24)
FR, NL = find_place("FR").eic, find_place("NL").eic
LINKS = {
    "CZ_DE_SK", "DK_1_NO_1", "GB_ELECLINK", "GB_IFA", "GB_IFA2", "IT_GR", "IT_MALTA", "IT_NORD_AT", "IT_NORD_CH",
    "IT_NORD_FR", "IT_NORD_SI", "IT_SACO_AC", "IT_SACO_DC", "NO_1A", "NO_2A", "NO_2_NSL", "PL_CZ", "RU", "RU_KGD",
    "UA", "UA_BEI", "UA_DOBTPP",
}  # fmt: skip
"""Zones that stand for links and market arrangements, or of which nothing is published."""


def test_the_grid_has_every_zone_that_exists_once() -> None:
    places = zone_grid()
    zones = {area.code for area in areas().values() if AreaKind.BIDDING_ZONE in area.kinds and area.exists_at(NOW)}
    assert {place.zone.code for place in places} == zones - LINKS | {"GB"}
    assert len({(place.row, place.column) for place in places}) == len(places)


def test_every_scale_has_a_label_for_each_step() -> None:
    assert SCALES.keys() == set(ZoneMeasure)
    for scale in SCALES.values():
        assert list(scale.bounds) == sorted(scale.bounds)
        assert len(scale.labels) == len(scale.bounds) + 1 == 7


def value(area: str, amount: float, at: datetime = NOW) -> ZoneValue:
    return ZoneValue(area, at, amount, "MWH", "EUR")


def test_prices_and_loads_have_their_steps() -> None:
    prices = price_figures([value(FR, -3.5), value(NL, 120)])
    assert [(one.text, one.step) for one in prices.values()] == [("-3.50", 0), ("120.00", 5)]
    assert prices[NL].words == "120.00 EUR/MWh"
    before = moments_of_norm(NOW)
    # The clocks were set back this morning: the same local hour was an hour earlier in UTC.
    assert before[0] == NOW - timedelta(days=7, hours=1)
    loads = load_figures([value(FR, 110), *(value(FR, 100, at) for at in before), value(NL, 5000)], NOW)
    assert (loads[FR].text, loads[FR].step) == ("110 %", 5)
    assert loads[FR].words == "110 MW, 110 % of the 100 MW of 4 weeks before"
    assert (loads[NL].text, loads[NL].step) == ("5.0 GW", None)


def test_freshness_quality_and_gaps_have_their_steps() -> None:
    pairs = [
        Lateness(item, area, NOW, "PT15M", NOW, timedelta(minutes=late))
        for item, area, late in (
            ("load_actual", "FR", 0),
            ("price_day_ahead", "FR", 30),
            ("load_actual", "NL", 0),
            ("flow_physical", "FR>NL", 900),
        )
    ]
    fresh = freshness_figures(pairs, {"FR": FR, "NL": NL})
    assert [(one.text, one.step) for one in fresh.values()] == [("30 min", 2), ("on time", 0)]
    assert fresh[FR].words == "price_day_ahead is late by 30 min"
    long = [Lateness("load_actual", "FR", NOW, "PT15M", NOW, timedelta(hours=hours)) for hours in (5, 72)]
    assert [freshness_figures([one], {"FR": FR})[FR].text for one in long] == ["5 h", "3 d"]
    quality = quality_figures([ZoneScore(FR, DAY, 99, 2, 0), ZoneScore(NL, DAY, 50, 1, 1)])
    assert [(one.text, one.step) for one in quality.values()] == [("99.0", 1), ("50.0", 6)]
    gaps = gap_figures({NL: ZoneGaps(NL, 2, 30)}, [FR, NL])
    assert [(one.text, one.step, one.words) for one in gaps.values()] == [
        ("0", 0, "nothing is missing"),
        ("30", 3, "30 values missing in 2 gaps"),
    ]


def test_an_address_chooses_measure_day_and_hour() -> None:
    now = MapChoice.of("", "", "", ["load_actual"], NOW)
    assert (now.measure, now.now, now.day, now.at, now.last_hour) == (
        ZoneMeasure.LOAD, True, date(2026, 10, 25), NOW.replace(minute=0), 24,
    )  # fmt: skip
    chosen = MapChoice.of("price", "2026-03-29", "24", [], NOW)
    assert (chosen.now, chosen.hour, chosen.at) == (False, 22, datetime(2026, 3, 29, 21, tzinfo=UTC))
    wrong = MapChoice.of("prize", "yesterday", "25", ["price_day_ahead"], NOW)
    assert wrong.problems == (
        "There is no map by 'prize', did you mean price?",
        "'yesterday' is no day; write it as 2026-10-25",
        "'25' is no hour of a day; write 0 to 23",
    )
    for far in ("9999-12-31", "0001-01-01", "1989-12-31"):
        outside = MapChoice.of("load", far, "0", [], NOW)
        assert (outside.problems, outside.day) == (
            (f"{far} lies outside 1990-01-01 to 2100-01-01",), date(2026, 10, 25),
        )  # fmt: skip
    assert (wrong.measure, MapChoice.of("", "", "", [], NOW).measure) == (ZoneMeasure.PRICE, ZoneMeasure.FRESHNESS)


@pytest.mark.parametrize("measure", ZoneMeasure)
def test_every_measure_leads_somewhere(measure: ZoneMeasure) -> None:
    from app.web.pages.overview.zone_map import PATHS

    assert PATHS[measure].endswith("area=")
