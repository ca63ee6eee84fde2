"""Answers that are cut, against a platform on loopback: of 2,880 values each is stored, or its window is named.

Paging that has no effect, answers that stop after 20 days, and paging without effect within a single day.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.collection.models import CollectionRequest, Outcome, Summary
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.logging import configure_logging
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.settings import DatabaseSettings, EntsoeSettings, LogSettings, Settings
from app.wiring.container import Container
from tests.support.cut_platform import CutPlatform, cut_platform

START = datetime(2024, 1, 1, 23, tzinfo=UTC)
TOKEN = "00000000-0000-4000-8000-000000000000"
LOAD, PRICE = DataItem.LOAD_ACTUAL, DataItem.PRICE_DAY_AHEAD
CASES = (
    ("paging without effect", PRICE, "FR", 40, CutPlatform(sequences=3, most=100)),
    ("answers that stop after 20 days", LOAD, "NL", 120, CutPlatform(longest=timedelta(days=20))),
    ("paging without effect within a day", PRICE, "ES", 1, CutPlatform(sequences=120, most=100)),
)


async def lost(database: Database, item: DataItem, area: str, days: int, platform: CutPlatform) -> int:
    """How many of the 2,880 values are neither stored nor in a window that failed."""
    with cut_platform(platform) as url:
        entsoe = EntsoeSettings(base_url=url, token=TOKEN)  # type: ignore[arg-type]  # pydantic converts
        container = Container(settings=Settings(entsoe=entsoe), database=database, echo=lambda _text: None)
        service, summary = container.sources().live().service, Summary()
        interval = Interval(START, START + timedelta(days=days))
        work = service.plan([CollectionRequest(item, find_place(area), interval)])
        await service.collect_all(work, summary.add)
        await container.sources().live().aclose()
    named = sum(run.window.duration // timedelta(hours=1) for run in summary.failures if run.outcome is Outcome.FAILED)
    stored = sum(totals.new for totals in summary.sums)
    return max(0, 2880 - stored - named * platform.sequences)


async def main() -> int:
    configure_logging(LogSettings(level="error"))
    met = True
    with tempfile.TemporaryDirectory(prefix="gk-bench-") as folder:
        server = await asyncio.to_thread(start_embedded, Path(folder) / "data")
        database = Database(DatabaseSettings(), server.url)
        try:
            await migrate(database)
            for name, item, area, days, platform in CASES:
                value = await lost(database, item, area, days, platform)
                line = {"name": f"values of 2,880 lost in silence: {name}", "value": value, "target": "0"}
                print(json.dumps(line), flush=True)  # noqa: T201
                met &= value == 0
        finally:
            await database.close()
            server.release()
    return int(not met)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
