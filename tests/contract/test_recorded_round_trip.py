"""Recorded requests of our items: client, parser, store and export give back what an independent expander says."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.clock import SystemClock
from app.collection.models import Outcome, Work
from app.collection.repository import RunRepository
from app.collection.service import CollectionService
from app.db.engine import Database
from app.entsoe.items import ITEMS, ItemSpec
from app.market.areas import Place, find_place
from app.market.time import Interval, Resolution
from app.net.client import build_client
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SandboxSettings
from app.settings import DatabaseSettings, EntsoeSettings
from app.sources.entsoe.client import EntsoeClient, secret_headers
from app.sources.entsoe.responses import classify_response
from app.sources.entsoe.source import EntsoeSource
from app.timeseries.export.csv_rows import CsvWriter
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.shape import Shaped
from tests.support.http_fakes import OpenBudget

ENTSOE = Path(__file__).parents[3] / "shared" / "entsoe"
MANIFEST = ENTSOE / "recordings" / "manifest.csv"
EIC = re.compile(r"[0-9A-Z-]{16}")
# Columns of the expansion that are blank where its author did not look, by the name of ours.
IF_WRITTEN = {
    "psr": "psr_type", "unit_eic": "unit_eic", "sequence": "sequence", "in_domain": "in_area", "out_domain": "out_area",
    "category": "category",
}  # fmt: skip
ALWAYS = {"business": "business_type", "contract": "contract", "flow": "flow_direction", "currency": "currency"}


@dataclass(frozen=True)
class Recorded:
    """A recorded request that is one of ours."""

    file: str
    spec: ItemSpec
    place: Place
    window: Interval


def recorded() -> Iterator[Recorded]:
    with MANIFEST.open(newline="") as file:
        for row in csv.DictReader(file):
            asked = {name.lower(): value for name, value in parse_qsl(urlsplit(row["request"]).query)}
            spec = next((spec for spec in ITEMS.values() if is_for(spec, asked)), None)
            if row["expected"] == "yes" and spec is not None:
                yield Recorded(row["file"], spec, place_of(spec, asked), window_of(asked))


def is_for(spec: ItemSpec, asked: dict[str, str]) -> bool:
    fixed = {name.lower(): value for name, value in spec.parameters}
    if (asked.get("documenttype"), asked.get("processtype", "")) != (spec.document_type, spec.process_type):
        return False
    if any(asked.get(name, value) != value for name, value in fixed.items()):
        return False
    domains = [asked.get(name.lower(), "") for name in spec.domains]
    return all(EIC.fullmatch(domain) for domain in domains)


def place_of(spec: ItemSpec, asked: dict[str, str]) -> Place:
    return find_place(">".join(asked[name.lower()] for name in (spec.domains if spec.border else spec.domains[:1])))


def window_of(asked: dict[str, str]) -> Interval:
    start, end = (
        datetime.strptime(asked[name], "%Y%m%d%H%M").replace(tzinfo=UTC) for name in ("periodstart", "periodend")
    )
    return Interval(start, end)


CASES = list(recorded()) if MANIFEST.exists() else []
pytestmark = pytest.mark.skipif(not CASES, reason="the recorded answers are not on this machine")


def test_the_recordings_hold_requests_of_many_of_our_items() -> None:
    assert len({case.spec.item for case in CASES}) >= 12


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)
async def test_what_is_exported_equals_the_independent_expansion(case: Recorded, database_url: str) -> None:
    rows = await exported(case, database_url)
    expected = valid(case.file)
    assert len(rows) == len(expected)
    names = [name for name in IF_WRITTEN if any(row[name] for row in expected.values())]
    ours = [*ALWAYS.values(), *(IF_WRITTEN[name] for name in names)]
    assert {essence(row, ours, "delivery_start") for row in rows} == {
        essence(row, [*ALWAYS, *names], "timestamp_utc") for row in expected.values()
    }


async def exported(case: Recorded, url: str) -> list[dict[str, str]]:
    """Everything that is stored after asking the recorded question, as the export writes it."""
    database = Database(DatabaseSettings(), url)
    store = TimeSeriesRepository(database)
    async with SandboxServer(SandboxSettings(replay=MANIFEST.parent, limit_per_minute=None)) as server:
        settings = EntsoeSettings.model_validate({"base_url": server.url, "token": server.token})
        async with build_client(
            settings, OpenBudget(), classify_response, secret_headers=secret_headers(settings)
        ) as http:
            source = EntsoeSource(EntsoeClient(http, str(settings.base_url)))
            service = CollectionService(source, store, RunRepository(database), SystemClock(), concurrency=1)
            run = await service.collect(Work(case.spec.item, case.place, case.window))
    assert run.outcome is Outcome.STORED, run.error_message
    text = io.StringIO()
    writer = CsvWriter(text)
    century = Interval(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    async for batch in store.read(items=[case.spec.item], areas={case.place.eic: century}):
        writer.write(Shaped(batch))
    await database.close()
    text.seek(0)
    return list(csv.DictReader(text))


def valid(file: str) -> dict[tuple[str, ...], dict[str, str]]:
    """The rows with a value; of equal keys the later in document order."""
    with (ENTSOE / "expected" / f"{file}.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["beyond"] != "1" and row["value"] not in {"", "N/A"}]
    key = (
        "timestamp_utc",
        "resolution",
        "business",
        "psr",
        "direction",
        "contract",
        "sequence",
        "category",
        "unit_eic",
        "flow",
    )
    return {tuple(row[name] for name in key): row for row in rows}


def essence(row: dict[str, str], names: list[str], start: str) -> tuple[object, ...]:
    resolution = Resolution.parse(row["resolution"]).code
    return (row[start], resolution, float(row["value"]), row["filled"], *(row[name] for name in names))
