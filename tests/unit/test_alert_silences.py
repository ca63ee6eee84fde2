from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from app.alerting.schedules import parse_cron
from app.alerting.silences import Silence, Window, parse_duration, parse_matcher, parse_matchers, silenced_by
from app.errors import ConfigurationError
from tests.alert_factory import MINUTE, T0


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("area=FR", {"area": "FR"}, True),
        ("area=FR", {"area": "NL"}, False),
        ("area=", {}, True),
        ("area!=FR", {}, True),
        ("area!=FR", {"area": "FR"}, False),
        ("rule=~collection_.*|gap", {"rule": "collection_failing"}, True),
        ("rule=~collection", {"rule": "collection_failing"}, False),
        ("area!~DE.*", {"area": "DE_LU"}, False),
        ("area !~ DE.*", {"area": "FR"}, True),
        ("name= a = b ", {"name": "a = b"}, True),
    ],
)
def test_a_matcher_compares_the_whole_value_and_takes_a_missing_label_as_empty(
    text: str, labels: dict[str, str], matches: bool
) -> None:
    assert parse_matcher(text).matches(labels) is matches


def test_a_matcher_is_written_as_it_is_read() -> None:
    texts = ["area=FR", "rule=~a.*", "item!=x", "area!~N."]
    assert [str(matcher) for matcher in parse_matchers(texts)] == texts


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["FR"], "'FR' is no matcher: write label=value"),
        (["area=~("], r"area=~\( is no regular expression"),
        (["area=~" + "a" * 201], "the pattern of area has 201 characters"),
        (["area!=FR"], "would silence every alert"),
        ([], "would silence every alert"),
        (["area=~.*", "item="], "would silence every alert"),
    ],
)
def test_a_wrong_matcher_is_refused_with_the_remedy(texts: list[str], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        parse_matchers(texts)


def test_a_silence_lasts_from_its_start_until_before_its_end() -> None:
    silence = Silence(parse_matchers(["area=FR"]), T0, T0 + MINUTE, silence_id=7)
    assert [silence.active(T0 + seconds * MINUTE) for seconds in (-0.1, 0, 0.9, 1)] == [False, True, True, False]
    assert silenced_by([silence], {"area": "FR"}) is silence
    assert silenced_by([silence], {"area": "NL"}) is None
    assert silence.name == "silence 7"


def test_a_maintenance_window_keeps_its_local_hour_when_the_clock_changes() -> None:
    window = Window(
        parse_matchers(["area=FR"]),
        parse_cron("0 4 * * *", ZoneInfo("Europe/Brussels")),
        timedelta(hours=1),
        window_id=2,
    )
    before = T0.replace(month=3, day=30, hour=3)
    after = T0.replace(month=3, day=31, hour=2)
    assert [window.active(at) for at in (before - MINUTE, before, before + 59 * MINUTE, before + 60 * MINUTE)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert window.active(after)
    assert window.name == "maintenance 2"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("30min", 1800), ("2h", 7200), ("1h30m", 5400), ("1w", 604_800)]
)
def test_a_duration_is_numbers_with_units(text: str, seconds: int) -> None:
    assert parse_duration(text, name="--for") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "h", "2 hours", "0h", "-2h", "2h!"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--for .* is no"):
        parse_duration(text, name="--for")
