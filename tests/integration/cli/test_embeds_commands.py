"""`gridkeeper embeds` and `gridkeeper open` in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from app.cli import run
from app.settings import variables


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    structlog.reset_defaults()


def test_a_picture_is_released_listed_and_revoked(
    database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)

    def said(*arguments: str, code: int = 0) -> tuple[str, str]:
        assert run(["embeds", *arguments]) == code
        found = capsys.readouterr()
        return found.out, found.err

    fresh = ("release", "freshness", "load", "--item", "load_actual", "--area", "FR")
    out, err = said(*fresh)
    assert out.startswith("http://127.0.0.1:8080/embed/")
    assert out.strip().endswith(".svg")
    assert "shown this once" in err
    assert "is released already" in said(*fresh, code=1)[1]
    assert "no series 7" in said("release", "chart", "x", "--series", "7", code=1)[1]
    assert "name its number" in said("release", "value", "x", code=2)[1]
    made = json.loads(said("release", "status", "all", "--json")[0])
    [first, second] = json.loads(said("list", "--json")[0])
    assert (first["name"], second["name"], second["area"]) == ("all", "load", "FR")
    assert made["address"].rpartition("/")[2].removesuffix(".svg") not in str(first)
    assert "load_actual FR" in said("list")[0]
    said("revoke", "load")
    assert "nothing is released" in said("revoke", "load", code=1)[1]
    assert "revoked" in said("list")[0]


def test_the_address_is_printed_and_opened_where_there_is_a_desktop(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    alive = [True]

    def get(url: str, **_options: float) -> httpx.Response:
        if not alive[0]:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    assert run(["open", "/data/1"]) == 0
    assert capsys.readouterr().out == "http://127.0.0.1:8080/data/1\n"
    assert run(["open", "--print"]) == 0
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert run(["open"]) == 0
    alive[0] = False
    assert run(["open"]) == 1
    assert "start it with `gridkeeper serve`" in capsys.readouterr().err
    monkeypatch.setenv("GRIDKEEPER_WEB__PORT", "0")
    assert run(["open"]) == 2
    assert opened == ["http://127.0.0.1:8080/data/1"]
