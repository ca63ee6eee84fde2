"""`gridkeeper interfaces scan`: operations, what is probed, why not the others, and defects with their places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli import run

TEXT = """openapi: 3.1.0
info: {title: Users}
servers: [{url: https://api.example/v1}]
paths:
  /users: {get: {operationId: users, responses: {200: {}}}, post: {operationId: add}}
  /users/{id}: {get: {parameters: [{name: id, in: path, schema: {type: integer, example: 5}}]}}
  /broken: {get: 5}
webhooks: {new: {post: {}}}
"""


@pytest.fixture
def document(tmp_path: Path) -> str:
    (tmp_path / "api.yaml").write_text(TEXT)
    return str(tmp_path / "api.yaml")


def test_each_operation_says_what_is_probed_or_why_not(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["interfaces", "scan", document, "--base-url", "https://staging.example", "--allow", "nobody"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"{document}: openapi 3.1.0, Users: 3 operations, 2 probed; 1 webhooks, which the service calls itself",
        "operation        probed  url, or why not",
        "GET /users       yes     https://staging.example/v1/users",
        "POST /users      no      POST may change something; allow it by name to probe it",
        "GET /users/{id}  yes     https://staging.example/v1/users/5",
        f"defect: {document}, line 7 #/paths/~1broken/get: GET has no fields; it is left out",
        "",
    ]
    assert err == "--allow nobody: no document has such an operation\n"


def test_programs_read_the_same_as_json(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["interfaces", "scan", document, "--json", "--allow", "add"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert (found["file"], found["kind"], found["version"], found["complete"]) == (document, "openapi", "3.1.0", True)
    assert len(found["operations"]) == len(found["probed"]) + len(found["skipped"]) == 3
    assert found["operations"][2]["parameters"] == [
        {"name": "id", "in": "path", "required": True, "type": "integer", "value": ["5"], "origin": "example"}
    ]
    assert found["operations"][0]["responses"] == ["200"]
    assert {"method": "POST", "path": "/users", "operation_id": "add", "url": "https://api.example/v1/users"} in found[
        "probed"
    ]
    assert found["defects"] == [
        {"file": document, "line": 7, "pointer": "#/paths/~1broken/get", "reason": "GET has no fields; it is left out"}
    ]
    assert run(["interfaces", "scan", document, "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    [skipped] = found["skipped"]
    assert skipped["reasons"] == [
        {"reason": "method", "detail": "POST may change something; allow it by name to probe it"}
    ]


def test_exit_codes(document: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["interfaces", "scan", document, "--summary"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1:] == ["openapi", "3.1.0", "3", "2", "1", "1"]
    assert run(["interfaces", "scan", document, "--strict"]) == 3
    assert run(["interfaces", "scan", str(tmp_path / "gone.yaml")]) == 2
    assert run(["interfaces", "scan", document, "--base-url", "x"]) == 2
    (tmp_path / "other.yaml").write_text("a: 1")
    capsys.readouterr()
    assert run(["interfaces", "scan", str(tmp_path / "other.yaml")]) == 3
    assert capsys.readouterr().out.startswith(f"{tmp_path}/other.yaml: no interface: 0 operations, 0 probed\n")


def test_a_text_is_a_document_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "api.md").write_text("Base URL: https://api.example\n\n| GET | /users |\n")
    (tmp_path / "README.md").write_text("Nothing.\n")
    assert run(["interfaces", "scan", str(tmp_path), "--summary"]) == 0
    [_, line] = capsys.readouterr().out.splitlines()
    assert line.split() == [f"{tmp_path}/api.md", "markdown", "1", "1", "0", "0"]


def test_what_may_break_callers_ends_a_comparison_with_1(
    document: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(TEXT.replace("operationId: add", "deprecated: true"))
    assert run(["interfaces", "diff", document, str(new)]) == 0
    assert capsys.readouterr().out == ("changed POST /users: is deprecated; is called nothing in the place of add\n")
    new.write_text(TEXT.replace("  /users/{id}", "  /people/{id}"))
    assert run(["interfaces", "diff", document, str(new)]) == 1
    assert capsys.readouterr().out == ("removed GET /users/{id}: may break callers\nadded   GET /people/{id}\n")
    assert run(["interfaces", "diff", document, str(new), "--json"]) == 1
    removed, added = json.loads(capsys.readouterr().out)
    assert (removed["event"], removed["path"], removed["breaking"], removed["changes"]) == (
        "removed", "/users/{id}", True, [],
    )  # fmt: skip
    assert (added["event"], added["line"], added["file"]) == ("added", 6, str(new))


def test_a_comparison_with_what_cannot_be_read_fails(
    document: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cut.yaml").write_text("openapi: 3.0.0\npaths: {/a: {get: [")
    assert run(["interfaces", "diff", document, str(tmp_path / "cut.yaml")]) == 3
    assert "cut.yaml is not read to its end: " in capsys.readouterr().err
    assert run(["interfaces", "diff", document, str(tmp_path / "gone.yaml")]) == 2


def test_a_folder_full_of_other_files_is_told_by_their_number(
    document: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in range(12):
        (tmp_path / f"other{place}.json").write_text("{}")
    assert run(["interfaces", "scan", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{document}: openapi")
    assert "other0" not in out
    assert err == "12 files describe no interface; --json lists them\n"
