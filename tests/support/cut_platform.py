"""A platform on loopback whose answers are cut: paging without effect, and answers that stop early."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from app.market.time import Interval
from tests.support.http_fakes import acknowledgement

DAY = timedelta(days=1)
_SEQUENCE = "classificationSequence_AttributeInstanceComponent.position"


@dataclass
class CutPlatform:
    """Hourly values in a TimeSeries for each UTC day and each of so many sequences, whatever is asked for.

    `most`: TimeSeries of one answer, whatever the offset. `longest`: time of one answer, from the begin of its window.
    """

    sequences: int = 1
    most: int = 10_000
    longest: timedelta = timedelta(days=1000)
    asked: list[Interval] = field(default_factory=list)

    def answer(self, query: dict[str, str]) -> bytes:
        start, end = (
            datetime.strptime(query[name], "%Y%m%d%H%M").replace(tzinfo=UTC) for name in ("periodStart", "periodEnd")
        )
        self.asked.append(Interval(start, end))
        end = min(end, start + self.longest)
        parts = [
            _series(number, max(day, start), min(day + DAY, end))
            for number in range(1, self.sequences + 1)
            for day in _days(start, end)
        ][: self.most]
        if not parts:
            return acknowledgement("No matching data found")
        process = "<process.processType>A16</process.processType>" if query["documentType"] == "A65" else ""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0"><mRID>d</mRID>'
            f"<type>{query['documentType']}</type>{process}{''.join(parts)}</GL_MarketDocument>"
        ).encode()


def _days(start: datetime, end: datetime) -> Iterator[datetime]:
    day = start.replace(hour=0, minute=0)
    while day < end:
        yield day
        day += DAY


def _series(sequence: int, start: datetime, end: datetime) -> str:
    points = "".join(
        f"<Point><position>{position}</position><quantity>{position}</quantity></Point>"
        for position in range(1, (end - start) // timedelta(hours=1) + 1)
    )
    return (
        f"<TimeSeries><mRID>1</mRID><{_SEQUENCE}>{sequence}</{_SEQUENCE}>"
        "<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>A01</curveType><Period>"
        f"<timeInterval><start>{start:%Y-%m-%dT%H:%MZ}</start><end>{end:%Y-%m-%dT%H:%MZ}</end></timeInterval>"
        f"<resolution>PT60M</resolution>{points}</Period></TimeSeries>"
    )


@contextmanager
def cut_platform(platform: CutPlatform) -> Iterator[str]:
    """The URL at which the platform answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            body = platform.answer(query)
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests read standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/api"
        finally:
            server.shutdown()
            thread.join()
