from __future__ import annotations

import pytest

from app.errors import MalformedDocument
from app.market.text import instants
from app.market.time import Resolution, iso
from app.sources.entsoe.parsing import curves, parser
from app.sources.entsoe.parsing import points as points_module
from app.sources.entsoe.parsing.curves import PositionLimit
from app.sources.entsoe.parsing.documents import ExpandedCurve, MarketDocument, Rejection
from app.sources.entsoe.parsing.parser import KEPT_BYTES, read_documents
from tests.support.documents_factory import acknowledgement, document, period, point, points, series

Row = tuple[str, float, bool]


def read(body: bytes) -> MarketDocument:
    (found,) = read_documents(body)
    return found


def rows(curve: ExpandedCurve) -> list[Row]:
    return list(zip(instants(curve.starts), curve.values.tolist(), curve.filled.tolist(), strict=True))


def only_rows(body: bytes) -> list[Row]:
    (curve,) = read(body).curves
    return rows(curve)


def values(body: bytes) -> list[float]:
    return [value for curve in read(body).curves for value in curve.values.tolist()]


def reasons(body: bytes) -> list[str]:
    return [rejection.reason for rejection in read(body).rejections]


SHORT = ("2024-01-15T00:00Z", "2024-01-15T04:00Z")


def short(inner: str, *, resolution: str = "PT60M", name: str = "Period") -> str:
    return period(inner, start=SHORT[0], end=SHORT[1], resolution=resolution, name=name)


# Curves


def test_a03_repeats_the_last_value_up_to_the_end_of_the_period() -> None:
    assert only_rows(document(series(short(points({1: 5, 3: 7.5}))))) == [
        ("2024-01-15T00:00:00Z", 5.0, False),
        ("2024-01-15T01:00:00Z", 5.0, True),
        ("2024-01-15T02:00:00Z", 7.5, False),
        ("2024-01-15T03:00:00Z", 7.5, True),
    ]


@pytest.mark.parametrize("curve_type", ["A01", "A02", None])
def test_a_position_not_written_is_a_gap_under_the_other_curve_types(curve_type: str | None) -> None:
    assert only_rows(document(series(short(points({1: 5, 3: 7.5})), curve_type=curve_type))) == [
        ("2024-01-15T00:00:00Z", 5.0, False),
        ("2024-01-15T02:00:00Z", 7.5, False),
    ]


def test_a03_fills_neither_before_the_first_value_nor_the_hole_between_two_periods() -> None:
    body = document(
        series(
            period(points({2: 5}), start="2024-01-15T00:00Z", end="2024-01-15T02:00Z"),
            period(points({1: 6}), start="2024-01-15T04:00Z", end="2024-01-15T05:00Z"),
        )
    )
    first, second = read(body).curves
    assert rows(first) == [("2024-01-15T01:00:00Z", 5.0, False)]
    assert rows(second) == [("2024-01-15T04:00:00Z", 6.0, False)]


def test_points_may_stand_out_of_order_in_a_period() -> None:
    body = document(series(short(point(3, 30) + point(1, 10))))
    assert [row[1:] for row in only_rows(body)] == [(10.0, False), (10.0, True), (30.0, False), (30.0, True)]
    assert not read(body).rejections


def test_of_a_position_written_twice_the_last_counts_and_the_first_is_reported() -> None:
    body = document(series(short(points({1: 1}) + point(1, 2)), curve_type="A01"))
    assert values(body) == [2.0]
    assert read(body).rejections == (
        Rejection(
            "1",
            "Period 2024-01-15T00:00Z/2024-01-15T04:00Z, position 1 (2024-01-15T00:00:00Z)",
            "1.0",
            "the position is written again later in the Period, which counts",
        ),
    )


def test_positions_outside_the_period_are_rejected_and_the_rest_is_kept() -> None:
    body = document(series(short(points({0: 1, 1: 2, 5: 3, 999_999_999: 4})), curve_type="A01"))
    assert values(body) == [2.0]
    assert [(rejection.where.partition(", ")[2], rejection.text) for rejection in read(body).rejections] == [
        ("position 0 (2024-01-14T23:00:00Z)", "1.0"),
        ("position 5 (2024-01-15T04:00:00Z)", "3.0"),
        ("position 999999999", "4.0"),
    ]


@pytest.mark.parametrize("text", ["", "N/A", "NaN", "inf", "-inf", "12,5", "1_000", "1e999", "٣", "1 2", "0x1"])
def test_a_value_that_is_no_finite_number_is_rejected_and_leaves_the_rest(text: str) -> None:
    body = document(series(short(points({1: 1, 2: text, 3: 3})), curve_type="A01"))
    assert values(body) == [1.0, 3.0]
    (rejection,) = read(body).rejections
    assert rejection.text == text
    assert "position 2 (2024-01-15T01:00:00Z)" in rejection.where


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1e1", "٣", "9999999999"])
def test_a_position_that_is_no_whole_number_is_rejected_by_the_ordinal_of_its_point(text: str) -> None:
    body = document(series(short(point(1, 1) + point(text, 2)), curve_type="A01"))
    assert values(body) == [1.0]
    (rejection,) = read(body).rejections
    assert rejection.where.endswith(", point 2")
    assert rejection.reason == "the position is no whole number"


def test_a_point_without_position_or_value_is_rejected() -> None:
    inner = "<Point><quantity>1</quantity></Point><Point><position>2</position></Point>" + point(3, 3)
    assert reasons(document(series(short(inner)))) == ["the position is no whole number", "the point has no value"]


def test_a_null_value_is_not_filled_over_under_a03() -> None:
    nil = '<Point><position>2</position><quantity xsi:nil="true" xmlns:xsi="urn:x"/></Point>'
    body = document(series(short(point(1, 5) + nil + point(4, 7))))
    assert only_rows(body) == [("2024-01-15T00:00:00Z", 5.0, False), ("2024-01-15T03:00:00Z", 7.0, False)]
    assert reasons(body) == ["the point has no value"]


def test_numbers_may_have_signs_exponents_and_white_space() -> None:
    body = document(series(short(points({1: " -1.50 ", 2: "+2", 3: "1E-5", 4: "-0.0"}))))
    assert values(body) == [-1.5, 2.0, 1e-5, 0.0]
    assert str(values(body)[3]) == "0.0"


# Values and categories


@pytest.mark.parametrize(
    "name",
    [
        "quantity",
        "price.amount",
        "imbalance_Price.amount",
        "activation_Price.amount",
        "procurement_Price.amount",
        "secondaryQuantity",
    ],
)
def test_the_value_is_read_from_any_of_the_value_elements(name: str) -> None:
    assert values(document(series(short(points({1: 4}, name=name)), curve_type="A01"))) == [4.0]


def measures(body: bytes) -> dict[tuple[str, str], list[Row]]:
    return {(curve.header.measure, curve.header.flow_direction): rows(curve) for curve in read(body).curves}


def test_every_number_of_a_point_comes_out_under_its_own_measure_and_unit() -> None:
    price_unit = "<price_Measure_Unit.name>MWH</price_Measure_Unit.name>"
    inner = point(1, 9, extra="<procurement_Price.amount>4</procurement_Price.amount>")
    curves = read(document(series(short(inner), extra=price_unit))).curves
    assert [(curve.header.measure, curve.header.unit, curve.values.tolist()) for curve in curves] == [
        ("quantity", "MAW", [9.0] * 4),
        ("procurement_price", "MWH", [4.0] * 4),
    ]


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("quantity", "quantity"),
        ("quantity.quantity", "quantity"),
        ("price.amount", "price"),
        ("secondaryQuantity", "secondary_quantity"),
        ("unavailable_Quantity.quantity", "unavailable_quantity"),
        ("congestionCost_Price.amount", "congestion_cost_price"),
        ("imbalance_Price.amount", "imbalance_price"),
    ],
)
def test_a_measure_is_named_by_its_element(name: str, measure: str) -> None:
    assert list(measures(document(series(short(points({1: 1}, name=name)))))) == [(measure, "")]


def test_amounts_with_a_direction_are_told_apart_by_it() -> None:
    price = "<Financial_Price><amount>{}</amount><direction>{}</direction></Financial_Price>"
    inner = f"<Point><position>1</position>{price.format(8.5, 'A01')}{price.format(-5, 'A02')}</Point>"
    found = measures(document(series(short(inner), curve_type="A01")))
    assert {key: [row[1] for row in rows] for key, rows in found.items()} == {
        ("financial_price", "A01"): [8.5],
        ("financial_price", "A02"): [-5.0],
    }


def test_a_point_that_lacks_one_of_the_measures_ends_its_block_alone() -> None:
    both = point(1, 5, extra="<procurement_Price.amount>2</procurement_Price.amount>")
    found = measures(document(series(short(both + point(3, 7)))))
    assert [row[1] for row in found["quantity", ""]] == [5.0, 5.0, 7.0, 7.0]
    assert [row[1] for row in found["procurement_price", ""]] == [2.0, 2.0]


# Numbers with separators, positions that cannot be read


def test_thousands_separators_are_read_and_noted_once() -> None:
    body = document(
        series(
            short(
                points({1: "1,652.2", 2: "-12,034", 3: "1,000,000.5", 4: 900}),
            )
        )
    )
    assert values(body) == [1652.2, -12034.0, 1_000_000.5, 900.0]
    assert read(body).notes == (points_module.THOUSANDS_NOTE,)


@pytest.mark.parametrize("text", ["12,5", "0,652", "1,65", "1,6522", "1,,000", ",100", "1,000,00", "1000,000"])
def test_a_comma_that_separates_no_thousands_is_rejected(text: str) -> None:
    assert reasons(document(series(short(points({1: text}))))) == ["the value is no finite number"]


def test_positions_with_thousands_separators_are_read() -> None:
    inner = point(1, 10) + point(999, 20) + point("1,001", 30)
    body = document(series(period(inner, start="2025-07-15T22:00Z", end="2025-07-26T22:00Z", resolution="PT15M")))
    read_values = values(body)
    assert len(read_values) == 1056
    assert (read_values[997], read_values[998], read_values[999], read_values[1000]) == (10.0, 20.0, 20.0, 30.0)


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (point(1, 5) + point("x", 6) + point(4, 7), {0: 5.0, 3: 7.0}),
        (point(1, 5) + point(2, 6) + point("x", 7), {0: 5.0, 1: 6.0}),
        (point("x", 4) + point(2, 6), {1: 6.0, 2: 6.0, 3: 6.0}),
        (point(3, 5) + point("x", 6) + point(1, 7), {2: 5.0, 0: 7.0}),
        (point(1, 5) + point(2, "N/A") + point("x", 6) + point(4, 7), {0: 5.0, 3: 7.0}),
        (point(1, 5) + point("x", 6) + point(2, 7), {0: 5.0, 1: 7.0, 2: 7.0, 3: 7.0}),
    ],
)
def test_nothing_is_repeated_across_a_position_that_cannot_be_read(inner: str, expected: dict[int, float]) -> None:
    (curve,) = read(document(series(short(inner)))).curves
    first = int(curve.period.start.timestamp())
    assert dict(zip(((curve.starts - first) // 3600).tolist(), curve.values.tolist(), strict=True)) == expected


def test_a_position_that_cannot_be_read_ends_the_block_of_its_own_category_only() -> None:
    def priced(position: object, value: int, category: str) -> str:
        extra = f"<imbalance_Price.category>{category}</imbalance_Price.category>"
        return point(position, value, name="imbalance_Price.amount", extra=extra)

    inner = priced(1, 10, "A04") + priced(1, 20, "A05") + priced("x", 30, "A04")
    curves = read(document(series(short(inner)))).curves
    assert {curve.header.category: curve.values.tolist() for curve in curves} == {"A04": [10.0], "A05": [20.0] * 4}


def test_each_price_category_is_a_curve_of_its_own_with_its_own_repetition() -> None:
    def priced(position: int, value: int, category: str) -> str:
        extra = f"<imbalance_Price.category>{category}</imbalance_Price.category>"
        return point(position, value, name="imbalance_Price.amount", extra=extra)

    inner = priced(1, 10, "A04") + priced(1, 20, "A05") + priced(3, 30, "A04")
    curves = read(document(series(short(inner)))).curves
    assert {curve.header.category: curve.values.tolist() for curve in curves} == {
        "A04": [10.0, 10.0, 30.0, 30.0],
        "A05": [20.0, 20.0, 20.0, 20.0],
    }


def test_a_point_without_price_and_category_ends_the_block_of_every_category() -> None:
    extra = "<imbalance_Price.category>A08</imbalance_Price.category>"
    inner = point(1, 10, name="activation_Price.amount", extra=extra) + "<Point><position>3</position></Point>"
    assert [row[1:] for row in only_rows(document(series(short(inner))))] == [(10.0, False), (10.0, True)]


# Headers


def test_the_header_is_read_whatever_the_namespace_or_prefix() -> None:
    plain = document(series(short(points({1: 1}))))
    bare = document(series(short(points({1: 1}))), namespace="")
    other = plain.replace(b":3:0", b":9:9")
    prefixed = (
        plain.replace(b"xmlns=", b"xmlns:p=").replace(b"</", b"</p:").replace(b"<", b"<p:").replace(b"<p:/p:", b"</p:")
    ).replace(b"<p:?xml", b"<?xml")
    expected = read(plain)
    for body in (bare, other, prefixed):
        found = read(body)
        assert (found.root, found.document_type, found.process_type) == ("GL_MarketDocument", "A75", "A16")
        assert found.curves[0].header == expected.curves[0].header
        assert rows(found.curves[0]) == rows(expected.curves[0])


@pytest.mark.parametrize(
    ("element", "in_domain", "out_domain"),
    [
        ("inBiddingZone_Domain", "X", ""),
        ("in_Domain", "X", ""),
        ("acquiring_Domain", "X", ""),
        ("area_Domain", "X", ""),
        ("controlArea_Domain", "X", ""),
        ("biddingZone_Domain", "X", ""),
        ("outBiddingZone_Domain", "", "X"),
        ("out_Domain", "", "X"),
        ("connecting_Domain", "", "X"),
    ],
)
def test_domains_are_told_apart_by_the_side_they_are_written_on(element: str, in_domain: str, out_domain: str) -> None:
    domain = f'<{element}.mRID codingScheme="A01">X</{element}.mRID>'
    document_area = "<area_Domain.mRID>DOCUMENT</area_Domain.mRID>"
    (curve,) = read(document(document_area, series(short(points({1: 1})), domain=domain))).curves
    assert (curve.header.in_domain, curve.header.out_domain) == (in_domain, out_domain)


def test_the_area_of_the_document_stands_in_where_the_series_has_none() -> None:
    body = document(
        "<controlArea_Domain.mRID>10YAT-APG------L</controlArea_Domain.mRID>", series(short(points({1: 1})), domain="")
    )
    assert read(body).curves[0].header.in_domain == "10YAT-APG------L"


def test_every_component_of_the_header_is_read() -> None:
    extra = (
        "<contract_MarketAgreement.type>A01</contract_MarketAgreement.type>"
        "<classificationSequence_AttributeInstanceComponent.position>2"
        "</classificationSequence_AttributeInstanceComponent.position>"
        "<flowDirection.direction>A02</flowDirection.direction><currency_Unit.name>EUR</currency_Unit.name>"
        "<registeredResource.mRID>PLANT</registeredResource.mRID><MktPSRType><psrType>B04</psrType>"
        "<PowerSystemResources><mRID>UNIT</mRID></PowerSystemResources></MktPSRType>"
    )
    header = read(document(series(short(points({1: 1})), extra=extra))).curves[0].header
    assert (header.contract, header.sequence, header.flow_direction, header.currency) == ("A01", "2", "A02", "EUR")
    assert (header.psr_type, header.unit_eic, header.unit, header.business_type) == ("B04", "UNIT", "MAW", "A01")


def test_the_unit_of_the_price_counts_only_where_no_quantity_has_one() -> None:
    price = "<price_Measure_Unit.name>MWH</price_Measure_Unit.name>"
    with_quantity = document(series(short(points({1: 1})), extra=price))
    without = with_quantity.replace(b"<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name>", b"")
    assert read(with_quantity).curves[0].header.unit == "MAW"
    assert read(without).curves[0].header.unit == "MWH"


def test_series_with_equal_keys_are_all_kept_in_document_order() -> None:
    body = document(series(short(points({1: 1}))), series(short(points({1: 2})), mrid="2"))
    found = read(body)
    assert found.time_series == 2
    assert [curve.header.time_series for curve in found.curves] == ["1", "2"]


@pytest.mark.parametrize("name", ["Period", "Available_Period", "WindPowerFeedin_Period"])
def test_all_kinds_of_period_are_read(name: str) -> None:
    assert values(document(series(short(points({1: 1}), name=name), curve_type="A01"))) == [1.0]


def test_comments_and_cdata_and_character_references_do_not_change_a_value() -> None:
    inner = point("1<!-- one -->2", "<![CDATA[4]]>2.5") + point("&#49;", "1<?odd instruction?>5")
    body = document(series(period(inner), curve_type="A01"))
    assert values(body) == [15.0, 42.5]


def test_points_and_series_elsewhere_in_the_document_are_not_read() -> None:
    stray = point(1, 9)
    nested = f"<Wrapper>{series(short(points({1: 8})))}</Wrapper>"
    body = document(
        stray, nested, short(stray), series(short(f"<Group>{stray}</Group>" + points({1: 1})), curve_type="A01")
    )
    assert values(body) == [1.0]
    assert read(body).time_series == 1


# Resolutions and grids


def test_the_resolution_stands_as_written_beside_what_it_means() -> None:
    (curve,) = read(document(series(short(points({1: 1}), resolution="PT1H")))).curves
    assert (curve.resolution_text, curve.resolution) == ("PT1H", Resolution.PT60M)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [("2025-03-29T23:00Z", "2025-03-30T22:00Z", 92), ("2025-10-25T22:00Z", "2025-10-26T23:00Z", 100)],
)
def test_days_of_23_and_25_hours_have_as_many_quarter_hours(start: str, end: str, expected: int) -> None:
    body = document(series(period(points({1: 1}), start=start, end=end, resolution="PT15M")))
    assert len(values(body)) == expected


def test_days_over_the_spring_change_start_at_local_midnights_and_none_is_lost() -> None:
    body = document(
        series(period(points({1: 1}), start="2026-03-27T23:00Z", end="2026-03-30T22:00Z", resolution="P1D"))
    )
    assert [row[0] for row in only_rows(body)] == [
        "2026-03-27T23:00:00Z",
        "2026-03-28T23:00:00Z",
        "2026-03-29T22:00:00Z",
    ]


@pytest.mark.parametrize(
    ("domain", "start", "second"),
    [
        ("10YCA-BULGARIA-R", "2024-03-30T22:00Z", "2024-03-31T21:00:00Z"),
        ("10YNL----------L", "2024-03-30T23:00Z", "2024-03-31T22:00:00Z"),
        ("10YNL----------L", "2024-03-30T22:00Z", "2024-03-31T21:00:00Z"),
        ("UNKNOWN", "2024-03-31T00:00Z", "2024-03-31T23:00:00Z"),
        ("UNKNOWN", "2024-03-31T07:00Z", "2024-04-01T07:00:00Z"),
    ],
)
def test_calendar_steps_follow_the_zone_in_which_the_period_starts_at_midnight(
    domain: str, start: str, second: str
) -> None:
    domain = f"<in_Domain.mRID>{domain}</in_Domain.mRID>"
    end = second.replace(":00Z", "Z").replace("04-01", "04-02").replace("03-31", "04-01")
    inner = period(points({1: 1}), start=start, end=end, resolution="P1D")
    assert only_rows(document(series(inner, domain=domain)))[1][0] == second


def test_a_period_that_starts_and_ends_at_utc_midnights_steps_in_utc() -> None:
    inner = period(points({1: 1}), start="2024-01-01T00:00Z", end="2024-07-01T00:00Z", resolution="P1M")
    found = only_rows(document(series(inner, domain="<in_Domain.mRID>UNKNOWN</in_Domain.mRID>")))
    assert [row[0][5:13] for row in found] == ["01-01T00", "02-01T00", "03-01T00", "04-01T00", "05-01T00", "06-01T00"]


@pytest.mark.parametrize(
    ("resolution", "start", "end", "count"),
    [
        ("P7D", "2024-09-29T22:00Z", "2024-11-03T23:00Z", 5),
        ("P1M", "2021-12-31T23:00Z", "2022-12-31T23:00Z", 12),
        ("P3M", "2021-12-31T23:00Z", "2022-12-31T23:00Z", 4),
        ("P1Y", "2022-12-31T23:00Z", "2023-12-31T23:00Z", 1),
        ("PT4S", "2023-11-08T23:00Z", "2023-11-08T23:01Z", 15),
        ("PT1M", "2023-11-08T23:00Z", "2023-11-08T23:05Z", 5),
    ],
)
def test_every_resolution_expands_to_the_end_of_the_period(resolution: str, start: str, end: str, count: int) -> None:
    assert len(values(document(series(period(points({1: 1}), start=start, end=end, resolution=resolution))))) == count


def test_an_outage_in_minutes_is_one_interval_and_not_expanded() -> None:
    body = document(
        series(period(points({1: 1}), start="2015-05-16T00:00Z", end="2018-04-15T21:00Z", resolution="PT1M")),
        root="Unavailability_MarketDocument",
    )
    assert not read(body).curves
    assert not reasons(body)
    (outage,) = read(body).outages
    assert (iso(outage.start), iso(outage.end), outage.available) == (
        "2015-05-16T00:00:00Z",
        "2018-04-15T21:00:00Z",
        1.0,
    )


@pytest.mark.parametrize(
    ("start", "end", "resolution", "reason"),
    [
        ("2024-01-15T04:00Z", "2024-01-15T00:00Z", "PT60M", "before its start"),
        ("2024-01-15T04:00Z", "2024-01-15T04:00Z", "PT60M", "ends where it starts"),
        ("", "2024-01-15T04:00Z", "PT60M", "no timeInterval"),
        ("yesterday", "2024-01-15T04:00Z", "PT60M", "cannot be used"),
        ("2024-01-15T00:00", "2024-01-15T04:00", "PT60M", "aware"),
        ("2024-01-15T00:00:00.5Z", "2024-01-15T04:00Z", "PT60M", "fractions"),
        ("2024-01-15T00:00Z", "2024-01-15T04:00Z", "PT7M", "unknown resolution"),
        ("2024-01-15T00:00Z", "2024-01-15T04:00Z", "", "unknown resolution"),
        ("2000-01-01T00:00Z", "2024-01-01T00:00Z", "PT4S", "at most 1000000 are expanded"),
        ("0100-01-01T00:00Z", "9000-01-01T00:00Z", "P1D", "at most 1000000 are expanded"),
        ("9990-01-01T00:00Z", "9999-12-31T23:59Z", "P1Y", "cannot be divided into P1Y"),
        ("0001-01-01T00:00+10:00", "0001-01-02T00:00Z", "PT60M", "cannot be used"),
    ],
)
def test_a_period_that_makes_no_grid_is_reported_and_the_others_are_kept(
    start: str, end: str, resolution: str, reason: str
) -> None:
    bad = period(points({1: 1}), start=start, end=end, resolution=resolution)
    body = document(series(bad, short(points({1: 2}))))
    assert set(values(body)) == {2.0}
    (found,) = reasons(body)
    assert reason in found


def test_an_instant_beyond_the_calendar_of_a_zone_is_reported() -> None:
    inner = period(points({1: 1}), start="9999-12-31T23:30Z", end="9999-12-31T23:59Z", resolution="P1D")
    (reason,) = reasons(document(series(inner)))
    assert "beyond the calendar" in reason


def test_curve_types_that_need_breakpoints_are_reported() -> None:
    body = document(series(short(points({1: 1})), curve_type="A04"))
    assert reasons(body) == ["curves of type A04 are not expanded; known are A01, A02 and A03"]


def test_many_huge_grids_in_one_answer_are_refused_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "MAX_POSITIONS", 2 * (4 + 64))
    monkeypatch.setattr(curves, "BYTES_PER_POSITION", 1_000_000)
    body = document(series(short(points({1: 1})), short(points({1: 1})), short(points({1: 1}))))
    assert len(read(body).curves) == 2
    assert "the Period is not expanded" in reasons(body)[0]


def test_dates_of_the_interval_may_stand_in_dotted_elements() -> None:
    inner = short(points({1: 1})).replace("<timeInterval><start>", "<timeInterval.start>")
    inner = inner.replace("</start><end>", "</timeInterval.start><timeInterval.end>")
    inner = inner.replace("</end></timeInterval>", "</timeInterval.end>")
    assert len(values(document(series(inner)))) == 4


# Documents


def test_an_acknowledgement_is_read_with_its_text_unescaped() -> None:
    found = read(acknowledgement("No matching data found for TOTAL &amp; more"))
    assert found.acknowledgement is not None
    assert found.acknowledgement.text == "No matching data found for TOTAL & more"
    assert found.acknowledgement.no_matching_data
    assert found.acknowledgement.code == "999"


def test_another_acknowledgement_is_told_apart_by_its_text_alone() -> None:
    found = read(acknowledgement("Delivered Area EIC X is not valid."))
    assert found.acknowledgement is not None
    assert not found.acknowledgement.no_matching_data


def test_a_document_without_time_series_has_no_curves() -> None:
    found = read(document())
    assert (found.time_series, found.curves, found.acknowledgement) == (0, (), None)


def test_a_series_without_periods_is_counted() -> None:
    assert read(document(series())).time_series == 1


def test_a_market_document_of_unknown_kind_is_a_document_without_series() -> None:
    assert read(document(root="Unknown_MarketDocument")).time_series == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"404 page not found", "neither XML nor a zip archive: '404 page not found'"),
        (b"<!DOCTYPE html><html><style>p {}</style><h1>Maintenance</h1></html>", "HTML: 'Maintenance'"),
        (b"<html><body>Hello</body></html>", "HTML: 'Hello'"),
        (b"<Other/>", "'Other'"),
        (b"<TimeSeries/>", "'TimeSeries'"),
        (b"<a><b></a>", "not well-formed XML"),
        (b"\x00\x01\x02", "neither"),
        (b'<?xml version="1.0"?><GL_MarketDocument>&unknown;</GL_MarketDocument>', "not well-formed XML"),
    ],
)
def test_what_is_no_document_is_malformed_and_says_what_it_is(body: bytes, message: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        read_documents(body)
    assert message in str(caught.value)
    assert caught.value.body == body or not body.strip()


def test_a_truncated_document_says_where_it_ends() -> None:
    body = document(series(period(points(dict.fromkeys(range(1, 25), 1))).replace("><", ">\n<")))
    with pytest.raises(MalformedDocument, match=r"Premature end of data in tag Point line 99, line 101"):
        read_documents(body[: body.rindex(b"<quantity>")])


def test_only_the_head_of_a_large_malformed_body_is_kept() -> None:
    with pytest.raises(MalformedDocument) as caught:
        read_documents(b"<GL_MarketDocument>" + b" " * (2 * KEPT_BYTES))
    assert len(caught.value.body) == KEPT_BYTES


_LAUGHS = '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("before", ["", "<!-- c -->", "<!--" + "x" * 70_000 + "-->"])
def test_a_doctype_is_refused_wherever_it_hides(before: str, encoding: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>{before}<!DOCTYPE G [{_LAUGHS}]>'
    body = document("<type>&b;</type>", declaration=declaration).decode().encode(encoding)
    with pytest.raises(MalformedDocument, match="DOCTYPE"):
        read_documents(body)


def test_external_entities_are_never_fetched() -> None:
    declaration = '<?xml version="1.0"?><!DOCTYPE G [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    with pytest.raises(MalformedDocument, match="DOCTYPE"):
        read_documents(document("<type>&x;</type>", declaration=declaration))


def test_a_document_in_utf_16_is_read() -> None:
    text = document(series(period(points(dict.fromkeys(range(1, 25), 1)))), declaration='<?xml version="1.0"?>')
    assert len(values(text.decode().encode("utf-16"))) == 24


def test_a_processing_instruction_cannot_stand_in_for_points() -> None:
    run = points({position: position for position in range(1, 25)})
    forged = "<?run 0?><?run-0 0?>"
    body = document(series(period(run * 3)), series(period(forged + points({1: 7}))))
    assert set(read(body).curves[1].values.tolist()) == {7.0}


def test_points_with_and_without_a_prefix_in_one_period_keep_their_order() -> None:
    category = "<imbalance_Price.category>A04</imbalance_Price.category>"
    first = f"<x:Point xmlns:x='u'><x:position>1</x:position><x:quantity>5</x:quantity>{category}</x:Point>"
    usual = points({position: position for position in range(1, 97)})
    curves = read(document(series(period(first + usual, resolution="PT15M"), curve_type="A01"))).curves
    assert {curve.header.category: curve.values.tolist() for curve in curves} == {
        "A04": [5.0],
        "": [float(position) for position in range(1, 97)],
    }
    plain = read(document(series(period(first.replace(category, "") + usual, resolution="PT15M")))).curves[0]
    assert plain.values.tolist()[:2] == [1.0, 2.0]


def test_usual_points_are_cut_out_and_any_other_are_not() -> None:
    run = points({position: f"{position}.5" for position in range(1, 97)})
    usual, odd = parser._Reader("", PositionLimit()), parser._Reader("", PositionLimit())
    expected = usual.read(document(series(period(run, resolution="PT15M"))), cut_out=True)
    found = odd.read(document(series(period(run.replace("96.5", "9.65e1"), resolution="PT15M"))), cut_out=True)
    assert (len(usual._runs), len(odd._runs)) == (1, 0)
    assert rows(found.curves[0]) == rows(expected.curves[0])


@pytest.mark.parametrize("inner", ["<a/>", '<a b="" c="" d=""/>', "<TimeSeries/><x><a/><a/></x>"])
def test_a_document_of_other_elements_is_refused_before_it_fills_the_memory(inner: str) -> None:
    with pytest.raises(MalformedDocument, match="elements beside its points"):
        read_documents(document(inner * 120_000))


def test_a_period_of_nothing_but_unreadable_points_is_one_report() -> None:
    (reason,) = reasons(document(series(short("<Point/>" * 30_000))))
    assert reason == "more than 25000 points of the Period cannot be read"


def test_reports_beyond_what_an_answer_may_have_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "MAX_REJECTIONS", 2)
    found = read(document(series(short("<Point/>" * 5))))
    assert len(found.rejections) == 2
    assert found.notes == ("3 more points or Periods were refused than are listed",)


def test_texts_longer_than_any_of_the_platform_are_cut() -> None:
    long = "\N{GRINNING FACE}" + "x" * 50_000
    reasons = f"<Reason><code>999</code><text>{long}</text></Reason>" * 3
    text = f"<Acknowledgement_MarketDocument><mRID>{long}</mRID>{reasons}</Acknowledgement_MarketDocument>"
    [document] = read_documents(text.encode())
    assert document.mrid == long[:10_000]
    assert document.acknowledgement is not None
    assert document.acknowledgement.text == long[:10_000]
