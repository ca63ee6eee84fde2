"""Values of suites: texts that are filled in stay what they are, and answers give what is taken from them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from app.probes.checking.conditions.parse import parse_condition
from app.probes.interfaces.suites.models import SuiteStep, TakenValue, TakePlace
from app.probes.interfaces.suites.requests import (
    follow_cookies,
    needed_by,
    secrets_of,
    step_request,
    taken_values,
    value_kind,
)
from app.probes.interfaces.suites.templates import ValueMissing, filled_condition, filled_json, filled_path
from app.probes.models import CheckMethod, CheckResult

AT = datetime(2026, 1, 1, tzinfo=UTC)
NASTY = 'a"b\\c/d?e&f=g #{{id}}\né'


def answer(body: bytes = b"{}", *cookies: str, headers: tuple[tuple[str, str], ...] = ()) -> CheckResult:
    return CheckResult(AT, None, status=200, body=body, cookies=cookies, headers=headers)


def test_a_value_stays_one_piece_of_a_path_and_one_value_of_json() -> None:
    values = {"id": NASTY, "number": 4711, "flag": True, "list": [1, "x"], "none": None}
    assert filled_path("/orders/{{id}}/{{number}}", values) == (
        "/orders/a%22b%5Cc%2Fd%3Fe%26f%3Dg%20%23%7B%7Bid%7D%7D%0A%C3%A9/4711"
    )
    text = filled_json(
        '{"a": "x {{id}} y", "b": {{id}}, "c": {{ number }}, "d": "{{flag}}", "e": [{{list}}, {{none}}]}', values
    )
    assert json.loads(text) == {
        "a": f"x {NASTY} y", "b": NASTY, "c": 4711, "d": "true", "e": [[1, "x"], None],
    }  # fmt: skip
    assert json.loads(filled_json(r'{"a\"{{number}}": 1}', values)) == {'a"4711': 1}
    for wrong in ("", ".", ".."):
        with pytest.raises(ValueError, match="cannot stand in a path"):
            filled_path("/{{id}}/x", {"id": wrong})
    with pytest.raises(ValueMissing, match="other"):
        filled_path("/{{other}}", values)


@pytest.mark.parametrize(
    ("written", "values", "expected"),
    [
        ("$.id == {{id}}", {"id": 7}, 7),
        ('$.id == "{{id}}"', {"id": 7}, "7"),
        ("$.id == {{id}}", {"id": "seven"}, "seven"),
        ("$.id == no-{{id}}", {"id": 7}, "no-7"),
        ("body =~ ^{{id}}$", {"id": "a.b(é"}, r"^a\.b\(é$"),
        ("header etag == {{id}}", {"id": "x"}, "x"),
        ("$.n < 5", {}, 5),
    ],
)
def test_conditions_compare_with_values(written: str, values: dict[str, object], expected: object) -> None:
    condition = filled_condition(parse_condition(written), values)
    assert condition.value == expected
    assert condition.text == written


def test_what_an_answer_gives_is_taken_and_what_it_lacks_is_named() -> None:
    takes = (
        TakenValue("token", TakePlace.JSON, "$.data.token"),
        TakenValue("tag", TakePlace.HEADER, "ETag"),
        TakenValue("sid", TakePlace.COOKIE, "sid"),
    )
    full = answer(b'{"data": {"token": "t"}}', "sid=s; Path=/; HttpOnly", headers=(("etag", "e"),))
    assert taken_values(takes, full) == ({"token": "t", "tag": "e", "sid": "s"}, [])
    assert taken_values(takes, answer(b'{"data": null}'))[1] == ["the answer has nothing at $.data.token for token"]
    assert taken_values(takes[1:], answer())[1] == ["the answer has nothing at header ETag for tag"]
    assert taken_values(takes[:1], answer(b"<html>"))[1] == [
        "the answer is no JSON, so that nothing can be taken from it"
    ]
    long = json.dumps({"data": {"token": "x" * 20_001}}).encode()
    assert "longer than 20000 characters" in taken_values(takes[:1], answer(long))[1][0]
    assert (
        taken_values((TakenValue("all", TakePlace.JSON, "$..*"),), answer(json.dumps([0] * 10_001).encode()))[0] == {}
    )


@pytest.mark.parametrize(
    ("pattern", "page", "taken"),
    [
        ('name="csrf" value="([^"]+)"', b'<input name="csrf" value="a&#x2B;b&amp;c">', "a+b&c"),
        ("csrf-[0-9]+", b"x csrf-12 y", "csrf-12"),
        ("caf(.)", "café".encode("latin-1"), "é"),
        ("a(b)?", b"ac", None),
        ("gone", b"here", None),
    ],
)
def test_a_value_is_taken_out_of_a_text_by_a_pattern(pattern: str, page: bytes, taken: str | None) -> None:
    found, problems = taken_values(
        (TakenValue("csrf", TakePlace.MATCH, pattern),),
        answer(page, headers=(("Content-Type", "text/html; charset=latin-1"),)),
    )
    said = [f"the answer has nothing at match {pattern} for csrf"]
    assert (found, problems) == (({}, said) if taken is None else ({"csrf": taken}, []))


def test_cookies_follow_what_answers_set_and_take_away() -> None:
    cookies = {"old": "1", "older": "2", "kept": "3"}
    follow_cookies(
        cookies,
        answer(
            b"", "old=; Path=/", "older=x; Max-Age=0", "new=a=b; Max-Age=60", "gone=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "later=y; expires=Thu, 01 Jan 2099 00:00:00 GMT", "odd=z; expires=never", "noname", "=x",
        ),
    )  # fmt: skip
    assert cookies == {"kept": "3", "new": "a=b", "later": "y", "odd": "z"}


def test_the_request_of_a_step() -> None:
    step = SuiteStep(
        "s", CheckMethod.POST, "/a?x=1", {"q": "{{v}} &"}, {"Cookie": "own=1", "X-V": "{{v}}"}, {"f": "{{v}}"}, conditions=(parse_condition("$.a == {{w}}"),)
    )  # fmt: skip
    request = step_request(step, "https://h.example/base/", {"v": "é", "w": 1}, {"sid": "s"})
    assert request.url == "https://h.example/base/a?x=1&q=%C3%A9%20%26"
    assert (dict(request.headers)["Cookie"], request.body) == ("own=1; sid=s", b"f=%C3%A9")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert needed_by(step) == {"v", "w"}
    plain = SuiteStep("s", CheckMethod.PUT, "https://other.example/{{v}}", body="{{v}}", follows=False)
    request = step_request(plain, "https://h.example", {"v": "x"}, {})
    assert (request.url, request.body, request.redirects, request.headers["Content-Type"]) == (
        "https://other.example/x", b"x", 0, "text/plain; charset=utf-8",
    )  # fmt: skip
    said = step_request(
        SuiteStep("s", CheckMethod.POST, "/", body='{"a": "{{v}}"}', headers={"content-type": "a/b"}),
        "http://h",
        {"v": "x"},
        {},
    )
    assert {name.lower() for name in said.headers} == {"accept", "content-type"}


def test_every_value_of_an_answer_is_a_secret_and_so_is_its_beginning() -> None:
    assert list(secrets_of({"t": "x" * 100, "n": 47111, "yes": True}, ["sid-1"])) == [
        "x" * 100,
        "x" * 60,
        "47111",
        "sid-1",
    ]


def test_of_a_taken_value_kind_and_size_are_shown() -> None:
    values = ("abc", True, None, 4711, [1, 2], {"a": 1})
    assert [value_kind("v", value) for value in values] == [
        "v: text of 3 characters",
        "v: true",
        "v: null",
        "v: number",
        "v: list of 2",
        "v: object of 1 fields",
    ]
