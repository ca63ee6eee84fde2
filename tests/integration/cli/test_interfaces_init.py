"""`gridkeeper interfaces init`: a document becomes a service of the file, tried once; comments of the file stay."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.cli import run
from app.kit.yaml.tree import ProblemReport
from app.probes.config import read_interfaces

DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "Shop: orders", "version": "1"},
    "servers": [{"url": "/v1"}],
    "paths": {
        "/good": {"get": {"responses": {"200": {"description": ""}}}},
        "/bad": {"get": {"responses": {"200": {"description": ""}}}},
        "/orders/{id}": {"get": {"parameters": [{"name": "id", "in": "path", "required": True}]}},
    },
}


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(DOCUMENT).encode() if self.path == "/openapi.json" else b"{}"
        self.send_response(500 if self.path == "/v1/bad" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDKEEPER_DATA_DIR", str(tmp_path / "data"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_document_becomes_a_service_that_is_tried_once(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config" / "interfaces.yaml"
    file.parent.mkdir()
    file.write_text("# ours\nservices:\n  # the first\n  old: {documents: old.yaml}   # stays\n# the end\n")
    assert run(["interfaces", "init", f"{url}/openapi.json", "--dry-run"]) == 0
    assert "Shop" not in file.read_text()
    assert run(["interfaces", "init", f"{url}/openapi.json"]) == 0
    printed = capsys.readouterr()
    assert "Shop: orders: 3 operations, 2 can be probed" in printed.out
    assert f"GET {url}/v1/bad" in printed.out
    assert "1 of 2 operations answered well" in printed.err
    text = file.read_text()
    assert all(comment in text for comment in ("# ours", "# the first", "# stays", "# the end"))
    report = ProblemReport("i")
    config = read_interfaces(text.encode(), report)
    assert (set(config.services), report.problems) == ({"Shop: orders", "old"}, [])
    assert config.services["Shop: orders"].documents == (f"{url}/openapi.json",)
    assert run(["interfaces", "init", f"{url}/openapi.json"]) == 2
    assert "has a service 'Shop: orders' already" in capsys.readouterr().err


def test_a_file_begins_and_what_cannot_be_probed_is_not_written(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "api.json").write_text(json.dumps(DOCUMENT))
    other = tmp_path / "new" / "i.yaml"
    assert run(["interfaces", "init", "api.json", "--name", "its api", "--file", str(other)]) == 1
    assert not other.exists()
    assert "nothing of it can be probed" in capsys.readouterr().err
    arguments = ["interfaces", "init", "api.json", "--name", "its api", "--file", str(other), "--base-url", url]
    assert run(arguments) == 0
    service = read_interfaces(other.read_bytes(), ProblemReport("i")).services["its api"]
    assert (service.documents, service.base_urls) == (("../api.json",), (url,))
    assert run(["interfaces", "init", f"{url}/v1/good", "--file", str(other)]) == 3
    other.write_text("services:\n    wide: {documents: a}\n")
    assert run([*arguments, "--name", "x"]) == 0
    assert set(read_interfaces(other.read_bytes(), ProblemReport("i")).services) == {"x", "wide"}
    other.write_text("services: {flow: {documents: a}}\n")
    assert run([*arguments, "--name", "x"]) == 2
    assert "write this below its services" in capsys.readouterr().err
