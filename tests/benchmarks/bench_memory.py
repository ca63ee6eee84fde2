"""What an input of at most 2 MB takes of memory: python -m tests.benchmarks.bench_memory [KIND ...].

Of each kind several inputs, built to be as costly as possible, are read by the code that reads them in the service, each in a
process of its own: the highest memory of that process less what it had before. Prints one JSON line for each kind with the
costliest input.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from app.alerting.delivery.channels.base import HttpSender
from app.alerting.evaluation.query_runner import PostgresRunner
from app.alerting.rules.book import RuleFile, read_book
from app.alerting.rules.parse import OUR_DATABASE
from app.clock import SystemClock
from app.db.embedded import start_embedded
from app.errors import AppError
from app.logging import configure_logging
from app.net.egress_guard import GuardedClients
from app.net.responses import read_body
from app.settings import EntsoeSettings, LogSettings
from app.sources.entsoe.parsing.parser import read_documents

MOST_BYTES = 2_000_000
TARGET_MB = 150.0
_SECONDS = timedelta(seconds=60)

_XMLNS = 'xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0"'
_INTERVAL = "<timeInterval><start>2024-01-01T00:00Z</start><end>{end}</end></timeInterval>"
_YEAR = _INTERVAL.format(end="2025-01-01T00:00Z")
_HOURS = _INTERVAL.format(end="2024-01-01T02:00Z")
_FACE = "\N{GRINNING FACE}"
"""One of them makes every character of a text take four bytes."""


def filled(unit: str, size: int) -> str:
    """The text so often that it takes no more than so many bytes."""
    return unit * (size // len(unit.encode()))


def document(content: str, *, root: str = "GL") -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?><{root}_MarketDocument {_XMLNS}>{content}</{root}_MarketDocument>'.encode()


def series(content: str) -> str:
    return f"<TimeSeries><curveType>A03</curveType>{content}</TimeSeries>"


def period(points: str, interval: str = _YEAR, resolution: str = "PT1M") -> str:
    return f"<Period>{interval}<resolution>{resolution}</resolution>{points}</Period>"


def point(quantity: str = "1", more: str = "") -> str:
    return f"<Point><position>1</position><quantity>{quantity}</quantity>{more}</Point>"


def points(size: int) -> bytes:
    """As many points as fit, each at a position of its own."""
    count = size // len("<Point><position>123456</position><quantity>1</quantity></Point>")
    text = "".join(f"<Point><position>{n}</position><quantity>{n % 9}</quantity></Point>" for n in range(1, count))
    return document(series(period(text)))


def xml_documents(size: int) -> dict[str, bytes]:
    room = size - 1000
    outage = (
        f"<TimeSeries><Available_Period>{_HOURS}<resolution>PT60M</resolution>{point()}</Available_Period></TimeSeries>"
    )
    bare = (
        "<TimeSeries><start_DateAndOrTime.date>2024-01-01</start_DateAndOrTime.date>"
        "<end_DateAndOrTime.date>2024-01-02</end_DateAndOrTime.date></TimeSeries>"
    )
    return {
        "points": points(room),
        "one point repeated for a year": document(filled(series(period(point())), room)),
        "short Periods": document(filled(series(period(point(), _HOURS, "PT60M")), room)),
        "unreadable points": document(series(period(filled(point("x"), room)))),
        "points with many prices": document(
            series(
                period(
                    filled(point("1", "<price.amount>1</price.amount><secondaryQuantity>1</secondaryQuantity>"), room)
                )
            )
        ),
        "Periods of no resolution": document(series(filled(period("", "", ""), room))),
        "outages": document(filled(outage, room), root="Unavailability"),
        "outages without a Period": document(filled(bare, room), root="Unavailability"),
        "other elements": document(filled("<a/>", room)),
        "attributes": document("<a " + " ".join(f'a{n}=""' for n in range(room // 12)) + "/>"),
        "namespaces": document("<a " + " ".join(f'xmlns:a{n}="u"' for n in range(room // 18)) + "/>"),
        "nested": document("<a>" * (room // 7) + "</a>" * (room // 7)),
        "one text": document(f"<mRID>{_FACE}{filled('x', room)}</mRID>"),
        "bare ampersands": document(f"<mRID>{filled('& ', room)}</mRID>"),
        "UTF-16": points(room // 2).decode().replace("utf-8", "utf-16").encode("utf-16"),
    }


def zip_archives() -> dict[str, bytes]:
    """Members of 7 MB each, which are read however densely they are packed, and of 24 MB."""
    texts = f"<mRID>{_FACE}{filled('x', 7_000_000)}</mRID>"
    reasons = f"<Reason><code>999</code><text>{_FACE}{filled('x', 7_000_000)}</text></Reason>"
    found = {f"members of {name}": zipped(body, 16) for name, body in xml_documents(7_000_000).items()}
    found |= {f"one member of {name}": zipped(body, 1) for name, body in xml_documents(24_000_000).items()}
    found["members of one long identifier"] = zipped(document(texts), 16)
    found["members of one long reason"] = zipped(document(reasons, root="Acknowledgement"), 16)
    found["members just below the limit of elements"] = zipped(document("<a/>" * 99_000), 60)
    found["members that break off just below it"] = zipped(document("<a/>" * 99_000)[:-5], 60)
    found["members without end"] = zipped(document(""), 10_000)
    return {name: body for name, body in found.items() if len(body) <= MOST_BYTES}


def zipped(body: bytes, members: int) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            archive.writestr(f"{number}.xml", body)
    return sink.getvalue()


def packed_answers() -> dict[str, bytes]:
    """Bodies of answers as a server sends them, packed."""
    noise = random.Random(7).randbytes(1_900_000)
    found = {
        "zeros": gzip.compress(bytes(1_000_000_000), 6),
        "zeros after noise": gzip.compress(noise + bytes(64 * 1024 * 1024)),
        "members of nothing": filled_bytes(gzip.compress(b"")),
        "members of zeros": filled_bytes(gzip.compress(bytes(1_000_000))),
    }
    found |= {f"32 MB of {name}": gzip.compress(body, 6) for name, body in xml_documents(32_000_000).items()}
    return {name: body for name, body in found.items() if len(body) <= MOST_BYTES}


def filled_bytes(unit: bytes) -> bytes:
    return unit * (MOST_BYTES // len(unit))


def yaml_files() -> dict[str, bytes]:
    room = MOST_BYTES - 100
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{filled(f'*a{n - 1}, ', 50)}]\n" for n in range(1, 30))
    rule = "- {{name: r{0}, every: 1 m, sql: select 1 as value, severity: warning, summary: x}}\n"
    texts = {
        "values": f"rules: [{filled('a,', room)}]",
        "empty lists": f"rules: [{filled('[],', room)}]",
        "empty mappings": f"rules: [{filled('{},', room)}]",
        "mappings of one name": f"rules: [{filled('{a},', room)}]",
        "names": "".join(f"{n}:\n" for n in range(room // 8)),
        "one name again and again": f"rules: {{{filled('a,', room)}}}",
        "anchors": "rules: [" + "".join(f"&{n} a," for n in range(room // 10)) + "]",
        "aliases": laughs,
        "one text": f'rules: "{_FACE}{filled("x", room)}"',
        "escapes": 'rules: "' + filled("\\n", room) + '"',
        "nested": "[" * room,
        "comments": filled("# x\n", room),
        "rules": "rules:\n" + "".join(rule.format(n) for n in range(room // 90)),
        "rules with a mistake": "rules:\n" + filled("- {name: a, x: 1, y: 2}\n", room),
    }
    return {name: text.encode() for name, text in texts.items()}


def statements() -> dict[str, bytes]:
    """Each gives one row with one cell of at most 2 MB as text."""
    cells = {
        "text": f"repeat('x', {MOST_BYTES - 10}) || '{_FACE}'",
        "json": f"('[' || repeat('1,', {MOST_BYTES // 2 - 2}) || '1]')::json",
        "jsonb": f"('[' || repeat('1,', {MOST_BYTES // 3 - 2}) || '1]')::jsonb",
        "bytes": f"decode(repeat('00', {MOST_BYTES // 2 - 2}), 'hex')",
        "bits": f"repeat('1', {MOST_BYTES - 2})::varbit",
        "path": f"('[' || repeat('(1,1),', {MOST_BYTES // 6 - 2}) || '(1,1)]')::path",
        "polygon": f"('(' || repeat('(1,1),', {MOST_BYTES // 6 - 2}) || '(1,1))')::polygon",
        "ranges": "(select range_agg(int4range(2 * n, 2 * n + 1)) from generate_series(1, 120000) as n)",
        "whole numbers": "(select array_agg(1000 + n % 9000) from generate_series(1, 390000) as n)",
        "numbers": "(select array_agg((n % 10)::numeric) from generate_series(1, 990000) as n)",
        "moments": "(select array_agg(timestamptz '2024-01-01') from generate_series(1, 75000) as n)",
        "texts": "(select array_agg('ab'::text) from generate_series(1, 660000) as n)",
        "numbers in a row": "row((select array_agg((n % 10)::numeric) from generate_series(1, 990000) as n))",
        "rows in a row": "row((select array_agg(row(1)) from generate_series(1, 330000) as n))",
        "rows": "(select array_agg(row(1, 2)) from generate_series(1, 200000) as n)",
        "all columns": f"{', '.join(f'1 as c{n}' for n in range(1500))}, 1",
    }
    return {name: f"select {cell} as x".encode() for name, cell in cells.items()}


def webhook_answers() -> dict[str, bytes]:
    return {
        "text": filled_bytes(b"x"),
        "zeros, packed": b"gzip" + gzip.compress(bytes(1_000_000_000), 6),
        "members of nothing, packed": b"gzip" + filled_bytes(gzip.compress(b"")),
    }


async def read_answer(body: bytes) -> None:
    """As from a server that sends it packed, and then as a document of the platform."""
    limit = EntsoeSettings().max_answer_bytes
    with answering({"Content-Encoding": "gzip"}, body) as url:
        async with httpx.AsyncClient() as client, client.stream("GET", url) as response:
            found = await read_body(response, limit)
    if found.startswith(b"<"):
        read_documents(found)


async def read_document(body: bytes) -> object:
    return read_documents(body)


async def read_rules(body: bytes) -> object:
    return read_book([RuleFile("own.yaml", body)], [])


async def read_cell(body: bytes) -> None:
    runner = PostgresRunner(lambda: {OUR_DATABASE: os.environ["BENCH_DATABASE_URL"]})
    try:
        await runner.rows(OUR_DATABASE, body.decode(), _SECONDS)
    finally:
        await runner.close()


async def read_webhook_answer(body: bytes) -> None:
    sender = HttpSender(GuardedClients(), SystemClock())
    packed = body.startswith(b"gzip")
    try:
        with answering({"Content-Encoding": "gzip"} if packed else {}, body[4 * packed :]) as url:
            await sender.request("POST", url, b"{}", {}, body_decides=True)
    finally:
        await sender.close()


@contextmanager
def answering(headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    """A server on loopback that answers everything so."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # whoever has read enough closes
                self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815  names of the library

        def log_message(self, *_arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


@dataclass(frozen=True, slots=True)
class Kind:
    """Inputs of one kind, and what reads them; `small` is read before, so that what is loaded once does not count."""

    inputs: Callable[[], Mapping[str, bytes]]
    read: Callable[[bytes], Awaitable[object]]
    small: bytes


_SMALL = document(series(period(point(), _HOURS, "PT60M")))
KINDS = {
    "gzip": Kind(packed_answers, read_answer, gzip.compress(_SMALL)),
    "xml": Kind(lambda: xml_documents(MOST_BYTES), read_document, _SMALL),
    "zip": Kind(zip_archives, read_document, zipped(_SMALL, 2)),
    "yaml": Kind(yaml_files, read_rules, b"rules: []"),
    "sql": Kind(statements, read_cell, b"select 1 as value"),
    "webhook": Kind(webhook_answers, read_webhook_answer, b"x"),
}


def in_status(field: str) -> float:
    """MB of this process."""
    [found] = re.findall(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found) / 1024


async def measure(kind: Kind, body: bytes) -> float:
    """MB that reading takes at its height; a refusal is an answer too."""
    await kind.read(kind.small)
    before = in_status("VmRSS")
    with suppress(AppError, httpx.HTTPError):
        await kind.read(body)
    return max(0.0, in_status("VmHWM") - before)


def growth(kind: str, file: Path) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.bench_memory", "--read", kind, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def report(kind: str, folder: Path) -> bool:
    found: dict[str, float] = {}
    for name, body in KINDS[kind].inputs().items():
        file = folder / "input"
        file.write_bytes(body)
        found[name] = growth(kind, file)
    costliest = max(found, key=found.__getitem__)
    line = {
        "name": f"memory_of_2_MB_{kind}",
        "value": round(found[costliest], 1),
        "unit": "MB",
        "target": f"< {TARGET_MB:g}",
        "costliest": costliest,
        "inputs": {name: round(value, 1) for name, value in found.items()},
    }
    print(json.dumps(line), flush=True)  # noqa: T201
    return found[costliest] < TARGET_MB


@contextmanager
def database(folder: Path) -> Iterator[None]:
    """The server that the children ask, where they need one."""
    server = start_embedded(folder / "data")
    os.environ["BENCH_DATABASE_URL"] = server.url
    try:
        yield
    finally:
        server.release()


def main(kinds: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="gk-bench-") as name, ExitStack() as stack:
        if "sql" in kinds:
            stack.enter_context(database(Path(name)))
        return int(not all([report(kind, Path(name)) for kind in kinds]))  # noqa: C419  each is reported


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        configure_logging(LogSettings(level="error"))
        print(asyncio.run(measure(KINDS[sys.argv[2]], Path(sys.argv[3]).read_bytes())))  # noqa: T201
        sys.exit(0)
    sys.exit(main(sys.argv[1:] or list(KINDS)))
