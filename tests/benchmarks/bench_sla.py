"""What a report of service levels costs: python -m tests.benchmarks.bench_sla [--websites 1000] [--windows 60] [--rounds 3].

Each website has so many downtimes and a few other windows spread over a year, and there are two plans of maintenance; the
report is made for the year and by month. Prints a JSON line: seconds of the best round, and the processor time of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.probes.maintenance.models import MaintenanceDraft
from app.probes.sla.report import SlaRange, SlaSubject
from app.probes.sla.schemas import SlaLineResource
from app.settings import DatabaseSettings, Settings
from app.tasks.memory import favour_the_event_loop
from app.wiring.container import Container

_FILL = """
    insert into websites (
        url, url_key, name, check_interval, method, timeout_seconds, follow_redirects, failures, successes, labels,
        created_at, updated_at
    )
    select url, url, url, 60, 'GET', 30, true, 2, 2, jsonb_build_object('group', 'g' || n % 20), $2, $2
    from generate_series(1, $1::int) as n, lateral (select 'https://a' || n || '.example/' as url) as made
    order by n
"""
_STATES = """
    insert into website_states (website_id, status, changed_at, latest_at, checked_at, known_until, due_at, unknown)
    select website_id, 'up', now(), now(), now(), now() + interval '1 day', now() + interval '1 day', false from websites
"""
_WINDOWS = """
    insert into website_windows (website_id, kind, started_at, ended_at)
    select website_id, kind, start, start + interval '20 minutes' + website_id * interval '1 second'
    from websites,
        (values ('down', $2::int), ('unknown', $2::int / 6 + 1), ('paused', $2::int / 12 + 1)) as made (kind, many),
        generate_series(1, many) as number,
        lateral (select $1::timestamptz + number * (interval '364 days' / (many + 1)) + website_id * interval '7 minutes' as start) as at
    where start < now()
"""


async def _measure(count: int, windows: int, rounds: int, folder: Path) -> dict[str, object]:
    server = await asyncio.to_thread(start_embedded, folder)
    database = Database(DatabaseSettings(), server.url)
    try:
        await migrate(database)
        end = datetime.now(UTC).replace(microsecond=0)
        start = end - timedelta(days=365)
        async with database.transaction() as connection:
            await connection.execute(_FILL, count, start)
            await connection.execute(_STATES)
            await connection.execute(_WINDOWS, start, windows)
            kept = await connection.fetchval("select count(*) from website_windows")
            for table in ("websites", "website_windows"):
                await connection.execute(f"analyze {table}")
        probes = Container(settings=Settings(), database=database, echo=print).probes()
        for labels in ({"group": "g1"}, {}):
            draft = MaintenanceDraft("nightly", timedelta(hours=1), labels=labels, starts_at=start + timedelta(days=9))
            await probes.maintenance().add(draft, "bench")
        favour_the_event_loop()
        found: dict[str, object] = {"websites": count, "windows": kept}
        for name, by_month, subject in (
            ("year", False, SlaSubject.WEBSITE),
            ("months", True, SlaSubject.WEBSITE),
            ("groups_by_month", True, SlaSubject.GROUP),
        ):
            best = (float("inf"), 0.0, 0)
            for _ in range(rounds):
                begun, cpu = time.perf_counter(), time.process_time()
                lines = await probes.sla().lines(SlaRange(start, end, ZoneInfo("UTC"), by_month), 99.9, subject)
                rows = [SlaLineResource.of(line) for line in lines]
                best = min(best, (time.perf_counter() - begun, time.process_time() - cpu, len(rows)))
            found[name] = {"seconds": round(best[0], 3), "cpu": round(best[1], 3), "lines": best[2]}
    finally:
        await database.close()
        server.release()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--websites", type=int, default=1000)
    parser.add_argument("--windows", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-") as folder:
        found = asyncio.run(_measure(chosen.websites, chosen.windows, chosen.rounds, Path(folder)))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
