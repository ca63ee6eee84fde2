from __future__ import annotations

import os
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.kit.files import LARGEST_FILE, read_bytes, read_stream
from app.kit.yaml.fields import (
    Fields,
    read_content,
    read_text,
    suggestion,
)
from app.kit.yaml.tree import (
    MOST_KEPT,
    MOST_NODES,
    MOST_SHOWN,
    FileProblems,
    Problem,
    ProblemReport,
    read_tree,
)


class Colour(StrEnum):
    RED = "red"
    OFF = "off"


def reading(text: str) -> tuple[Fields, ProblemReport]:
    report = ProblemReport("x.yaml")
    return read_text(text, report), report


def no_secret(_: str) -> str:
    raise ConfigurationError("this is no secret")


def problems_of(text: str) -> list[str]:
    return [str(problem) for problem in reading(text)[1].problems]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2", "x.yaml, line 2: a: this stands on line 1 already; leave one of them out"),
        (
            "rules:\n- name: r\n  sql: x\n  labels:\n    a: 1\n    a: 2",
            "x.yaml, line 6: rules[r].labels.a: this stands on line 5 already; leave one of them out",
        ),
        ("a: [", "x.yaml, line 2: this is no YAML: did not find expected node content"),
        (
            "a: > 5",
            "did not find expected comment or line break; write a value that begins with > or | in quotes",
        ),
        (
            "a: 1\nb: é\x00",
            "x.yaml, line 2: this is no YAML: unacceptable character #x0000: control characters are not allowed",
        ),
        ("- 1", "x.yaml, line 1: the file must be a mapping of names to values"),
        ("a: 1\n---\nb: 2", "line 2: a second document begins here"),
        ("a: !!python/object:os.system x", "line 1: the tag tag:yaml.org,2002:python/object:os.system is not read"),
        ("<<: {a: 1}", "line 1: <<: merging is not read; write the fields out"),
        ("? [1]\n: 2", "a name must be a text, not a list or a mapping"),
        ("a: &a [*a]", "*a contains itself; write the values out"),
        ("a: *b", "*b stands for nothing: there is no &b above"),
        ("a: &a x\n? *a\n: 1", "an alias cannot be a name; write the name out"),
        ("[" * 500_000, "nested deeper than 20; nothing here needs that"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(text: str, problem: str) -> None:
    [found] = problems_of(text)
    assert problem in found


def test_aliases_that_grow_without_bound_are_refused_at_once() -> None:
    bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n"
    bomb += "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    assert f"more than {MOST_NODES:,} values, aliases written out" in problems_of(bomb)[0]


def test_aliases_stand_for_what_they_name() -> None:
    root, report = reading("a: &a [x, y]\nb: *a\nc: &t text\nd: *t")
    assert root.texts("b") == root.texts("a") == ("x", "y")
    assert root.text("d") == root.text("c") == "text"
    root.close()
    assert report.problems == []


@pytest.mark.parametrize("text", ["", "# nothing", "~", "---\n"])
def test_an_empty_file_has_no_fields_and_no_problems(text: str) -> None:
    root, report = reading(text)
    assert (root.names, report.problems) == ((), [])


def test_every_problem_of_a_file_is_found_at_once() -> None:
    root, report = reading(
        "name: 5\nflag: maybe\nnumber: x\nwhole: 1.5\nduration: soon\nfar: 9 d\ncolour: rde\nlist: {a: 1}\nlabels: [1]\n"
        "inner: 3\nmany: 3\nnamed: [1]\nsecret: literal\ntoo: 11\nlong: abcdef\nnam: x\n"
    )
    root.text("name")
    root.flag("flag", default=False)
    root.number("number", 1.0)
    root.whole("whole", 1, least=0, most=9)
    root.duration("duration", timedelta(0))
    root.duration("far", timedelta(0), most=timedelta(days=2))
    root.choice("colour", Colour, Colour.RED)
    root.texts("list")
    root.labels("labels")
    root.entry("inner")
    root.entries("many")
    root.named("named")
    root.read("secret", no_secret)
    root.number("too", 1.0, most=10)
    root.text("long", longest=5)
    root.text("missing", required=True)
    root.close()
    assert [str(problem).removeprefix("x.yaml, ") for problem in report.problems] == [
        "line 1: name: '5' is no text; write it in quotes",
        "line 2: flag: 'maybe' is neither true nor false; write true or false without quotes",
        "line 3: number: 'x' is no number; write it like 5 or 0.5, without quotes",
        "line 4: whole: 1.5 is no whole number",
        "line 5: duration: 'soon' is no duration; write it as 90 s, 30 min, 2 h, 1h30m, 3 d or 1 w",
        "line 6: far: '9 d' is out of range; it must lie between 0 s and 2 d",
        "line 7: colour: 'rde' is none of red, off; did you mean red?",
        "line 8: list: this must be a list of texts",
        "line 9: labels: this must be names and texts, as {area: FR, item: load_actual}",
        "line 10: inner: this must be a mapping of fields, not '3'",
        "line 11: many: this must be a list; begin each element with a dash",
        "line 12: named: this must be a mapping of names to fields",
        "line 13: secret: this is no secret",
        "line 14: too: 11 is out of range; it must be at most 10",
        "line 15: long: this is longer than 5 characters",
        "line 1: missing: this is missing",
        "line 16: nam: there is no such field; did you mean name?",
    ]


def test_fields_are_read_by_their_type() -> None:
    root, report = reading(
        "text: 'on'\nflag: Yes\nnumber: 1_000.5\nwhole: 3\nduration: 1.5 h\ncolour: off\nlabels: {area: NO, n: 1, e: }\n"
        "inner: {a: x}\nmany: [{name: n, a: y}, {a: z}, ]\nnamed: {p: {a: w}, q: }\nempty:\n"
    )
    assert root.text("text") == "on"
    assert root.flag("flag", default=False)
    assert root.number("number", None) == 1000.5
    assert root.whole("whole", 0, least=0, most=9) == 3
    assert root.duration("duration", None) == timedelta(minutes=90)
    assert root.choice("colour", Colour, Colour.RED) is Colour.OFF
    assert root.labels("labels") == {"area": "NO", "n": "1", "e": ""}
    inner = root.entry("inner")
    assert inner is not None
    assert (inner.path, inner.text("a"), inner.line) == ("inner", "x", 8)
    assert [(entry.path, entry.text("a")) for entry in root.entries("many")] == [("many[n]", "y"), ("many[1]", "z")]
    assert {name: entry.text("a", "none") for name, entry in root.named("named").items()} == {"p": "w", "q": "none"}
    assert root.text("empty", "default") == "default"
    assert not root.has("empty")
    assert root.is_mapping("inner")
    assert report.problems == []


def test_what_is_not_there_is_its_default() -> None:
    root, _ = reading("")
    assert root.texts("a", ("x",)) == ("x",)
    assert root.labels("a") == {}
    assert root.entry("a") is None
    assert root.entries("a") == []
    assert root.named("a") == {}
    assert root.written("a", "a text") is None
    assert root.choice("a", Colour, Colour.OFF) is Colour.OFF
    assert root.flag("a", default=True)
    assert root.whole("a", 7, least=0, most=9) == 7


def test_a_file_that_is_no_utf_8_says_where() -> None:
    report = ProblemReport("x.yaml")
    read_content(b"a: 1\nb: \xff", report)
    assert [str(problem) for problem in report.problems] == ["x.yaml, line 2: this is no UTF-8; save the file as UTF-8"]
    assert read_content(b"\xef\xbb\xbfa: x", ProblemReport("y")).text("a") == "x"


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (LARGEST_FILE + 1))
    with pytest.raises(ConfigurationError, match="split it into several files"):
        read_bytes(large)


def test_many_problems_are_cut_in_the_message_and_kept_in_the_error() -> None:
    error = FileProblems(tuple(Problem("x", 0, "", "bad") for _ in range(MOST_SHOWN + 5)))
    assert str(error).endswith("and 5 more")
    assert len(error.problems) == MOST_SHOWN + 5


def test_a_suggestion_names_the_nearest_or_all() -> None:
    assert suggestion("treshold", ["threshold", "name"]) == "; did you mean threshold?"
    assert suggestion("xyz", ["a", "b"]) == "; known are a, b"
    assert suggestion("xyz", []) == ""


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("cron: */15 * * * *", 'write the value in quotes, as "*/15 * * * *"'),
        ("cron: @daily", 'write the value in quotes, as "@daily"'),
        ("a: [@x, 1]", 'write the value in quotes, as "@x'),
        ("- `x`", 'write the value in quotes, as "`x`"'),
        ("a: %d", 'write the value in quotes, as "%d"'),
        ("cron: * * * * *", "write the value in quotes"),
        ("a: *x", "there is no &x above; write the value in quotes"),
        ("a:\n\tb: 1", "indent with spaces"),
        ("a:\n  b: 1\n\tc: 2", "indent with spaces"),
        ("a: b: c", "in quotes"),
        ("threshold: > 5", "write a value that begins with > or | in quotes"),
    ],
)
def test_the_usual_mistakes_of_yaml_are_told_with_the_remedy(text: str, remedy: str) -> None:
    [problem] = problems_of(text)
    assert remedy in problem


def test_aliases_are_counted() -> None:
    text = "a: &a x\nb: [" + "*a, " * 10_001 + "]"
    assert "more than 10,000 aliases" in problems_of(text)[0]


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    with pytest.raises(ConfigurationError, match="is a pipe and no file"):
        read_bytes(pipe)
    with pytest.raises(ConfigurationError, match="is a folder and no file"):
        read_bytes(folder)
    with pytest.raises(ConfigurationError, match="is a device and no file"):
        read_bytes(Path("/dev/zero"))
    with pytest.raises(ConfigurationError, match="larger than 1,000 bytes"):
        read_stream(Path("/dev/zero"), most=1000)


def test_a_file_of_many_small_mappings_is_refused_because_each_takes_the_memory_of_several_values() -> None:
    report = ProblemReport("x")
    assert read_tree(f"a: [{'{b},' * 80_000}]", report) is None
    assert [problem.message for problem in report.problems] == [
        f"more than {MOST_NODES:,} values, aliases written out; split the file, or use fewer aliases"
    ]


def test_problems_beyond_those_that_are_kept_take_no_memory_and_are_counted() -> None:
    report = ProblemReport("x")
    assert read_tree("{" + "a," * 5000 + "}", report) is not None
    assert len(report.problems) == 4999
    assert len({id(problem) for problem in report.problems}) == MOST_KEPT + 1
    assert "more problems than are listed" in report.problems[-1].message
    assert str(FileProblems(tuple(report.problems))).endswith(f"and {4999 - MOST_SHOWN} more")
