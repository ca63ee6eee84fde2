"""`gridkeeper websites try` shows one check to people and to programs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from app.cli import run
from app.cli.exit_codes import FAILED, OK, USAGE
from app.settings.probes import name_server


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/old":
            self.send_response(301)
            self.send_header("Location", "/")
            self.end_headers()
            return
        body = json.dumps({"state": "up", "asked": self.headers["X-Token"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The test reads what the command says."""


@pytest.fixture
def site() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


Capture = pytest.CaptureFixture[str]


def test_it_shows_a_check_to_people_and_to_programs(site: str, tmp_path: Path, capsys: Capture) -> None:
    headers = tmp_path / "headers"
    headers.write_text("X-Token: s3cret-token\n\n")
    assert run(["websites", "try", f"{site}/old", "-e", "$.state == up", "-e", "latency < 1 min"]) == OK
    shown = capsys.readouterr().out
    assert f"{site}/: up; 200 over HTTP/1.0 from 127.0.0.1" in shown
    assert f"redirect 301: {site}/old -> {site}/" in shown
    assert "first byte" in shown
    arguments = ["-e", "$.state == down", "-H", f"@{headers}", "--json", "--retries", "0"]
    assert run(["websites", "try", site, *arguments]) == FAILED
    result = json.loads(capsys.readouterr().out)
    assert (result["ok"], result["failure"], result["status"]) == (False, "condition", 200)
    assert result["detail"] == '$.state == down: it is "up"'
    assert json.loads(result["excerpt"]) == {"state": "up", "asked": "***"}
    assert [attempt["failure"] for attempt in result["attempts"]] == ["condition"]


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["ftp://x"], "write it as https://host/path"),
        (["http://x", "-e", "nonsense"], "examples: status 200-299"),
        (["http://x", "-e", "size < 10", "-e", "size > 20"], "no value fulfils all of them"),
        (["http://x", "-e", "latency > 60 s", "--timeout", "10"], "the time-out ends a check after 10 s"),
        (["http://x", "-H", "nonsense"], "has no colon"),
        (["http://x", "--body", "/nowhere/at/all"], "cannot read /nowhere/at/all"),
    ],
)
def test_what_cannot_be_checked_is_refused_with_the_remedy(arguments: list[str], remedy: str, capsys: Capture) -> None:
    assert run(["websites", "try", *arguments]) == USAGE
    assert remedy in capsys.readouterr().err


@pytest.mark.parametrize("servers", ["nowhere", "192.0.2.53:x", "::1]:53"])
def test_a_name_server_is_an_address(servers: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("GRIDKEEPER_PROBES__NAME_SERVERS", servers)
    assert run(["websites", "try", "http://site.test"]) == USAGE
    assert "write 192.0.2.53 or [2001:db8::53]:53" in capsys.readouterr().err
    assert [name_server(text) for text in ("::1", "[::1]:5", "127.0.0.1:5")] == [
        ("::1", 53),
        ("::1", 5),
        ("127.0.0.1", 5),
    ]


def test_networks_can_be_refused(site: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("GRIDKEEPER_PROBES__REFUSED_NETWORKS", "127.0.0.0/8")
    assert run(["websites", "try", site]) == FAILED
    assert "stands in a network that the settings refuse" in capsys.readouterr().out
