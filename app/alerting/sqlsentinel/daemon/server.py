"""The port of the daemon: /health, /ready and /metrics, as the original answers them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ProbeAnswer = tuple[int, str, bytes]
"""Status, media type and body."""
MoreAnswers = Callable[[str, str, str], ProbeAnswer | None]
"""Answers a method, a path and what stands in Authorization."""
SILENT_SECONDS = 10.0
"""A reader that says nothing for so long is hung up on."""


class HealthServer:
    """Answers in threads of its own, so that a probe is answered whatever the daemon does."""

    def __init__(
        self, port: int, answers: Mapping[str, Callable[[], ProbeAnswer]], more: MoreAnswers = lambda *_: None
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = SILENT_SECONDS

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                self._reply(answers[path]() if path in answers else self._more(path))

            def do_POST(self) -> None:
                self._reply(self._more(self.path.partition("?")[0]))

            def _more(self, path: str) -> ProbeAnswer:
                found = more(self.command, path, self.headers.get("Authorization", ""))
                return as_answer(404, {"error": "not found"}) if found is None else found

            def _reply(self, answer: ProbeAnswer) -> None:
                status, kind, body = answer
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
                """Probes are no news."""

        self._server = ThreadingHTTPServer(("0.0.0.0", port), Handler)  # noqa: S104  probes come from outside of the container
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="sentinel-health", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def as_answer(status: int, content: Mapping[str, Any]) -> ProbeAnswer:
    return status, "application/json", json.dumps(content).encode()
