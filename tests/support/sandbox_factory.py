"""Questions to the sandbox and what its answers say, read with lxml alone."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lxml import etree

from app.entsoe.items import ITEMS
from app.market.areas import Place, find_place
from app.market.series import DataItem
from app.market.time import delivery_day
from app.sandbox.answers import SandboxResponse, World, answer

NOW = datetime(2026, 5, 7, 10, 0, tzinfo=UTC)
CALM = World(seed=0, hole_share=0, correction_share=0)
DAY = date(2024, 9, 2)


def query(item: DataItem, place: Place, start: datetime, end: datetime, **more: str) -> dict[str, str]:
    period = {"periodStart": f"{start:%Y%m%d%H%M}", "periodEnd": f"{end:%Y%m%d%H%M}"}
    return ITEMS[item].request_parameters(place) | period | more


def ask(item: DataItem, place: str, day: date = DAY, days: int = 1, **options: Any) -> SandboxResponse:
    found = find_place(place)
    first = delivery_day(day, found.zone)
    last = delivery_day(day + timedelta(days=days - 1), found.zone)
    world, now = options.pop("world", CALM), options.pop("now", NOW)
    if "contract" in options:
        options["contract_MarketAgreement.type"] = options.pop("contract")
    return answer(query(item, found, first.start, last.end, **options), world, now)


def document(given: SandboxResponse) -> Any:
    body = given.body
    if given.content_type == "application/zip":
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            (member,) = archive.namelist()
            body = archive.read(member)
    return etree.fromstring(body)


def texts(node: Any, name: str) -> list[str]:
    return [found.text or "" for found in node.iter(f"{{*}}{name}")]


def reason(given: SandboxResponse) -> str:
    root = document(given)
    assert etree.QName(root).localname == "Acknowledgement_MarketDocument"
    assert texts(root, "code") == ["999"]
    return texts(root, "text")[0]


def periods(given: SandboxResponse) -> list[tuple[str, str, str, list[int]]]:
    """Start, end, resolution and written positions of every Period."""
    return [
        (
            texts(period, "start")[0],
            texts(period, "end")[0],
            texts(period, "resolution")[0],
            [int(text) for text in texts(period, "position")],
        )
        for period in document(given).iter("{*}Period")
    ]
