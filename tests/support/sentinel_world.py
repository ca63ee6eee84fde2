"""A file of SQL Sentinel, its database, and receivers that take what is sent, or do not."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class WebhookReceiver:
    """Takes JSON over HTTP; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.taken: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""


@contextmanager
def webhook_receiver() -> Iterator[WebhookReceiver]:
    found = WebhookReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if found.status < 300:
                found.taken.append(json.loads(body))
                found.headers.append(dict(self.headers))
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


class SentinelWorld:
    """One alert that looks at a table, told to a webhook."""

    def __init__(self, folder: Path, hook: str) -> None:
        self.folder = folder
        self.file = folder / "alerts.yaml"
        self.data = folder / "data.db"
        self.state = f"sqlite:///{folder}/state.db"
        self.webhook = f"channel: webhook, url: '{hook}', headers: {{X-Team: data}}"
        with closing(sqlite3.connect(self.data)) as connection:
            connection.execute("CREATE TABLE t (status text, value real)")
            connection.execute("INSERT INTO t VALUES ('OK', 1)")
            connection.commit()
        self.write()

    def write(self, head: str = "", extra: str = "", schedule: str = "* * * * *") -> None:
        self.file.write_text(
            f"{head}database: {{url: 'sqlite:///{self.data}'}}\nalerts:\n  - name: one\n    description: the first\n"
            "    query: SELECT status, value AS actual_value, 5 AS threshold, 'x' AS note FROM t\n"
            f"    schedule: '{schedule}'\n    notify: [{{{self.webhook}}}]\n{extra}"
        )

    def say(self, status: str, value: float = 1.0) -> None:
        with closing(sqlite3.connect(self.data)) as connection:
            connection.execute("UPDATE t SET status = ?, value = ?", (status, value))
            connection.commit()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "state.db")) as connection:
            return connection.execute(query).fetchall()

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.folder / "state.db")) as connection:
            connection.execute(statement)
            connection.commit()
