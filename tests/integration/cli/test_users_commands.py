"""`gridkeeper users` in this process, on a real database."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from argon2 import PasswordHasher

from app.cli import run
from app.settings import variables

SECRET = "a long walk by the river"


@pytest.fixture(autouse=True)
def _surroundings(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("argon2.PasswordHasher", lambda: quick)
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    yield
    structlog.reset_defaults()


def test_a_user_is_added_shown_disabled_and_removed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*arguments: str, code: int = 0, typed: str = "") -> tuple[str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert run(["users", *arguments]) == code
        found = capsys.readouterr()
        assert SECRET not in found.out + found.err
        return found.out, found.err

    def shown(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(said("show", name, "--json")[0])
        return found

    limits = ("--area", "DE_LU", "--item", "load_actual")
    said("add", "Anna", *limits, "--password-stdin", typed=f"{SECRET}\n")
    anna = shown("anna")
    assert (anna["name"], anna["areas"], anna["items"], anna["scope"]) == ("Anna", ["DE_LU"], ["load_actual"], "read")
    assert (anna["with_password"], anna["sessions"]) == (True, [])
    assert "there is a user 'anna' already" in said("add", "anna", "--generate", code=1)[1]
    for wrong in (("add", "b"), ("add", "a b", "--generate"), ("add", "b", "--scope", "admin", *limits, "--generate")):
        assert said(*wrong, code=2)[1]
    assert "12 to 200 characters" in said("add", "b", "--password-stdin", code=2, typed="short\n")[1]
    assert "contradict" in said("add", "b", "--password-stdin", "--generate", code=2)[1]
    out, err = said("add", "bert", "--scope", "operate", "--generate")
    assert (len(out.strip()), "shown this once" in err) == (20, True)
    assert len(json.loads(said("password", "bert", "--generate", "--json")[0])["password"]) == 20
    said("add", "carl", "--by-proxy")
    table = said("list")[0]
    assert [name in table for name in ("Anna", "bert", "carl", "proxy")] == [True] * 4
    said("disable", "anna")
    assert shown("anna")["disabled_at"] is not None
    said("enable", "anna", "--json")
    assert shown("anna")["disabled_at"] is None
    assert "0 browsers" in said("sign-out", "anna")[1]
    said("remove", "anna")
    assert "there is no user 'anna'" in said("show", "anna", code=1)[1]
    assert [one["name"] for one in json.loads(said("list", "--json")[0])] == ["bert", "carl"]
