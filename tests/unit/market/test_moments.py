"""How people write moments."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from app.errors import ConfigurationError
from app.market.moments import parse_instant, parse_interval, parse_known_at, parse_moment, parse_month
from app.market.time import iso

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 29, 12, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-01-01", "2023-12-31T23:00:00Z"),
        ("2024-07-01", "2024-06-30T22:00:00Z"),
        ("2024-01-01T00:00Z", "2024-01-01T00:00:00Z"),
        ("2024-01-01T00:00:00+02:00", "2023-12-31T22:00:00Z"),
        ("2024-01-01T06:00", "2024-01-01T05:00:00Z"),
        ("now", "2026-03-29T12:34:56Z"),
        ("today", "2026-03-28T23:00:00Z"),
        ("tomorrow", "2026-03-29T22:00:00Z"),
        ("yesterday", "2026-03-27T23:00:00Z"),
        ("-7d", "2026-03-21T23:00:00Z"),
        ("+1d", "2026-03-29T22:00:00Z"),
        ("-2w", "2026-03-14T23:00:00Z"),
        ("-12h", "2026-03-29T00:00:00Z"),
        ("01.07.2024", "2024-06-30T22:00:00Z"),
        ("1. 7. 2024", "2024-06-30T22:00:00Z"),
        ("1.1.2024 06:00", "2024-01-01T05:00:00Z"),
        ("01.01.2024, 06:00Z", "2024-01-01T06:00:00Z"),
    ],
)
def test_a_moment_means_an_instant_of_the_area(text: str, instant: str) -> None:
    assert iso(parse_moment(text, BERLIN, NOW, name="--from")) == instant


@pytest.mark.parametrize(
    "text", ["", "soon", "2024-13-01", "2024-02-30", "31.02.2024", "01.02.24", "01/02/2024", "-7x", "7d"]
)
def test_something_else_is_refused_with_the_option_and_the_forms(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--to"):
        parse_moment(text, BERLIN, NOW, name="--to")


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01",
        "1066-10-14",
        "9999-12-31",
        "-999999w",
        "+999999d",
        "-3650000d",
        f"+{10**17}d",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59Z",
        "9999-12-31T23:59-10:00",
    ],
)
def test_a_moment_far_from_any_market_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="outside 1990"):
        parse_moment(text, BERLIN, NOW, name="--from")


def test_when_something_was_known_is_an_instant_that_utc_has() -> None:
    assert iso(parse_known_at("9999-12-31T23:59Z", BERLIN, NOW, name="as_of")) == "9999-12-31T23:59:00Z"
    with pytest.raises(ConfigurationError, match=r"as_of .* outside the years 1 to 9999"):
        parse_known_at("9999-12-31T23:59-10:00", BERLIN, NOW, name="as_of")


def test_the_first_day_may_begin_at_local_midnight() -> None:
    assert iso(parse_moment("1990-01-01", BERLIN, NOW, name="--from")) == "1989-12-31T23:00:00Z"


def test_an_interval_without_an_end_lasts_to_the_end_of_today() -> None:
    assert str(parse_interval("-7d", None, BERLIN, NOW)) == "2026-03-21T23:00:00Z/2026-03-29T22:00:00Z"


@pytest.mark.parametrize(
    ("start", "end"), [("2024-02-01", "2024-01-01"), ("2024-01-01", "2024-01-01"), ("2030-01-01", None)]
)
def test_an_interval_needs_something_between_its_ends(start: str, end: str | None) -> None:
    with pytest.raises(ConfigurationError, match=r"--from .* is not before"):
        parse_interval(start, end, BERLIN, NOW)


def test_an_instant_needs_its_offset() -> None:
    assert iso(parse_instant("2024-01-01T01:00:00+01:00", name="--as-of")) == "2024-01-01T00:00:00Z"
    assert iso(parse_instant("2024-01-01", name="--as-of")) == "2024-01-01T00:00:00Z"
    assert iso(parse_instant("01.01.2024", name="--as-of")) == "2024-01-01T00:00:00Z"
    with pytest.raises(ConfigurationError, match="write it as 2024-01-01T06:00Z for UTC"):
        parse_instant("01.01.2024 06:00", name="--as-of")
    with pytest.raises(ConfigurationError, match="lacks its offset"):
        parse_instant("2024-01-01T01:00:00", name="--as-of")
    with pytest.raises(ConfigurationError, match="is no instant"):
        parse_instant("then", name="--as-of")


@pytest.mark.parametrize("text", ["2024", "2024-13", "2024-1-1", "May 2024", "", "1066-01", "2100-01"])
def test_a_month_is_written_with_its_year(text: str) -> None:
    assert parse_month(" 2024-03", name="month") == date(2024, 3, 1) == parse_month("3.2024", name="month")
    with pytest.raises(ConfigurationError, match=r"^month "):
        parse_month(text, name="month")
