"""The words of messages."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.alerting.delivery.channels import discord, slack, teams, wecom
from app.alerting.delivery.messages import (
    PLAIN,
    Sender,
    blocks,
    body,
    compose,
    duration_text,
    how_to_stop,
    html_page,
    numbered,
    quantity,
    split_text,
    utf8_bytes,
    utf16_units,
    value_text,
)
from app.alerting.models import Alert, AlertEvent, EventKind, Phase, Rule, Severity, labels_of
from app.alerting.outbox.items import Content, delivery_notice, item_from_json, item_of
from app.alerting.outbox.texts import clean, one_line
from app.alerting.rules.schedules import EveryInterval
from app.alerting.state.silences import described, parse_matchers
from tests.support.delivery_factory import HOSTILE, NOW, event, rule

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def test_a_message_says_what_since_when_how_much_and_how_to_stop_it() -> None:
    of = rule(runbook="https://docs.example/runbook")
    told = item_of(replace(event(7, of=of, area="FR"), note="flapping"))
    [text] = blocks(compose("k", NOW, [told]), PLAIN)
    assert text.split("\n") == [
        "FIRING warning: collection_failing",
        "area=FR",
        "value 12.5 (threshold > 5)",
        "since 2026-05-07T12:31:20Z (3 min)",
        "runs fail",
        "flapping",
        "runbook: https://docs.example/runbook",
        "gridkeeper alerts ack 7 | gridkeeper alerts silence rule=collection_failing area=FR --for 2h",
    ]


def test_the_subject_names_one_alert_and_counts_many() -> None:
    one, two = event(1), event(2, severity=Severity.CRITICAL)
    end = event(3, EventKind.RESOLVED)
    assert compose("k", NOW, [item_of(one)]).subject == "[FIRING warning] collection_failing A1"
    assert compose("k", NOW, [item_of(one), item_of(two), item_of(end)]).subject == (
        "[2 FIRING, 1 RESOLVED, critical] collection_failing"
    )
    assert compose("k", NOW, []).subject == "nothing left to tell"
    other = item_of(event(4, of=rule("other")))
    assert "2 rules" in compose("k", NOW, [item_of(one), other]).subject


def test_of_each_alert_only_the_last_news_is_told_the_most_urgent_first() -> None:
    events = [event(1), event(1, EventKind.RESOLVED), event(2), event(3, severity=Severity.CRITICAL)]
    told = compose("k", NOW, [item_of(one) for one in events]).items
    assert [(one.alert_id, one.state) for one in told] == [(3, "FIRING"), (2, "FIRING"), (1, "RESOLVED")]


def test_a_long_message_has_one_line_for_each_alert() -> None:
    told = [item_of(event(number)) for number in range(13)]
    lines = blocks(compose("k", NOW, told), PLAIN)
    assert lines[:2] == ["FIRING warning: collection_failing", "#0 area=A0 = 12.5"]
    assert len(lines) == 14


def test_an_event_survives_being_kept() -> None:
    told = item_of(event(5, of=rule(description=HOSTILE), area=HOSTILE))
    assert item_from_json(told.as_json()) == told
    assert "\narea" not in blocks(compose("k", NOW, [replace(told, labels=())]), PLAIN)[0]
    bare = replace(told, since=None, value=None, threshold=None, alert_id=None)
    assert item_from_json(bare.as_json()) == bare


def test_notices_have_no_commands_and_a_strange_runbook_is_no_link() -> None:
    told = delivery_notice("channel_disabled", "mail is off", NOW, {"channel": "mail"}, Severity.CRITICAL)
    assert "ack" not in blocks(compose("k", NOW, [told]), PLAIN)[0]
    evil = item_of(event(1, of=rule(runbook="javascript:alert(1)")))
    assert "](javascript" not in blocks(compose("k", NOW, [evil]), discord.DIALECT)[0]
    assert "runbook: javascript" in blocks(compose("k", NOW, [evil]), PLAIN)[0]


def test_a_text_of_its_own_keeps_its_lines() -> None:
    message = compose("k", NOW, (), Content("Report", "one\n\x07two"))
    assert blocks(message, PLAIN) == ["one", " two"]


@pytest.mark.parametrize(
    ("lasted", "text"), [(5, "5 s"), (60, "1 min"), (3700, "1 h 1 min"), (90_000, "1 d 1 h"), (86_400, "1 d")]
)
def test_durations_are_short(lasted: float, text: str) -> None:
    told = replace(item_of(event()), since=NOW - timedelta(seconds=lasted))
    assert duration_text(told, NOW) == text
    assert duration_text(replace(told, kind="resolved", at=NOW), NOW + timedelta(days=9)) == text


def test_a_value_without_a_threshold_stands_alone() -> None:
    told = item_of(event())
    assert value_text(replace(told, threshold=None)) == "value 12.5"
    assert value_text(replace(told, value=None)) == ""
    assert value_text(replace(told, operator="")) == "value 12.5 (threshold 5)"


def test_a_value_has_the_unit_of_its_rule() -> None:
    told = item_of(event(of=rule(unit="%")))
    assert value_text(told) == "value 12.5 % (threshold > 5 %)"
    long = compose("k", NOW, [replace(told, alert_id=number) for number in range(13)])
    assert "#3 area=A1 = 12.5 %" in blocks(long, PLAIN)
    kept = told.as_json()
    assert item_from_json(kept) == told
    del kept["unit"]  # as it was kept by the version before
    assert item_from_json(kept).unit == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1_234_567.0, "1,234,567"),
        (1e21, "1,000,000,000,000,000,000,000"),
        (12_345.678, "12,346"),
        (1234.5, "1,234.5"),
        (-0.00001234567, "-0.00001235"),
        (0.5, "0.5"),
        (0.0, "0"),
        (94.999, "95"),
        (float("inf"), "infinite"),
        (float("-inf"), "minus infinite"),
        (float("nan"), "not a number"),
    ],
)
def test_numbers_are_written_as_people_write_them(value: float, text: str) -> None:
    assert quantity(value) == text
    assert quantity(value, "MW") == f"{text} MW"


@pytest.mark.parametrize("content", [None, Content("Daily report 2026-03-01", "text")])
def test_every_message_says_who_sends_it_and_that_data_are_synthetic(content: Content | None) -> None:
    sender = Sender("grid-1", "https://grid.example.org/gk", synthetic=True)
    told = [item_of(event(of=rule(runbook="runbook/x")))]
    message = compose("k", NOW, told, content, sender)
    assert message.subject.startswith("SYNTHETIC ")
    assert message.subject.endswith(" (grid-1)")
    assert body(message, PLAIN)[-1] == (
        "Gridkeeper on grid-1, SYNTHETIC data\nGridkeeper: https://grid.example.org/gk/"
    )
    if content is None:
        assert "runbook: https://grid.example.org/gk/runbook/x" in blocks(message, PLAIN)[0]
        number = told[0].alert_id
        assert f"acknowledge or silence: https://grid.example.org/gk/alerts/{number}" in blocks(message, PLAIN)[0]
        ended = compose("k", NOW, [replace(told[0], kind=EventKind.RESOLVED)], None, sender)
        assert f"what happened: https://grid.example.org/gk/alerts/{number}" in blocks(ended, PLAIN)[0]
        assert "/alerts/" not in blocks(compose("k", NOW, told), PLAIN)[0]


def test_a_long_subject_keeps_the_name_of_the_sender() -> None:
    sender = Sender("i" * 60, synthetic=True)
    message = compose("k", NOW, (), Content("x" * 500, ""), sender)
    assert message.subject.startswith("SYNTHETIC xxx")
    assert message.subject.endswith(f"({'i' * 60})")
    assert one_line(message.subject) == message.subject


def test_links_of_others_stay_as_they_are() -> None:
    sender = Sender("a", "https://grid.example.org")
    for link in ("https://wiki.example/x#y", "mailto:ops@example.org", ""):
        assert sender.link(link) == link
    assert sender.link("/runbook/x") == "https://grid.example.org/runbook/x"
    assert Sender().link("runbook/x") == "runbook/x"


@given(st.lists(TEXTS, max_size=12), st.integers(4, 80))
def test_splitting_loses_nothing_and_keeps_the_limit(pieces: list[str], limit: int) -> None:
    texts = split_text(pieces, limit, utf8_bytes)
    assert all(utf8_bytes(text) <= limit for text in texts)
    joined = "".join(texts).replace("\n", "")
    assert joined == "".join(pieces).replace("\n", "")


def test_what_is_too_long_is_cut_between_its_lines_first() -> None:
    assert split_text(["one\ntwo\nthree", "four"], 8, len) == ["one\ntwo", "three", "four"]
    assert split_text([], 8, len) == [""]


@given(TEXTS)
def test_cleaned_text_is_one_line_without_control_characters(text: str) -> None:
    line = one_line(text)
    assert "\n" not in line
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in line)


def test_long_texts_are_cut_with_a_note() -> None:
    assert clean("x" * 30, 10) == "x" * 10 + "… (cut, 30 characters)"


def test_parts_are_numbered_where_there_are_several() -> None:
    assert numbered(["a"]) == ["a"]
    assert numbered(["a", "b"]) == ["(1/2) a", "(2/2) b"]


def test_measures_count_what_receivers_count() -> None:
    assert (utf8_bytes("电a"), utf16_units("😀a")) == (4, 3)


def test_dialects_make_foreign_text_harmless() -> None:
    assert slack.escape("<!channel> & co") == "&lt;!channel&gt; &amp; co"
    assert discord.escape("@everyone [x](y)") == r"\@everyone \[x\]\(y\)"
    assert teams.escape("[x](y)") == r"\[x\]\(y\)"
    assert "<" not in wecom.escape("<@all>`x`")
    assert "](" not in wecom.escape("[x](y)")
    for module in (slack, discord, teams, wecom):
        assert "https://a.example" in module.DIALECT.link("runbook", "https://a.example")


def test_a_page_escapes_its_title() -> None:
    page = html_page(compose("k", NOW, (), Content("<b>", "x\ny\n\nz")))
    assert "<title>&lt;b&gt;</title>" in page
    assert "<p>x<br>y</p>\n<p>z</p>" in page


def test_the_printed_silence_can_be_pasted_for_any_label() -> None:
    labels = {"Area Name": "x, y", "größe": "a'b\"c", "exported_rule": "r=~x", "plain": "FR>DE_LU"}
    alert = Alert("own: rule", labels_of(labels), Severity.WARNING, Phase.FIRING, NOW, NOW, alert_id=7)
    fired = AlertEvent(EventKind.FIRED, alert, Rule("own: rule", EveryInterval(timedelta(minutes=1))), NOW)
    words = shlex.split(how_to_stop(item_of(fired))[1])
    matchers = parse_matchers(words[3 : words.index("--for")])
    assert len(matchers) == 5
    seen = described(alert.labels, alert.severity, alert.rule)
    assert all(matcher.matches(seen) for matcher in matchers)
