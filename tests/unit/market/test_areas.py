"""The area table and the lookup of areas and borders."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app.errors import ConfigurationError
from app.market.areas import (
    AreaKind,
    Border,
    areas,
    borders,
    borders_of,
    by_eic,
    eic_check_character,
    find_area,
    find_place,
    is_eic,
    label,
)
from app.market.series import find_item
from app.market.time import Interval


def test_every_area_has_a_valid_eic_of_its_own() -> None:
    codes = [area.eic for area in areas().values()]
    assert all(is_eic(eic) for eic in codes)
    assert len(set(codes)) == len(codes)


def test_every_area_has_a_zone_with_transitions_or_a_fixed_offset() -> None:
    assert areas()["DE_LU"].zone.key == "Europe/Berlin"
    assert areas()["FI"].zone.key == "Europe/Helsinki"


@pytest.mark.parametrize(
    ("eic", "check"), [("10YFR-RTE------C", "C"), ("10Y1001A1001A82H", "H"), ("10YNL----------L", "L")]
)
def test_the_check_character_follows_the_eic_manual(eic: str, check: str) -> None:
    assert eic_check_character(eic[:15]) == check


@pytest.mark.parametrize("text", ["10YFR-RTE------D", "10YFR-RTE------", "10yfr-rte------c", "10YFR_RTE------C"])
def test_a_wrong_code_is_no_eic(text: str) -> None:
    assert not is_eic(text)


def test_an_area_is_found_by_code_in_any_case_and_by_eic() -> None:
    assert find_area("de_lu") is find_area("10Y1001A1001A82H") is areas()["DE_LU"]
    assert by_eic("10YFR-RTE------C") is areas()["FR"]
    assert by_eic("10X") is None


@pytest.mark.parametrize(
    ("text", "suggestion"), [("DELU", "DE_LU"), ("Germany", "DE"), ("FRR", "FR"), ("SE", ""), ("DK", ""), ("GER", "DE")]
)
def test_an_unknown_area_suggests_the_nearest(text: str, suggestion: str) -> None:
    if not suggestion:
        assert find_area(text).code == text
        return
    if text == "GER":
        with pytest.raises(ConfigurationError, match="gridkeeper areas"):
            find_area(text)
        return
    with pytest.raises(ConfigurationError, match=f"did you mean.*{suggestion}"):
        find_area(text)


def test_an_eic_with_a_wrong_check_character_is_named_as_such() -> None:
    with pytest.raises(ConfigurationError, match="check character should be 'C'"):
        find_area("10YFR-RTE------D")
    with pytest.raises(ConfigurationError, match="A-Z, 0-9 and -"):
        find_area("10YFR_RTE______C")


def test_a_valid_eic_outside_the_table_is_an_area_of_its_own() -> None:
    eic = "10YZZ-TEST-----"
    eic += eic_check_character(eic)
    area = find_area(eic)
    assert (area.code, area.eic, area.kinds) == (eic, eic, frozenset(AreaKind))


def test_a_border_is_written_with_an_arrow_and_counts_days_where_the_energy_enters() -> None:
    border = find_place("FR>DE_LU")
    assert isinstance(border, Border)
    assert border.code == "FR>DE_LU"
    assert border.eic == "10YFR-RTE------C>10Y1001A1001A82H"
    assert border.zone is areas()["DE_LU"].zone


@pytest.mark.parametrize(
    ("text", "reason"), [("FR>", "half a border"), (">FR", "half a border"), ("FR>FR", "same area")]
)
def test_an_incomplete_border_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        find_place(text)


def test_borders_stand_in_both_directions() -> None:
    codes = {border.code for border in borders()}
    assert {"FR>DE_LU", "DE_LU>FR"} <= codes
    assert all(f"{code.split('>')[1]}>{code.split('>')[0]}" in codes for code in codes)
    assert {border.code for border in borders_of(areas()["PT"])} == {"PT>ES", "ES>PT"}


def test_a_zone_exists_between_its_first_and_last_day() -> None:
    zone = areas()["DE_AT_LU"]
    year = Interval(datetime(2018, 1, 1, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC))
    part = zone.exists_during(year)
    assert part is not None
    assert part.end == datetime(2018, 9, 30, 22, tzinfo=UTC)
    assert zone.until == date(2018, 10, 1)
    assert not zone.exists_at(datetime(2018, 9, 30, 22, tzinfo=UTC))
    assert zone.exists_at(datetime(2018, 9, 30, 21, tzinfo=UTC))
    border = Border(areas()["FR"], areas()["DE_LU"])
    assert border.exists_during(year) == Interval(datetime(2018, 9, 30, 22, tzinfo=UTC), year.end)
    assert not border.exists_at(year.start)
    assert zone.exists_during(Interval(datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))) is None
    dead = Border(zone, areas()["DE_LU"])
    assert dead.exists_during(year) is None


def test_a_label_turns_known_codes_back_into_short_ones() -> None:
    assert label("10YFR-RTE------C>10Y1001A1001A82H") == "FR>DE_LU"
    assert label("10YZZ-TEST-----X") == "10YZZ-TEST-----X"


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("UA_IPS", "BZN CTA MBA"), ("UA_BEI", "BZN CTA MBA"), ("UA_DOBTPP", "BZN CTA"), ("GE", "BZN CTA CTY MBA"),
        ("IT_NORD", "BZN MBA"), ("IE", "CTA CTY MBA"), ("NIE", "CTA MBA"), ("XK", "BZN CTA CTY MBA"),
        ("DE", "CTY IPA"), ("NO_5", "BZN IPA MBA"),
    ],
)  # fmt: skip
def test_areas_have_the_kinds_of_the_official_list(code: str, kinds: str) -> None:
    assert {str(kind) for kind in areas()[code].kinds} == set(kinds.split())


@pytest.mark.parametrize(
    "code",
    [
        "GR>IT_SUD", "UA_IPS>PL", "UA_IPS>SK", "UA_IPS>HU", "UA_IPS>RO", "UA_IPS>MD", "MD>UA_IPS", "IT_CSUD>ME",
        "DE>LU", "BE>LU", "FR>GB_IFA", "FR>GB_IFA2", "GB_ELECLINK>FR",
    ],
)  # fmt: skip
def test_borders_that_the_platform_answers_for_are_known(code: str) -> None:
    assert code in {border.code for border in borders()}


def test_great_britain_left_the_platform() -> None:
    assert not areas()["GB"].exists_at(datetime(2022, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", ""), ("zz", ""), ("False", ""), ("load", ""), ("QQQQ", ""), ("Norge", ""),
        ("DELU", "DE_LU"), ("de-lu", "DE_LU"), ("NO1", "NO_1"), ("France", "FR"), ("Spain", "ES"), ("ESP", "ES"),
        ("Germany", "DE or DE_LU"), ("Italy", "IT"), ("DE_LX", "DE_LU"),
    ],
)  # fmt: skip
def test_suggestions_are_what_somebody_may_have_meant(text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_area(text)
    said = str(caught.value)
    assert said.startswith(f"unknown area {text!r}" + (f", did you mean {expected}" if expected else ";")), said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foo", ""), ("zzz", ""), ("v_prices", "price_day_ahead"), ("prices", "price_day_ahead"),
        ("v_load", "load_actual"), ("actual_load", "load_actual?"), ("lode_actual", "load_actual?"),
        ("day_ahead_prices", "price_day_ahead?"), ("flows", "flow_physical?"),
    ],
)  # fmt: skip
def test_an_unknown_item_suggests_those_that_share_its_words(text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_item(text)
    said = str(caught.value)
    assert said.startswith(f"unknown item {text!r}" + (f", did you mean {expected}" if expected else ";")), said
