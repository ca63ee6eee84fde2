"""JSON and YAML are read leniently: as written, within bounds, and as far as they go."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from app.probes.scanning import syntax
from app.probes.scanning.syntax import DEEPEST, MOST_PROBLEMS, WrittenNumber, decode_text, parse_text


def value(text: str) -> Any:
    parsed = parse_text(text)
    assert (parsed.problems, parsed.complete) == ([], True)
    return parsed.value


def problems(text: str) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.pointer, problem.reason) for problem in parse_text(text).problems]


def test_numbers_dates_and_words_stay_as_they_are_written() -> None:
    assert value("a: 1.10\nb: 2024-01-01\nc: yes\nd: 007\ne: 1e999\nf: .5\ng: -.inf\nh: 0x1F") == {
        "a": "1.10", "b": "2024-01-01", "c": "yes", "d": "007", "e": "1e999", "f": ".5", "g": "-.inf", "h": "0x1F",
    }  # fmt: skip
    assert value('{"a": 1.10, "b": 1e999, "c": NaN, "d": [1]}') == {"a": "1.10", "b": "1e999", "c": "NaN", "d": ["1"]}
    assert type(value("a: 1")["a"]) is WrittenNumber
    assert type(value("a: '1'")["a"]) is str
    assert type(value("a: 1.2.3")["a"]) is str


def test_constants_are_those_of_yaml_1_2() -> None:
    assert value("a: true\nb: FALSE\nc: null\nd: ~\ne:\nf: 'null'\ng: no") == {
        "a": True, "b": False, "c": None, "d": None, "e": None, "f": "null", "g": "no",
    }  # fmt: skip


def test_names_are_texts() -> None:
    assert value("200: a\ntrue: b\n1.5: c") == {"200": "a", "true": "b", "1.5": "c"}


def test_a_number_of_a_million_digits_is_harmless() -> None:
    assert value('{"a": ' + "9" * 1_000_000 + "}")["a"].startswith("999")
    assert value("a: " + "9" * 1_000_000)["a"].startswith("999")


def test_anchors_are_shared_and_merged() -> None:
    shared = value("a: &x {k: 1}\nb: *x\nc:\n  <<: *x\n  k: 2\n  m: 3\nd: {<<: [*x, {n: 4}]}\ne: &y t\nf: {*y : 5}")
    assert shared["a"] is shared["b"]
    assert shared["c"] == {"k": "2", "m": "3"}
    assert shared["d"] == {"k": "1", "n": "4"}
    assert shared["f"] == {"t": "5"}
    assert value("&k a: 1\nb: *k") == {"a": "1", "b": "a"}


def test_what_an_alias_cannot_stand_for_is_nothing() -> None:
    assert problems("a: *gone") == [(1, "", "*gone stands for nothing; it is read as nothing")]
    assert problems("a: &a [*a]") == [(1, "", "*a contains itself; it is read as nothing")]
    assert parse_text("a: &a [*a]").value == {"a": [None]}
    assert problems("a: {<<: 5}") == [(1, "", "<< takes a mapping; it is left out")]


def test_an_alias_bomb_stays_small() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 200))]
    assert len(value("\n".join(lines))) == 200


def test_names_that_are_none_are_left_out_with_their_values() -> None:
    parsed = parse_text("? [1]\n: {x: 1}\n? {y: 1}\n: z\n&k [1] : 1\na: 2")
    assert parsed.value == {"a": "2"}
    assert {problem.reason for problem in parsed.problems} == {"a name must be a text; its value is not read"}
    assert parse_text("a: &l [1]\nb: {*l : 1}").value == {"a": ["1"], "b": {}}


def test_a_name_that_stands_twice_is_a_problem_with_its_place() -> None:
    twice = "this stands twice; the last one counts"
    assert problems("paths:\n  /a: 1\n  /a: 2") == [(3, "#/paths/~1a", twice)]
    assert problems("a:\n- b: 1\n- c: 1\n  c: 2") == [(4, "#/a/1/c", twice)]
    assert problems('{"a": [{"b~/": 1, "b~/": 2}], "c": 1}') == [(0, "#/a/0/b~0~1", twice)]
    assert parse_text('{"a": 1, "a": 2}').value == {"a": "2"}


def test_outer_names_know_their_lines() -> None:
    parsed = parse_text("paths:\n  /a:\n    get: {}")
    assert parsed.lines[id(parsed.value["paths"]["/a"]), "get"] == 3


@pytest.mark.parametrize("text", ["", "# nothing", "---\n"])
def test_an_empty_text_is_nothing(text: str) -> None:
    assert value(text) is None


def test_a_text_that_breaks_off_keeps_what_was_closed_before() -> None:
    parsed = parse_text("openapi: 3.0.0\npaths:\n  /a: {get: {}}\n  /b:\n    get: {}\n\tx: 1")
    assert parsed.value == {"openapi": "3.0.0", "paths": {"/a": {"get": {}}}}
    assert not parsed.complete
    [problem] = parsed.problems
    assert (problem.line, "YAML takes no tabs" in problem.reason) == (6, True)
    cut = parse_text('{"openapi": "3.0.0", "paths": {"/a": {"get": {}}, "/b": {"get"')
    assert cut.value == {"openapi": "3.0.0", "paths": {"/a": {"get": {}}}}
    assert "this is no JSON" in cut.problems[-1].reason
    assert parse_text("[1, 2").value == ["1", "2"]
    assert parse_text("a: 'x").value == {}
    assert parse_text("'x").value is None


def test_json_with_a_comma_too_many_is_read_as_yaml() -> None:
    assert value('{"a": [1, 2,],}') == {"a": ["1", "2"]}


def test_a_second_document_is_not_read() -> None:
    parsed = parse_text("---\na: 1\n---\nb: 2")
    assert (parsed.value, parsed.complete) == ({"a": "1"}, True)
    assert problems("---\na: 1\n---\nb: 2") == [(3, "", "a second document begins here; it is not read")]


@pytest.mark.parametrize("text", ["a: " + "[" * 5_000, "- " * 5_000, '{"a":' + "[" * 5_000 + "]" * 5_000 + "}"])
def test_deep_nesting_ends_the_reading(text: str) -> None:
    parsed = parse_text(text)
    assert not parsed.complete
    assert parsed.problems[-1].reason == f"lists and mappings are nested deeper than {DEEPEST}"


def test_json_that_python_s_reader_finds_too_deep_is_cut_by_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_deep(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(json, "loads", too_deep)
    assert parse_text('{"a": 1}').value == {"a": "1"}


def test_too_many_values_end_the_reading() -> None:
    parsed = parse_text("a: [1, 2, 3]\nb: 1", most_nodes=5)
    assert (parsed.complete, parsed.problems[-1].reason) == (False, "there are more values than are read of one file")
    merged = parse_text("a: &a {b: 1, c: 2}\nd: {<<: [*a, *a, *a, *a]}", most_nodes=14)
    assert not merged.complete


def test_problems_are_listed_up_to_a_bound() -> None:
    assert len(problems("\n".join(["a: 1"] * (2 * MOST_PROBLEMS)))) == MOST_PROBLEMS
    assert len(problems("[" + ", ".join(['{"a": 1, "a": 2}'] * (2 * MOST_PROBLEMS)) + "]")) == MOST_PROBLEMS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_encoding_of_unicode_is_read(encoding: str) -> None:
    assert decode_text('{"é": 1}'.encode(encoding)) == ('{"é": 1}', None)


def test_what_is_no_text_is_replaced_and_named() -> None:
    text, problem = decode_text("a: 1\nb: é".encode("latin-1"))
    assert text == "a: 1\nb: \ufffd"
    assert problem is not None
    assert (problem.line, problem.reason) == (2, "this is no UTF-8; save the file as UTF-8")


def test_an_event_without_a_mark_has_no_line() -> None:
    assert syntax._line_of(yaml.Event(None, None)) == 0
