"""The answers of the sandbox: protocol, refusals, documents and pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from lxml import etree

from app.entsoe.items import ITEMS
from app.entsoe.request import Refused, read_request
from app.market.areas import Border, find_place
from app.market.series import DataItem
from app.market.time import delivery_day
from app.sandbox.answers import answer, paged, time_series
from tests.support.sandbox_factory import CALM, DAY, NOW, ask, document, periods, query, reason, texts


def names(node: etree._Element) -> list[str]:
    return [etree.QName(child).localname for child in node]


def refused(parameters: dict[str, str]) -> tuple[int, str]:
    given = answer(parameters, CALM, NOW)
    return given.status, reason(given)


def good() -> dict[str, str]:
    return {
        "documentType": "A65",
        "processType": "A16",
        "outBiddingZone_Domain": "10YNL----------L",
        "periodStart": "202409012200",
        "periodEnd": "202409022200",
    }


ONE_PLACE = {
    item: "FR>DE_LU" if spec.border else "FR" if item in {DataItem.IMBALANCE_PRICE, DataItem.IMBALANCE_VOLUME} else "DE_LU"
    for item, spec in ITEMS.items()
}  # fmt: skip


@pytest.mark.parametrize("item", list(DataItem))
def test_every_item_is_answered_with_a_document_of_its_kind(item: DataItem) -> None:
    given = ask(item, ONE_PLACE[item])
    spec, root = ITEMS[item], document(given)
    assert given.status == 200
    assert texts(root, "type")[0] == spec.document_type
    assert texts(root, "createdDateTime") == ["2026-05-07T10:00:00Z"]
    assert texts(root, "process.processType") in ([spec.process_type], [], ["A16"])
    assert texts(root, "position")[0] == "1"
    assert len(texts(root, "position")) == len(texts(root, "resolution")) or spec.resolutions[0].seconds


@pytest.mark.parametrize("item", list(DataItem))
def test_equal_questions_get_equal_answers(item: DataItem) -> None:
    assert ask(item, ONE_PLACE[item]) == ask(item, ONE_PLACE[item])


@pytest.mark.parametrize(
    ("item", "root_name", "namespace"),
    [
        (DataItem.LOAD_ACTUAL, "GL_MarketDocument", "generationloaddocument:3:0"),
        (DataItem.PRICE_DAY_AHEAD, "Publication_MarketDocument", "publicationdocument:7:3"),
        (DataItem.FLOW_PHYSICAL, "Publication_MarketDocument", "publicationdocument:7:0"),
        (DataItem.IMBALANCE_PRICE, "Balancing_MarketDocument", "balancingdocument:4:4"),
    ],
)
def test_documents_have_the_platforms_root_and_namespace(item: DataItem, root_name: str, namespace: str) -> None:
    root = document(ask(item, ONE_PLACE[item]))
    assert etree.QName(root).localname == root_name
    assert (etree.QName(root).namespace or "").endswith(namespace)


def test_load_stands_on_the_out_side_and_generation_on_the_in_side() -> None:
    load = next(document(ask(DataItem.LOAD_ACTUAL, "NL")).iter("{*}TimeSeries"))
    assert names(load) == [
        "mRID", "businessType", "objectAggregation", "outBiddingZone_Domain.mRID", "quantity_Measure_Unit.name",
        "curveType", "Period",
    ]  # fmt: skip
    generation = list(document(ask(DataItem.GENERATION_ACTUAL, "DE_LU")).iter("{*}TimeSeries"))
    assert names(generation[0])[3] == "inBiddingZone_Domain.mRID"
    assert names(generation[0])[6] == "MktPSRType"
    assert names(generation[-1])[3] == "outBiddingZone_Domain.mRID"
    assert texts(generation[-1], "psrType") == ["B10"]


def test_a_border_names_both_domains() -> None:
    root = document(ask(DataItem.FLOW_PHYSICAL, "FR>DE_LU"))
    assert texts(root, "in_Domain.mRID") == ["10Y1001A1001A82H"]
    assert texts(root, "out_Domain.mRID") == ["10YFR-RTE------C"]


def test_prices_name_auction_contract_currency_and_sequence() -> None:
    series = next(document(ask(DataItem.PRICE_DAY_AHEAD, "DE_LU")).iter("{*}TimeSeries"))
    assert names(series) == [
        "mRID", "auction.type", "businessType", "in_Domain.mRID", "out_Domain.mRID", "contract_MarketAgreement.type",
        "currency_Unit.name", "price_Measure_Unit.name", "classificationSequence_AttributeInstanceComponent.position",
        "curveType", "Period",
    ]  # fmt: skip


def test_imbalance_prices_come_as_a_zip_with_the_area_at_the_document() -> None:
    given = ask(DataItem.IMBALANCE_PRICE, "NL")
    root = document(given)
    assert given.content_type == "application/zip"
    assert given.file_name == "IMBALANCE_PRICES_R3_202409012200-202409022200.zip"
    assert texts(root, "area_Domain.mRID") == ["10YNL----------L"]
    assert [set(texts(series, "imbalance_Price.category")) for series in root.iter("{*}TimeSeries")] == [
        {"A04"},
        {"A05"},
    ]


def test_imbalance_volumes_are_runs_of_one_direction_in_order_of_time() -> None:
    given = ask(DataItem.IMBALANCE_VOLUME, "NL")
    bounds = [(start, end) for start, end, _, _ in periods(given)]
    directions = texts(document(given), "flowDirection.direction")
    assert all(before != after for before, after in pairwise(directions))
    assert all(before[1] == after[0] for before, after in pairwise(bounds))
    assert (bounds[0][0], bounds[-1][1]) == ("2024-09-01T22:00Z", "2024-09-02T22:00Z")


def test_units_are_named_at_the_series_and_at_their_type() -> None:
    series = next(document(ask(DataItem.GENERATION_PER_UNIT, "NL")).iter("{*}TimeSeries"))
    unit = texts(series, "registeredResource.mRID")[0]
    assert unit in texts(series, "mRID")
    assert texts(series, "name")[0].startswith("NL B01 unit")


def test_the_file_name_says_item_and_period() -> None:
    assert ask(DataItem.LOAD_ACTUAL, "NL").file_name == "Actual Total Load 202409012200-202409022200.xml"


@pytest.mark.parametrize(("day", "positions"), [(date(2024, 3, 31), 92), (date(2024, 10, 27), 100), (DAY, 96)])
def test_days_of_a_clock_change_have_their_own_number_of_positions(day: date, positions: int) -> None:
    (only,) = periods(ask(DataItem.LOAD_ACTUAL, "DE_LU", day))
    assert only[3] == list(range(1, positions + 1))


def test_calendar_units_step_in_local_time() -> None:
    given = ask(DataItem.LOAD_FORECAST_WEEK_AHEAD, "DE_LU", date(2024, 3, 25), 14)
    expected = ("2024-03-24T23:00Z", "2024-04-07T22:00Z", "P1D", list(range(1, 15)))
    assert periods(given) == [expected, expected]


def test_week_and_year_units_are_snapped_outwards() -> None:
    week = ("2024-09-01T22:00Z", "2024-09-08T22:00Z", "P7D", [1])
    assert periods(ask(DataItem.LOAD_FORECAST_MONTH_AHEAD, "NL", date(2024, 9, 4))) == [week, week]
    assert periods(ask(DataItem.RESERVOIR_FILLING, "NL", date(2024, 9, 4))) == [week]
    year = periods(ask(DataItem.LOAD_FORECAST_YEAR_AHEAD, "NL", date(2024, 1, 1), 366))
    assert {(start, end, len(positions)) for start, end, _, positions in year} == {
        ("2023-12-31T23:00Z", "2025-01-05T23:00Z", 53)
    }
    assert periods(ask(DataItem.FORECAST_MARGIN, "NL")) == [("2023-12-31T23:00Z", "2024-12-31T23:00Z", "P1Y", [1])]


def test_prices_are_whole_days_one_series_a_day_and_sequence() -> None:
    place = find_place("DE_LU")
    start = delivery_day(DAY, place.zone).start + timedelta(hours=5)
    given = answer(query(DataItem.PRICE_DAY_AHEAD, place, start, start + timedelta(hours=20)), CALM, NOW)
    assert [(begin, end) for begin, end, _, _ in periods(given)] == [
        ("2024-09-01T22:00Z", "2024-09-02T22:00Z"),
        ("2024-09-01T22:00Z", "2024-09-02T22:00Z"),
        ("2024-09-02T22:00Z", "2024-09-03T22:00Z"),
        ("2024-09-02T22:00Z", "2024-09-03T22:00Z"),
    ]
    assert texts(document(given), "classificationSequence_AttributeInstanceComponent.position") == ["1", "2", "1", "2"]


def test_prices_turn_to_quarter_hours_in_october_2025() -> None:
    found = periods(ask(DataItem.PRICE_DAY_AHEAD, "FR", date(2025, 9, 30), 2))
    assert [(start, resolution) for start, _, resolution, _ in found] == [
        ("2025-09-29T22:00Z", "PT60M"),
        ("2025-09-30T22:00Z", "PT15M"),
    ]


def test_one_series_may_hold_periods_of_two_resolutions() -> None:
    given = ask(DataItem.LOAD_ACTUAL, "FR", date(2024, 12, 31), 2)
    assert len(texts(document(given), "businessType")) == 1
    assert [(start, resolution) for start, _, resolution, _ in periods(given)] == [
        ("2024-12-30T23:00Z", "PT60M"),
        ("2024-12-31T00:00Z", "PT15M"),
    ]


def test_a_month_of_generation_omits_repeated_values_and_load_does_not() -> None:
    given = ask(DataItem.GENERATION_ACTUAL, "DE_LU", date(2024, 5, 1), 31)
    written = sum(len(positions) for _, _, _, positions in periods(given))
    assert 0.65 < written / (17 * 2976) < 0.85
    for _, _, _, positions in periods(given):
        assert positions[0] == 1
    assert set(texts(document(given), "curveType")) == {"A03"}


def test_schedules_are_written_in_full_as_a01() -> None:
    given = ask(DataItem.EXCHANGE_SCHEDULED, "FR>DE_LU")
    assert set(texts(document(given), "curveType")) == {"A01"}
    assert [len(positions) for _, _, _, positions in periods(given)] == [24, 24]
    assert texts(document(given), "contract_MarketAgreement.type") == ["A01", "A05"]


def test_the_curve_type_can_be_asked_for() -> None:
    given = ask(DataItem.GENERATION_ACTUAL, "DE_LU", curveType="A01")
    assert {len(positions) for _, _, _, positions in periods(given)} == {96}


def test_a_window_is_snapped_to_whole_units() -> None:
    given = answer(good() | {"periodStart": "202409012207", "periodEnd": "202409012251"}, CALM, NOW)
    assert [period[:2] for period in periods(given)] == [("2024-09-01T22:00Z", "2024-09-01T23:00Z")]


def test_filters_narrow_the_answer() -> None:
    assert texts(document(ask(DataItem.GENERATION_ACTUAL, "NL", psrType="B16")), "psrType") == ["B16"]
    assert "No matching data" in reason(ask(DataItem.GENERATION_ACTUAL, "NL", psrType="B13"))
    intraday = ask(DataItem.PRICE_DAY_AHEAD, "ES", contract="A07")
    assert texts(document(intraday), "contract_MarketAgreement.type") == ["A07"]
    assert texts(document(ask(DataItem.IMBALANCE_PRICE, "AT", psrType="A04")), "businessType") == ["A19", "A19"]


def test_parameter_names_are_read_in_any_case_and_the_interval_in_both_forms() -> None:
    plain = answer(good(), CALM, NOW)
    capital = {name[0].upper() + name[1:]: value for name, value in good().items()}
    assert periods(answer(capital, CALM, NOW)) == periods(plain)
    without = {name: value for name, value in good().items() if not name.startswith("period")}
    joined = without | {"TimeInterval": "2024-09-01T22:00Z/2024-09-02T22:00Z"}
    assert periods(answer(joined, CALM, NOW)) == periods(plain)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"outBiddingZone_Domain": "10Y----------XXX"}, "Delivered Area EIC 10Y----------XXX is not valid."),
        ({"processType": "A99"}, "The combination of [DocumentType=A65,ProcessType=A99] is not valid, or"),
        ({"documentType": ""}, "The combination of [ProcessType=A16] is not valid"),
        ({"documentType": "a65"}, "is not valid"),
        ({"in_Domain": "10YNL----------L"}, "The combination of [DocumentType=A65,ProcessType=A16] is not valid"),
        ({"businessType": "A19"}, "The combination of [DocumentType=A65,ProcessType=A16,BusinessType=A19]"),
        ({"bogus": "1"}, "Input parameter does not exist: bogus"),
        ({"periodStart": ""}, "Mandatory parameter periodStart is missing."),
        ({"periodStart": "2024-09-01"}, "The value 2024-09-01 of parameter periodStart is not valid"),
        ({"periodEnd": "202413012200"}, "The value 202413012200 of parameter periodEnd is not valid"),
        ({"periodEnd": "202409012200"}, "Delivered time interval is not valid for this Data item."),
        ({"timeInterval": "2024-09-01/2024-09-02"}, "The value 2024-09-01 of parameter timeInterval is not valid"),
        ({"timeInterval": "tomorrow/2024-09-02"}, "The value tomorrow of parameter timeInterval is not valid"),
        ({"outBiddingZone_Domain": ""}, "Mandatory parameter outBiddingZone_Domain is missing."),
        ({"periodEnd": "202510012200"}, "exceeds the allowed maximum of 1 year"),
        ({"offset": "x"}, "The value x of parameter offset is not valid."),
    ],
)
def test_wrong_parameters_are_refused_as_the_platform_does(change: dict[str, str], text: str) -> None:
    status, said = refused(good() | change)
    assert status == 400
    assert text in said


def test_an_area_of_another_kind_is_refused() -> None:
    given = ask(DataItem.LOAD_ACTUAL, "NL")
    assert given.status == 200
    prices = {
        "documentType": "A44", "in_Domain": "10YDE-ENBW-----N", "out_Domain": "10YDE-ENBW-----N",
        "periodStart": "202409012200", "periodEnd": "202409022200",
    }  # fmt: skip
    assert refused(prices) == (400, "Delivered Area EIC 10YDE-ENBW-----N is not valid.")
    two = prices | {"in_Domain": "10YNL----------L", "out_Domain": "10YFR-RTE------C"}
    assert "must be the same area" in refused(two)[1]


def test_capacities_need_their_contract() -> None:
    parameters = query(DataItem.TRANSFER_CAPACITY_DAY_AHEAD, find_place("FR>DE_LU"), NOW, NOW + timedelta(days=1))
    del parameters["contract_MarketAgreement.Type"]
    assert "The combination of [DocumentType=A61]" in refused(parameters)[1]


def test_a_day_of_units_is_the_most_and_an_autumn_day_fits() -> None:
    assert ask(DataItem.GENERATION_PER_UNIT, "NL", date(2024, 10, 27)).status == 200
    two = ask(DataItem.GENERATION_PER_UNIT, "NL", DAY, 2)
    assert two.status == 400
    assert "exceeds the allowed maximum of 1 day" in reason(two)


def test_no_matching_data_names_item_areas_and_interval() -> None:
    unknown_border = Border(*(find_place(code) for code in ("PT", "FI")))  # type: ignore[arg-type]
    parameters = query(DataItem.FLOW_PHYSICAL, unknown_border, NOW - timedelta(days=9), NOW - timedelta(days=8))
    said = (
        "No matching data found for Data item PHYSICAL_FLOWS [12.1.G] (10YFI-1--------U, 10YPT-REN------W) "
        "and interval 2026-04-28T10:00:00Z/2026-04-29T10:00:00Z."
    )
    assert refused(parameters) == (200, said)
    gone = ask(DataItem.PRICE_DAY_AHEAD, "DE_AT_LU", DAY)
    assert "ENERGY_PRICES [12.1.D] (10Y1001A1001A63L, 10Y1001A1001A63L)" in reason(gone)


def test_an_area_ends_where_its_validity_ends() -> None:
    found = periods(ask(DataItem.PRICE_DAY_AHEAD, "DE_LU", date(2018, 9, 29), 4))
    assert found[0][0] == "2018-09-30T22:00Z"


def test_prices_of_a_year_come_in_pages_of_a_hundred_series() -> None:
    counts = []
    for offset in range(0, 900, 100):
        given = ask(DataItem.PRICE_DAY_AHEAD, "DE_LU", date(2024, 1, 1), 366, offset=str(offset))
        counts.append(len(texts(document(given), "businessType")))
    assert counts == [100] * 7 + [32, 0]
    assert "No matching data" in reason(given)


def test_an_item_that_does_not_page_refuses_more_series_than_its_limit() -> None:
    found = find_place("DE_LU")
    day = delivery_day(DAY, found.zone)
    request = read_request(query(DataItem.GENERATION_PER_UNIT, found, day.start, day.end))
    series = time_series(request, CALM, NOW)
    limited = replace(request.spec, max_series=30)
    with pytest.raises(Refused, match=r"The number of instances \(47\) exceeds the allowed maximum \(30\)"):
        paged(limited, series, 0)
    assert paged(replace(request.spec, max_series=47), series, 0) == series
