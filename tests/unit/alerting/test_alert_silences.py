from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.alerting.state.silences import (
    MatchedAlerts,
    Matcher,
    Operator,
    Silence,
    Window,
    parse_matcher,
    parse_matchers,
    silenced_by,
    stored_matchers,
)
from app.errors import ConfigurationError
from app.market.slots import parse_cron
from tests.support.alert_factory import MINUTE, T0


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
        (["area=~("], r"'area=~\(' has no regular expression"),
        (["area=~" + "a" * 201], "the pattern has 201 characters"),
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


@pytest.mark.parametrize("texts", [["area=FR"], ["area=~F.*", "area!="], ["area=FR", "item!=x"], ["area=FR", "item="]])
def test_matched_alerts_are_those_that_it_silences(texts: list[str]) -> None:
    alerts = [{"area": "FR"}, {"area": "FR", "item": "x"}, {"area": "NL"}, {}, {"area": "F", "item": ""}]
    silence = Silence(parse_matchers(texts), T0, T0 + MINUTE)
    expected = sum(silenced_by([silence], labels) is silence for labels in alerts)
    assert MatchedAlerts(alerts).count(silence) == expected > 0
    assert MatchedAlerts(alerts).count(replace(silence, problem="no pattern")) == 0
    assert MatchedAlerts([]).count(silence) == 0


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


def test_a_window_says_since_when_it_is_active() -> None:
    window = Window(parse_matchers(["area=FR"]), parse_cron("0 21 * * *", ZoneInfo("UTC")), timedelta(hours=2))
    evening = T0.replace(hour=21)
    assert [window.began(evening + minutes * MINUTE) for minutes in (-1, 0, 119, 120)] == [None, evening, evening, None]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('area="FR"', {"area": "FR"}),
        ("area='FR'", {"area": "FR"}),
        ('area =~ "FR|DE_LU"', {"area": "DE_LU"}),
        ('unit="a,b"', {"unit": "a,b"}),
        (r'unit="say \"hi\" \\ \n"', {"unit": 'say "hi" \\ \n'}),
        ('"Area Name"=FR', {"Area Name": "FR"}),
        ("Area Name=FR", {"Area Name": "FR"}),
        ("größe=5", {"größe": "5"}),
        ('"?column?"=x', {"?column?": "x"}),
        (r'"a\"b"=x', {'a"b': "x"}),
        ("code=~[A-Z]{2,3}", {"code": "ABC"}),
        ("code=~[,;]", {"code": ","}),
    ],
)
def test_matchers_are_read_as_alertmanager_writes_them_and_of_any_label(text: str, labels: dict[str, str]) -> None:
    assert parse_matcher(text).matches(labels)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("area=FR,DE", "write 'area=~FR|DE'"),
        ("area!=FR, DE", "write 'area!~FR|DE'"),
        ("area=~FR,DE", "write 'area=~FR|DE'"),
        ('area="FR', "a quote has no other end"),
        ('area=FR"', "a quote has no other end"),
        ('area="F"R"', "a quote has no other end"),
        ('{area="FR"}', "is no matcher"),
        ("area==FR", "is no matcher"),
        ("a=" + "x" * 3000, "is no matcher"),
    ],
)
def test_what_would_match_nothing_that_is_meant_is_refused(text: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(remedy)):
        parse_matcher(text)


def test_matchers_that_were_kept_before_commas_were_refused_still_mean_the_same() -> None:
    [matcher] = stored_matchers(["unit=a,b"])
    assert matcher.matches({"unit": "a,b"})


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXTS.filter(bool), st.sampled_from(["=", "!="]), TEXTS)
def test_what_is_written_is_read_as_the_same_matcher(name: str, operator: str, value: str) -> None:
    matcher = Matcher(name, Operator(operator), value)
    assert parse_matcher(str(matcher)) == matcher


@pytest.mark.parametrize(
    "pattern",
    [r"([a-z0-9]+[-_.]?)+\.internal", "(a+)+b", "(a|a)*b", "(.*a){20}b", r"(\w+\s?)*x", "(?:a?){200}a{200}"],
)
def test_a_pattern_that_others_try_for_ever_is_matched_at_once(pattern: str) -> None:
    assert not parse_matcher(f"host=~{pattern}").matches({"host": "a" * 500 + "!"})


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?=a)a", "RE2 takes neither look-around"),
        (r"(a)\1", "RE2 takes neither look-around"),
        ("(a?){1000}", "its repetitions are too large"),
        ("((a{30}){30}){30}", "RE2 takes neither"),
        ("a\udc80", "no UTF-8"),
        ("a" * 201, "has 201 characters"),
    ],
)
def test_a_pattern_that_takes_more_than_linear_time_or_much_memory_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        parse_matcher(f"host=~{pattern}")
