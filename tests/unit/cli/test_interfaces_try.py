"""`gridkeeper interfaces try` asks a service, a suite or an operation once, and shows no value that an answer gave."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.cli import run
from app.cli.exit_codes import FAILED, OK, UNAVAILABLE, USAGE

TOKEN = "token-of-ann-that-nobody-sees"
FILE = """
services:
  shop:
    documents: shop.json
    base_urls: {url}
    auth: {{sso}}
    suites:
      checkout:
        steps:
          - {name: login, method: POST, path: /login, take: {token: $.token, session: $.number}}
          - {name: order, path: /orders, headers: {Authorization: "Bearer {{token}}"}}
        cleanup:
          - {name: leave, path: /broken}
  other: {documents: shop.json, base_urls: {url}}
logins:
  sso: {type: login, url: "{url}/login"}
  gone: {type: login, url: "{url}/broken"}
"""
DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "Shop", "version": "1"},
    "paths": {
        "/orders": {"get": {"operationId": "listOrders"}, "post": {"operationId": "addOrder"}},
        "/orders/{id}": {"get": {"parameters": [{"name": "id", "in": "path", "required": True, "example": 1}]}},
    },
}


class _Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = 200 if self.headers["Authorization"] == f"Bearer {TOKEN}" else 401
        self._say(500 if self.path == "/broken" else status, {})

    def do_POST(self) -> None:
        self._say(500 if self.path == "/broken" else 200, {"token": TOKEN, "number": 4711})

    def _say(self, status: int, said: object) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def file(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "interfaces.yaml"
    path.write_text(FILE.replace("{url}", url).replace("{{sso}}", "sso"))
    (tmp_path / "shop.json").write_text(json.dumps(DOCUMENT))
    monkeypatch.setenv("GRIDKEEPER_PROBES__INTERFACES_FILE", str(path))
    return path


def test_a_suite_shows_its_steps_and_what_was_taken(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["interfaces", "try", "checkout"]) == FAILED
    out, err = capsys.readouterr()
    login, order, leave = (line.split() for line in out.splitlines()[1:])
    assert login[1:7] == ["1", "login:", "POST", "/login", "ok", "200"]
    assert f"token: text of {len(TOKEN)} characters, session: number" in out
    assert (order[5:7], leave[1:3]) == (["ok", "200"], ["cleanup", "1"])
    assert "status 500 where status 200-299 is expected" in out
    assert TOKEN not in out + err
    assert "4711" not in out + err
    assert err.splitlines()[-1] == "shop: 0 of 1 answered well"
    file.write_text(
        file.read_text().replace("path: /broken", "path: /orders, headers: {Authorization: 'Bearer {{token}}'}")
    )
    assert run(["interfaces", "try", "checkout", "--json"]) == OK
    [tried] = json.loads(capsys.readouterr().out)
    assert (tried["service"], tried["method"], tried["result"]["ok"]) == ("shop", "SUITE", True)
    assert [step["ok"] for step in tried["result"]["steps"]] == [True, True, True]


def test_a_service_and_an_operation_are_asked_with_the_login(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["interfaces", "try", "GET /orders/{id}", "--service", "shop"]) == OK
    assert run(["interfaces", "try", "listOrders", "--service", "other"]) == FAILED
    assert run(["interfaces", "try", "shop"]) == FAILED
    out, err = capsys.readouterr()
    assert "shop: 1 of 1 answered well\nother: 0 of 1 answered well\nshop: 2 of 3 answered well\n" in err
    assert TOKEN not in out + err
    file.write_text(file.read_text().replace("auth: sso", "auth: gone"))
    assert run(["interfaces", "try", "listOrders", "--service", "shop"]) == FAILED
    assert "no token: status" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["chekout"], UNAVAILABLE, "no service, suite or operation is called 'chekout', did you mean checkout?"),
        (["listOrders"], UNAVAILABLE, "several services have 'listOrders': shop, other; say --service"),
        (["addOrder"], UNAVAILABLE, "addOrder is not probed: POST may change something; allow it by name to probe it"),
        (["checkout", "--service", "shp"], UNAVAILABLE, "the file has no service 'shp', did you mean shop?"),
        (["shop", "--file", "gone.yaml"], USAGE, "gone.yaml"),
    ],
)
def test_what_cannot_be_tried_says_why(
    file: Path, arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["interfaces", "try", *arguments]) == code
    assert said in capsys.readouterr().err
    file.write_text("services: {a: {documents: a, intervall: 5}}")
    assert run(["interfaces", "try", "a"]) == USAGE
    assert "intervall" in capsys.readouterr().err
