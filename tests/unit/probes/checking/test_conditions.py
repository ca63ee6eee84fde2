"""Conditions are read as people write them, and hold or say why not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ConfigurationError
from app.probes.checking.conditions.evaluation import ObservedResponse, broken_condition
from app.probes.checking.conditions.json_path import MOST_NODES, parse_json_path
from app.probes.checking.conditions.parse import EXAMPLES, parse_condition
from app.probes.checking.conditions.possible import check_reachable, check_together, possible_condition
from app.probes.models import CheckFailure, CheckPhase, CheckPhases, CheckRequest, ConditionKind, ServerCertificate

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
DOCUMENT = {
    "status": "up", "count": 3, "ok": True, "none": None, "ratio": 0.5, "odd name": 1, "half": "\ud800",
    "items": [{"name": "a", "size": 1}, {"name": "b", "size": 2}], "inner": {"name": "c", "tags": ["x", "y"]},
}  # fmt: skip


def observed(body: object = DOCUMENT, status: int = 200, **more: Any) -> ObservedResponse:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [("content-type", "application/json"), ("x-many", "a"), ("x-many", "b")]
    phases = CheckPhases(None, 5, 10, 20, 40)
    values: dict[str, Any] = {"headers": headers, "size": len(content), "phases": phases, "now": NOON} | more
    return ObservedResponse(status=status, body=content, **values)


def reason(text: str, response: ObservedResponse | None = None) -> str:
    found = broken_condition([parse_condition(text)], response or observed())
    return found[1] if found else ""


@pytest.mark.parametrize(
    "text",
    [
        "status 200", "status == 200-299", "status 2xx,404", "STATUS != 500-599", "status in 200", "latency < 41",
        "latency <= 40 ms", "latency.first_byte < 1 s", "latency.connect > 4ms", "latency.tls == 10", "latency.dns < 1 ms",
        "header Content-Type contains json", "header x-many == 'a, b'", "header x-many =~ ^a", "header x-many !~ c",
        "header x-many != a", "header x-many lacks c", "header x-absent absent", "header x-many exists", "text contains up",
        'text contains "\\"up\\""', "text lacks down", "body =~ (?i)UP", "body !~ down$", '$.status == "up"',
        "$.status == up", "$.status != down", "$.count >= 3", "$.count < 3.5", "$.ratio > 0", "$.ok == true", "$.ok != 1",
        "$.none == null", "$.items[0].name == a", "$.items[-1].size == 2", "$.items[*].size >= 1", "$..name =~ ^[abc]$",
        "$['odd name'] == 1", '$["odd name"] == 1', "$.inner.tags contains x", "$.inner.tags lacks z", "$.inner contains name",
        "$.status contains u", "$.status lacks z", "$.status exists", "$.absent absent", "$.items[7] absent",
        "length($.items) == 2", "length( $.inner.tags ) > 1", "length($.status) == 2", "$.status < uq", "$.half =~ .",
        "$.inner.* exists", "$..* exists", "size > 10", "size < 1 kB", "size <= 1 MiB",
    ],
)  # fmt: skip
def test_what_holds(text: str) -> None:
    assert reason(text) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("latency < 40 ms", "it took 40.0 ms"),
        ("latency.connect > 5", "it took 5.0 ms"),
        ("header content-type == text/html", 'it is "application/json"'),
        ("header x-absent exists", "it is absent"),
        ("header x-many absent", "it is there"),
        ("header x-absent == a", "the header is absent"),
        ("text contains down", "it does not hold"),
        ("body !~ up", "it does not hold"),
        ("$.status == 1", 'it is "up"'),
        ("$.ok == 1", "it is true"),
        ("$.ok > 0", "it is true"),
        ("$.count == 4", "it is 3"),
        ("$.count contains 3", "it is 3"),
        ("$.inner.tags contains [1]", 'it is ["x", "y"]'),
        ("$.items[*].size < 2", "it is 2"),
        ("$.absent == 1", "the path selects nothing"),
        ("$.absent exists", "it is absent"),
        ("$.status absent", "it is there"),
        ("length($.count) > 1", "it is null"),
        ("length($.items) > 2", "it is 2"),
        ("size < 10", "the body has"),
        ("certificate > 7", "no certificate was shown"),
    ],
)
def test_what_does_not_hold_says_what_is(text: str, why: str) -> None:
    assert why in reason(text)
    assert broken_condition([parse_condition(text)], observed())[0] is CheckFailure.CONDITION  # type: ignore[index]


def test_all_broken_conditions_are_named_but_the_status_first() -> None:
    conditions = [parse_condition(text) for text in ("size < 1", "status 201", "latency < 1")]
    assert broken_condition(conditions, observed()) == (
        CheckFailure.STATUS, "status 200 where status 201 is expected"
    )  # fmt: skip
    found = broken_condition(conditions, observed(status=201))
    assert found is not None
    assert (found[0], found[1].count(";")) == (CheckFailure.CONDITION, 1)
    assert broken_condition([], observed(status=302)) == (
        CheckFailure.STATUS, "status 302 where status 200-299 is expected"
    )  # fmt: skip
    assert reason("status 200", observed(status=429)) == "status 429: the target asks for fewer requests"
    assert "the edge says" in reason("status 200", observed(status=525))


def test_the_end_of_a_certificate_counts_by_its_chain() -> None:
    certificate = ServerCertificate(NOON + timedelta(days=90), NOON + timedelta(days=10), "a", "b", "TLSv1.3", NOON)
    assert reason("certificate > 9 d", observed(certificate=certificate)) == ""
    assert reason("certificate > 14", observed(certificate=certificate)).endswith("it ends in 10.0 d, on 2026-12-09")


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("Größe".encode(), None, "text contains Größe"),
        ("Größe".encode("latin-1"), "text/html; charset=ISO-8859-1", "text contains Größe"),
        ("Größe".encode("utf-16"), 'text/html; charset="utf-16"', "body =~ ^Größe$"),
        ("Größe".encode(), "text/html; charset=made-up", "text contains Größe"),
        (b"up", "text/html; charset=rot13", "text contains up"),
        (b"u\0p\xff", "text/plain", "text contains \ufffd"),
    ],
)
def test_bodies_are_read_in_their_character_set(body: bytes, content_type: str | None, text: str) -> None:
    headers = [("content-type", content_type)] if content_type else []
    assert reason(text, observed(body, headers=headers)) == ""


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b"1" * 5000])
def test_what_is_no_json_is_told(body: bytes) -> None:
    assert "the body is no JSON (" in reason("$.a == 1", observed(body))


def test_long_values_are_cut_and_wide_paths_are_bounded() -> None:
    assert len(reason("$.a == 1", observed({"a": "x" * 5000}))) < 200
    assert f"more than {MOST_NODES}" in reason("$..* exists", observed([[0] * 200] * 60))


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_are_conditions(text: str) -> None:
    condition = parse_condition(f"  {text} ")
    assert condition.text == text
    assert condition.reads_body is (condition.kind in {ConditionKind.TEXT, ConditionKind.REGEXP, ConditionKind.JSON})


def test_latency_is_of_the_whole_unless_a_phase_is_named() -> None:
    assert parse_condition("latency < 1 s").subject == CheckPhase.WHOLE
    assert parse_condition("latency < 250").value == 250
    shown = [parse_condition(text).text for text in ("latency < 250", "size < 9", "certificate > 7", "latency < 2 s")]
    assert shown == ["latency < 250 ms", "size < 9 B", "certificate > 7 d", "latency < 2 s"]
    assert [CheckPhases(1, 2, 3, 4, 5).of(phase) for phase in CheckPhase] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "is no condition; examples: status 200-299"),
        ("statuses 200", "is no condition"),
        ("status.x 200", "is no condition"),
        ("status", "'' is no status; write 200"),
        ("status 20", "'20' is no status"),
        ("status 200-", "is no status"),
        ("latency", "is no condition"),
        ("latency.ttfb < 1", "'ttfb' is no phase; known are dns, connect, tls, first_byte, whole"),
        ("latency < soon", "is no duration"),
        ("size < 1 XB", "'1 XB' is no size"),
        ("size < many", "is no size"),
        ("header x", "is no condition"),
        ("header x exists y", "is no condition"),
        ("header x ==", "is no condition"),
        ("text exists", "is no condition"),
        ("text contains ''", "is no condition"),
        ("body =~ (", "a round bracket has no other end"),
        ("body =~ (?=a)", "neither look-around"),
        ("body =~ (x{100}){10}(y{100}){10}", "too large"),
        ("body =~ " + "x" * 600, "500 are allowed"),
        ("$.a", "is no condition"),
        ("$.a exists b", "is no condition"),
        ("$.a ==", "is no condition"),
        ("$.a =~ [", "a square bracket has no other end"),
        ("$.a[?(@.b)] == 1", "filters, slices and unions are not"),
        ("$a == 1", "cannot be read from 'a' on"),
        ("x" * 3000, "at most 2000"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_remedy(text: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_condition(text)
    assert remedy in str(raised.value)


def test_a_path_begins_at_the_root_and_is_short() -> None:
    for text in ("a.b", "$" + ".a" * 300):
        with pytest.raises(ConfigurationError, match="is no JSONPath"):
            parse_json_path(text)
    assert parse_json_path("$").find(3) == [3]
    assert parse_json_path("$..name").find(DOCUMENT) == ["a", "b", "c"]
    assert parse_json_path(r"$['it\'s']").find({"it's": 1}) == [1]
    assert parse_json_path("$.*").find([1, 2]) == [1, 2]
    assert parse_json_path("$.a[0]").find({"a": {"0": 1}}) == []
    assert parse_json_path("$.a.b").find({"a": [1]}) == []


@given(st.text(max_size=60))
def test_no_text_is_worse_than_refused(text: str) -> None:
    for tried in (text, f"$.{text}", f"body =~ {text}", f"header {text}"):
        try:
            broken_condition([parse_condition(tried)], observed())
        except ConfigurationError:
            continue


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("status 999", "a status is 200 to 599"),
        ("status 100-199", "a status is 200 to 599"),
        ("status 299-200", "299-200 ends before it begins"),
        ("status != 100-999", "it leaves no status over"),
        ("latency < 0 ms", "every answer takes some time"),
        ("latency.connect == 0", "every answer takes some time"),
        ("size < 0", "no body has less than 0 bytes"),
        ("certificate <= 0 d", "there is no answer"),
        ("length($.a) < 0", "no length is below 0"),
        ("length($.a) == -1", "no length is below 0"),
    ],
)
def test_a_condition_that_can_never_be_true_is_refused_where_it_is_written(text: str, reason: str) -> None:
    assert parse_condition(text).operator, "what was taken once is read"
    with pytest.raises(ConfigurationError, match=f"can never be true: .*{reason}"):
        possible_condition(text)


@pytest.mark.parametrize(
    "text",
    ["status 199-200", "status != 404", "latency > 0", "latency < 1 ms", "size <= 0", "size < 0,5 kB", "certificate > 0", "$.a < 0",
     "length($.a) <= 0", "length($.a) < 1", "length($.a) == true", "length($.a) > -1", "text contains x"],
)  # fmt: skip
def test_one_that_may_be_true_is_taken(text: str) -> None:
    assert possible_condition(text) == parse_condition(text)


def test_conditions_about_the_status_have_to_leave_one_over() -> None:
    check_together(["status 2xx", "status != 204", "latency < 1 s"])
    check_together([])
    with pytest.raises(ConfigurationError, match="status 200, status 404: no status is all of them"):
        check_together(["status 200", "text contains x", "status 404"])


@pytest.mark.parametrize(
    "texts",
    [
        ["size < 10 B", "size > 20 B"],
        ["latency < 100 ms", "status 200", "latency > 200 ms"],
        ["latency.first_byte <= 1 s", "latency.first_byte > 1 s"],
        ["$.x > 5", "$.x < 3"],
        ["$.x == 5", "$.x != 5"],
        ["length($.x) > 5", "length($.x) == 2"],
        ['$.status == "up"', "$.status == down"],
        ["$.ok == true", "$.ok == 1"],
        ["header x-cache == HIT", "header x-cache == MISS"],
        ["certificate > 30 d", "certificate < 14 d"],
    ],
)
def test_conditions_that_together_no_answer_fulfils_are_refused(texts: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="no value fulfils all of them"):
        check_together(texts)


@pytest.mark.parametrize(
    "texts",
    [
        ["size > 10 B", "size < 20 B", "size != 15"],
        ["latency.dns < 1 ms", "latency.dns > 2 ms"],  # an address needs no DNS
        ["latency >= 1 s", "latency <= 1 s"],
        ["$.x > 5", "$.y < 3"],
        ["$.x != 5", "$.x != 6", "$.x > 2026-01-01"],
        ["$.x == NaN", "$.x < 3"],
        ["text contains a", "text lacks b"],
    ],
)
def test_conditions_that_an_answer_may_fulfil_are_taken(texts: list[str]) -> None:
    check_together(texts)


@pytest.mark.parametrize(
    ("text", "url", "more", "said"),
    [
        ("latency > 60 s", "https://x", {"timeout": 10}, "the time-out ends a check after 10 s"),
        ("latency < 60 s", "https://x", {"timeout": 10}, ""),
        ("latency.dns > 60 s", "https://x", {"timeout": 10}, ""),
        ("certificate > 14 d", "http://x", {"redirects": 0}, "http shows no certificate"),
        ("certificate > 14 d", "http://x", {"redirects": 5}, ""),
        ("certificate > 14 d", "https://x", {"redirects": 0}, ""),
    ],
)
def test_a_condition_has_to_suit_the_address_and_the_time_out(
    text: str, url: str, more: dict[str, Any], said: str
) -> None:
    request = CheckRequest(url, conditions=(possible_condition(text),), **more)
    if not said:
        check_reachable(request)
        return
    with pytest.raises(ConfigurationError, match=said):
        check_reachable(request)


@pytest.mark.parametrize(
    "text",
    ['$.status == "up" und', """$['a "b"'] == 'up' and more""", 'text contains "a" or "b"', "header x == 'a' b"],
)
def test_nothing_stands_behind_a_quoted_value(text: str) -> None:
    assert parse_condition(text).operator, "what was taken once is read"
    with pytest.raises(ConfigurationError, match="stands behind the quoted value"):
        possible_condition(text)


@pytest.mark.parametrize(
    "text",
    ['$.a == "up"', "text contains 'tis", "text contains \"a == 'b' c\"", 'body =~ "a" b', "$.a == up and running"],
)
def test_words_without_quotes_are_one_value(text: str) -> None:
    assert possible_condition(text) == parse_condition(text)
