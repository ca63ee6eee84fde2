"""What the pages cost: python -m tests.benchmarks.bench_pages [SERIES [YEARS]].

A database of its own holds 500 series (or as many as named) over five years, a value a day and over the last five weeks one an
hour, and of all of them what the overview reads: lateness, counts of every day, scores of a fortnight. What of the values it
reads it finds through their key, whose depth is that of all of them. Pages are served by a process of its own,
whose processor time is measured, which a busy machine changes less than the time that passes. Prints one JSON line for each
figure; the reference of each is the cheapest answer of the same server in the same run (`/health/live`), or of viewers the
same number of open connections that say nothing. With the browser of the tests the first view is measured as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx

from app.db.address import DatabaseAddress
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.market.areas import areas
from app.settings import DatabaseSettings
from tests.conftest import wait_until_stopped
from tests.support.api_factory import served_api

VIEWERS, WATCHED = 50, 60.0
REPEATED = 50
OVERVIEWS = ("/", "/?map=load", "/?map=gaps")
PAGES = (
    "/data", "/data?q=load+france", "/data/1", "/data/1?from=-365d", "/coverage", "/coverage/days?item=load_actual&area=FR",
    "/coverage/hours?item=load_actual&area=FR&month={month}", "/quality", "/quality/findings", "/quality/findings/1", "/alerts",
    "/alerts/history", "/alerts/silences", "/alerts/rules", "/alerts/channels", "/monitors", "/work", "/work?outcome=failed",
    "/reports?kind=daily", "/reports?kind=weekly", "/reports?kind=quality", "/settings",
)  # fmt: skip
"""Those whose lists grow with series and time; the lists of alerts and runs are filled by `bench_alert_pages`."""
TICKS = os.sysconf("SC_CLK_TCK")

SERIES = """
    insert into series (source, item, area, psr_type, unit)
    select 'entsoe', (array['load_actual', 'price_day_ahead', 'generation_actual', 'imbalance_price'])[1 + n % 4],
        ($1::text[])[1 + n / 4 % cardinality($1::text[])], 'B' || n, 'MAW'
    from generate_series(0, $2::integer - 1) as n
"""
VALUES = """
    insert into observations (series_id, delivery_start, resolution, value, filled, recorded_at)
    select series_id, start, 7, 50000 + 1000 * sin(series_id + extract(epoch from start) / 86400), false, now()
    from series
    cross join (
        select generate_series(date_trunc('hour', now()) - interval '35 days', date_trunc('hour', now()), interval '1 hour')
        union all
        select generate_series(
            date_trunc('day', now()) - make_interval(years => $1), now() - interval '36 days', interval '1 day'
        )
    ) as units (start)
"""
FACTS = (
    """
    insert into daily_counts (series_id, day, resolution, stored)
    select series_id, day::date, 7, 24
    from series
    cross join generate_series(now() - interval '5 years', now(), interval '1 day') as day
    """,
    """
    insert into data_lateness (item, area, newest_start, resolution, due_at, asked_at, changed_at)
    select distinct item, area, date_trunc('hour', now()), 7, now() + interval '1 hour' * (hashtext(area) % 5), now(), now()
    from series
    """,
    """
    insert into quality_scores (
        series_id, day_start, day, completeness, timeliness, validity, accuracy, overall, weights, scored_at
    )
    select series_id, day::date, day::date, 99, 98, 97, 96, 95 + series_id % 5, array[1, 1, 1, 1], now()
    from series cross join generate_series(now() - interval '14 days', now() - interval '1 day', interval '1 day') as day
    """,
    """
    insert into gaps (item, area, series_id, gap_start, gap_end, resolution, missing, reason, since, found_at)
    select item, area, series_id, at, at + interval '4 hours', 7, 4,
        (array['late', 'missing_at_source', 'ours'])[1 + series_id % 3], at, now()
    from series
    cross join generate_series(date_trunc('day', now()) - interval '5 years', now() - interval '1 day', interval '61 days') as at
    """,
    """
    insert into quality_findings (
        series_id, dimension, rule, interval_start, interval_end, affected, score, known_until, severity, state, evidence,
        first_seen, last_seen, state_since
    )
    select series_id, 'accuracy', (array['stuck', 'spike', 'jump'])[1 + n % 3], at, at + interval '3 hours', 3, 2.5, now(),
        (array['info', 'warning', 'error'])[1 + n % 3], case when n < 3 then 'open' else 'repaired' end, '{"value": 1.5}',
        at, now(), now()
    from series
    cross join (select n, now() - n * interval '18 days' as at from generate_series(1, 100) as n) as made
    """,
    """
    insert into collection_runs (source, item, area, window_start, window_end, started_at, finished_at, outcome)
    select 'entsoe', item, area, at - interval '1 day', at, at, at, 'stored'
    from (select distinct item, area from series) as pairs
    cross join generate_series(now() - interval '90 days', now(), interval '8 hours') as at
    """,
    """
    insert into job_runs (job, scheduled_for, trigger, kind, outcome, summary, started_at, finished_at)
    select (array['gap_analysis', 'rollups', 'collect:load_actual'])[1 + n % 3], at, 'cron', 'collect', 'succeeded',
        'it did what it does', at, at
    from (select n, now() - n * interval '5 minutes' as at from generate_series(1, 25000) as n) as made
    """,
    "vacuum analyze",
)


def line(name: str, value: float, unit: str, target: str, **more: float) -> None:
    sys.stdout.write(json.dumps({"name": name, "value": round(value, 3), "unit": unit, "target": target} | more) + "\n")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def fill(url: str, series: int, years: int) -> None:
    eics = [area.eic for area in areas().values() if area.until is None][:40]
    database = Database(DatabaseSettings(), url)
    await database.open()
    await migrate(database)
    await database.close()
    connection = await asyncpg.connect(DatabaseAddress.parse(url).dsn, timeout=60)
    await connection.execute(SERIES, eics, series)
    await connection.execute(VALUES, years, timeout=3600)
    for statement in FACTS:
        await connection.execute(statement, timeout=600)
    await connection.close()


async def serve(url: str) -> None:
    """The pages, until the input ends."""
    async with served_api(url) as served:
        sys.stdout.write(f"{served.url}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


@asynccontextmanager
async def server(url: str) -> AsyncIterator[tuple[str, int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.bench_pages", url,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield (await process.stdout.readline()).decode().strip(), process.pid
    finally:
        process.stdin.close()
        await process.wait()


async def measure_pages(address: str, pid: int) -> None:
    """The processor time of the server for one view, and how long the fastest of many took."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        reference = await cost_of(client, pid, "/health/live")
        month = (datetime.now(UTC) - timedelta(days=20)).strftime("%Y-%m")
        shown = [(page, "< 50", REPEATED) for page in OVERVIEWS]
        shown += [(page.format(month=month), "< 100", REPEATED // 5) for page in PAGES]
        for page, target, repeated in shown:
            (await client.get(page)).raise_for_status()
            best, cpu, size = await cost_of(client, pid, page, repeated)
            more = {"server_cpu_ms": round(cpu * 1000, 2), "to_live": round(cpu / max(reference[1], 1e-4), 1)}
            line(f"pages.view {page}", best * 1000, "ms", target, kilobytes=round(size / 1000, 1), **more)


async def cost_of(client: httpx.AsyncClient, pid: int, page: str, repeated: int = REPEATED) -> tuple[float, float, int]:
    """The shortest time, the processor time of each, and the size; the state is read anew each second second."""
    best, begun, size = float("inf"), cpu_seconds(pid), 0
    for _ in range(repeated):
        at = time.perf_counter()
        size = len((await client.get(page)).content)
        best = min(best, time.perf_counter() - at)
    return best, (cpu_seconds(pid) - begun) / repeated, size


async def measure_first(address: str, pid: int) -> None:
    """A view that nothing was kept for."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        taken, cpu, _ = await cost_of(client, pid, "/", 1)
        again, _, _ = await cost_of(client, pid, "/", 10)
    line(
        "pages.first",
        taken * 1000,
        "ms",
        "< 1000",
        server_cpu_ms=round(1000 * cpu, 1),
        to_later=round(taken / again, 1),
    )


async def measure_viewers(address: str, pid: int, database: DatabaseAddress) -> None:
    """What open overviews cost while nothing happens."""
    connection = await asyncpg.connect(database.dsn)
    async with httpx.AsyncClient(base_url=address, timeout=None, limits=httpx.Limits(max_connections=None)) as client:
        before = await transactions(connection)
        idle = await share_of_core(pid)
        alone = (await transactions(connection) - before) / WATCHED
        async with contextlib.AsyncExitStack() as stack:
            reading = []
            for _ in range(VIEWERS):
                answer = await stack.enter_async_context(client.stream("GET", "/live?page=/"))
                reading.append(asyncio.create_task(read_all(answer)))
            await asyncio.sleep(5)
            before = await transactions(connection)
            share = await share_of_core(pid)
            asked = (await transactions(connection) - before) / WATCHED
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
    await connection.close()
    more = {"without_viewers": round(100 * idle, 2), "to_none": round(share / max(idle, 1e-4), 1)}
    line(f"pages.{VIEWERS}_viewers", 100 * share, "% of a core", "< 2", **more)
    # Each connection that is taken from the pool is tried first, which the server counts as a transaction as well.
    more = {"without_viewers": round(alone, 3), "a_viewer": round(asked / VIEWERS, 4)}
    line(f"pages.{VIEWERS}_viewers_transactions", asked, "a second", "< 1", **more)


async def read_all(answer: httpx.Response) -> None:
    async for _ in answer.aiter_raw():
        pass


async def share_of_core(pid: int) -> float:
    begun, at = cpu_seconds(pid), time.perf_counter()
    await asyncio.sleep(WATCHED)
    return (cpu_seconds(pid) - begun) / (time.perf_counter() - at)


async def transactions(connection: asyncpg.Connection) -> int:
    """Those of the database so far, without the ones of this connection."""
    await connection.execute("select pg_stat_force_next_flush()")
    found: int = await connection.fetchval(
        "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
    )
    return found


async def measure_browser(address: str) -> None:
    """The first view of a browser that knows nothing, over the wire; nothing where this machine has none."""
    from tests.support.browser import chromium, visiting
    from tests.support.timescale_server import TierUnavailable

    script = "performance.getEntries().reduce((sum, one) => sum + (one.transferSize || 0), 0)"
    try:
        async with chromium() as browser, visiting(browser) as visit:
            at = time.perf_counter()
            await visit.page.goto(address, wait_until="load")
            taken = (time.perf_counter() - at) * 1000
            line("pages.first_in_browser", taken, "ms", "< 1000")
            line("pages.first_over_the_wire", await visit.page.evaluate(script) / 1000, "kB", "< 200")
    except TierUnavailable as error:
        sys.stderr.write(f"no browser: {error}\n")


async def main(series: int, years: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        held = start_embedded(Path(name))
        try:
            address = DatabaseAddress.parse(held.url)
            await fill(held.url, series, years)
            async with server(held.url) as (url, pid):
                await measure_first(url, pid)
                await measure_pages(url, pid)
                await measure_browser(url)
                await measure_viewers(url, pid, address)
        finally:
            held.release()
            wait_until_stopped(held)


if __name__ == "__main__":
    if sys.argv[1:2] and "://" in sys.argv[1]:
        asyncio.run(serve(sys.argv[1]))
    else:
        chosen = [int(text) for text in sys.argv[1:]]
        asyncio.run(main(*(chosen + [500, 5][len(chosen) :])))
