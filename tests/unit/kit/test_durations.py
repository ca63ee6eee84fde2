from __future__ import annotations

from datetime import timedelta

import pytest

from app.errors import ConfigurationError
from app.kit.durations import LONGEST, parse_duration, show_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250 ms", 0.25),
        ("90s", 90),
        ("3 s", 3),
        ("30m", 1800),
        ("5min", 300),
        ("1h30m", 5400),
        ("1 h 5 min", 3900),
        ("2 hours", 7200),
        ("1 d", 86_400),
        ("1W", 604_800),
        ("1.5 weeks", 907_200),
        ("1,5 h", 5400),
        ("0,25 s", 0.25),
        ("0 s", 0),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


def test_a_number_alone_has_the_unit_of_its_place() -> None:
    assert parse_duration("10", bare="s") == timedelta(seconds=10)
    assert parse_duration("10", bare="min") == timedelta(minutes=10)
    with pytest.raises(ConfigurationError, match="is no duration"):
        parse_duration("10")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "h",
        "-5 s",
        "5 parsecs",
        "NaN",
        "1e5",
        "2h!",
        "1h1h",
        "30m1h",
        "1h 30",
        "2 hss",
        "1.5.5 h",
        "1,500 ms",
        "1,5,5 h",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no duration"):
        parse_duration(text, bare="s")


@pytest.mark.parametrize("text", ["999999w", "999999999 w", "3651 d", "3650d1s"])
def test_a_duration_is_bounded(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is longer than 3650 days"):
        parse_duration(text)
    assert parse_duration("3650 d") == LONGEST


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (0.5, "0.5 s"), (90, "90 s"), (120, "2 min"), (86_400, "1 d")]
)
def test_durations_are_shown_as_people_write_them(seconds: float, text: str) -> None:
    assert show_duration(timedelta(seconds=seconds)) == text
