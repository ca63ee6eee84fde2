from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.kit.yaml.fields import Fields, read_text
from app.kit.yaml.tree import ProblemReport
from app.secrets import read_secret, resolve_secret, secret_files, without_secrets


def reading(text: str) -> tuple[Fields, ProblemReport]:
    report = ProblemReport("x.yaml")
    return read_text(text, report), report


def test_secrets_come_from_the_environment_and_are_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    monkeypatch.setenv("KEY", "geheim")
    monkeypatch.setenv("OTHER_FILE", str(tmp_path / "key"))
    root, report = reading("a: https://x/?key=${KEY}\nb: ${OTHER}\nc: ${OTHER_FILE}\nd: ${NOT_SET}\ne: [1]\nf: plain\n")
    first = read_secret(root, "a")
    assert first is not None
    assert first.get_secret_value() == "https://x/?key=geheim"
    assert "geheim" not in repr(first)
    for name in "bc":
        found = read_secret(root, name)
        assert found is not None
        assert found.get_secret_value() == "from-file"
    assert read_secret(root, "d") is None
    assert read_secret(root, "e") is None
    plain = read_secret(root, "f", literal=True)
    assert plain is not None
    assert plain.get_secret_value() == "plain"
    assert [str(problem) for problem in report.problems] == [
        "x.yaml, line 4: d: the environment has no NOT_SET; set it, or NOT_SET_FILE",
        "x.yaml, line 5: e: this must be a text with ${NAME} of the environment in it",
    ]


def test_a_secrets_file_that_is_empty_or_no_text_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name, reason in (("empty", "is empty"), ("bytes", "is no text"), ("gone", "cannot be read")):
        with pytest.raises(ConfigurationError, match=reason):
            resolve_secret("${A}", {"A_FILE": str(tmp_path / name)})
    with pytest.raises(ConfigurationError, match="names no variable"):
        resolve_secret("${a b}", {})


def test_without_secrets_an_example_stands_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "geheim")
    root, report = reading("a: ${KEY}/x?k=${KEY}\nb: x${A B}\nc: plain\nd: [1]\n")
    with without_secrets():
        found = [read_secret(root, name, example="https://x") for name in "abcd"]
    assert found[0] is not None
    assert found[0].get_secret_value() == "https://x/x?k=secret"
    assert found[1:] == [None, None, None]
    assert [str(problem) for problem in report.problems] == [
        "x.yaml, line 2: b: ${A B} names no variable; write it as ${NAME}",
        "x.yaml, line 3: c: a secret does not stand in a file; write ${NAME} and set NAME in the environment",
        "x.yaml, line 4: d: this must be a text with ${NAME} of the environment in it",
    ]


def test_files_of_secrets_are_those_that_stand_in_for_variables(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("one")
    environment = {"A": "set", "A_FILE": str(file), "B_FILE": str(file), "C_FILE": str(tmp_path / "gone")}
    assert secret_files("${A} ${B} ${C} ${D}", environment) == {str(file): b"one", str(tmp_path / "gone"): b""}
