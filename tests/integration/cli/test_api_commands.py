"""`gridkeeper api`: keys and the document of the REST API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from app.access.tokens import is_token
from app.cli import run
from app.settings import variables


@pytest.fixture(autouse=True)
def _surroundings(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    yield
    structlog.reset_defaults()


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run(["api", "keys", "list", "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_a_key_is_shown_once_listed_and_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["--scope", "read", "--area", "DE_LU,FR>DE_LU", "--item", "load_actual", "--expires", "90d"]
    assert run(["api", "keys", "create", "notebook", *wanted]) == 0
    shown = capsys.readouterr()
    token = shown.out.strip()
    assert is_token(token)
    assert "it is shown this once" in shown.err
    [key] = listed(capsys)
    assert (key["name"], key["areas"], key["items"]) == ("notebook", ["DE_LU", "FR>DE_LU"], ["load_actual"])
    assert token not in str(key)
    assert run(["api", "keys", "create", "notebook"]) == 1
    assert "there is a key 'notebook' already" in capsys.readouterr().err
    assert run(["api", "keys", "revoke", "notebook"]) == 0
    assert [one["usable"] for one in listed(capsys)] == [False]
    assert run(["api", "keys", "revoke", "notebook"]) == 1
    assert "was revoked before" in capsys.readouterr().err
    assert run(["api", "keys", "create", "notebook"]) == 0
    assert [one["usable"] for one in listed(capsys)] == [False, True]
    assert run(["api", "keys", "list"]) == 0
    assert "revoked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["create", "a b"], 2, "cannot name a key"),
        (["create", "x", "--area", "DE_LX"], 2, "unknown area"),
        (["create", "x", "--scope", "admin", "--area", "FR"], 2, "areas and items limit what a key reads"),
        (["create", "x", "--expires", "-3d"], 2, "is over already"),
        (["create", "x", "--scope", "root"], 2, "root"),
        (["revoke", "nobody"], 1, "there is no key 'nobody'"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_the_remedy(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["api", "keys", *arguments]) == code
    assert said in capsys.readouterr().err


def test_the_document_is_written_without_server_or_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", "postgresql://nobody@127.0.0.1:1/nothing")
    file = tmp_path / "openapi.json"
    assert run(["api", "openapi", "-o", str(file)]) == 0
    assert json.loads(file.read_text())["openapi"].startswith("3.1")
    assert run(["api", "openapi"]) == 0
    assert capsys.readouterr().out == file.read_text()
    assert run(["api", "openapi", "-o", str(tmp_path / "missing" / "x.json")]) == 2
    assert "cannot be written" in capsys.readouterr().err
