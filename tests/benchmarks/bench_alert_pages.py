"""How fast the pages of alerts and work are made: python -m tests.benchmarks.bench_alert_pages.

Fills a throw-away database with the 10,000 alerts of a year, their events, messages and attempts, 300 open alerts, a month
of evaluations each minute, 200,000 runs and a backfill of 20,000 windows, and asks for each page. Prints one JSON line for
each figure with its ratio to `/health/live`; best of five. `process_cpu` is what the process spent on one of them, with the client.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import httpx

from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.settings import DatabaseSettings
from tests.conftest import wait_until_stopped
from tests.support.api_factory import ServedApi, served_api

_ROUNDS = 5
_FILL = """
    insert into alerts (rule, labels, severity, phase, since, seen_at, fired_at, resolved_at, value, threshold, annotations)
    select
        (array['data_late', 'gap_old', 'job_failing', 'website_down'])[1 + n % 4],
        jsonb_build_object('area', 'AREA' || n % 40, 'item', 'load_actual', 'number', n::text),
        (array['info', 'warning', 'critical'])[1 + n % 3],
        case when n <= 300 then 'firing' else 'resolved' end,
        at, at, at, case when n > 300 then at + interval '1 hour' end, n, 60,
        jsonb_build_object('summary', 'a summary of usual length that says what is late, where, and for how long')
    from (select n, now() - n * interval '52 minutes' as at from generate_series(10300, 1, -1) as n) as made;

    insert into alert_events (alert_id, rule, at, kind, severity, value, notified, note, delivered)
    select alert_id, rule, since + n * interval '15 minutes', (array['pending', 'fired', 'reminded', 'resolved'])[n], severity,
        value, true, '', array['ops']
    from alerts cross join generate_series(1, 4) as n;

    insert into notifications (channel, group_key, status, created_at, not_before, ended_at, subject)
    select 'ops', rule, 'sent', since, since, since, 'a subject' from alerts order by since;
    insert into notification_events (notification_id, alert_id, kind, rule, severity, at, content)
    select alert_id, alert_id, 'fired', rule, severity, since, '{}' from alerts;
    insert into notification_attempts (notification_id, channel, part, attempted_at, seconds, verdict, status, answer)
    select notification_id, channel, 'message', created_at, 0.2, 'sent', 200, 'ok' from notifications;

    insert into rule_executions (due_at, rule, trigger, started_at, seconds, verdict, signals, value, threshold, notified)
    select at, rule, 'cron', at, 0.01, 'firing', 1, extract(epoch from at)::bigint % 100, 60, false
    from generate_series(now() - interval '30 days', now(), interval '1 minute') as at
    cross join unnest(array['data_late', 'gap_old', 'job_failing', 'website_down']) as rule;

    insert into job_runs (job, scheduled_for, trigger, kind, outcome, summary, started_at, finished_at)
    select 'job' || n % 20, now() - n * interval '30 seconds', 'cron', 'collect', 'succeeded', 'it did what it does',
        now() - n * interval '30 seconds', now() - n * interval '30 seconds'
    from generate_series(1, 200000) as n;

    insert into backfills (description, reprocess, newest_first, concurrency) values ('years', 'all', true, 8);
    insert into backfill_windows (backfill_id, position, item, area, window_start, window_end, state, ended_at)
    select 1, n, 'load_actual', '10YFR-RTE------C', timestamptz '2000-01-01' + n * interval '1 day',
        timestamptz '2000-01-02' + n * interval '1 day', case when n % 2 = 0 then 'stored' else 'pending' end,
        case when n % 2 = 0 then now() - n * interval '1 second' end
    from generate_series(1, 20000) as n;
"""
_PAGES = {
    "alerts_300_open": "/alerts",
    "alerts_past": "/alerts?state=past",
    "alerts_past_by_label": "/alerts?state=past&label=area%3DAREA7",
    "alerts_past_oldest": "/alerts?state=past&before=60",
    "alert": "/alerts/10000",
    "alert_history": "/alerts/history",
    "alert_silences": "/alerts/silences",
    "alert_rules": "/alerts/rules",
    "alert_rule": "/alerts/rules/job_failing",
    "alert_channels": "/alerts/channels",
    "work": "/work",
    "work_failed_runs": "/work?outcome=failed",
    "backfill_20000_windows": "/work/backfills/1",
}


async def fill(url: str) -> None:
    database = Database(DatabaseSettings(), url)
    try:
        await migrate(database)
        async with database.connection() as connection:
            await connection.execute(_FILL)
            await connection.execute("vacuum analyze")
    finally:
        await database.close()


async def measure(api: ServedApi) -> None:
    async with httpx.AsyncClient(base_url=api.url, timeout=120) as client:
        live, _ = await fastest(client, "/health/live")
        for name, path in _PAGES.items():
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            seconds, cpu = await fastest(client, path)
            found = {"name": f"page_{name}", "value": round(seconds, 4), "unit": "s", "target": "< 0.1"}
            found |= {"ratio_to_live": round(seconds / live, 1), "process_cpu": round(cpu, 4)}
            found |= {"kilobytes": round(len(answer.content) / 1000)}
            sys.stdout.write(json.dumps(found) + "\n")


async def fastest(client: httpx.AsyncClient, path: str) -> tuple[float, float]:
    """Seconds and processor time of the best of some rounds."""
    seconds, cpus = [], []
    for _ in range(_ROUNDS):
        begun, cpu = time.perf_counter(), time.process_time()
        await client.get(path)
        seconds.append(time.perf_counter() - begun)
        cpus.append(time.process_time() - cpu)
    return min(seconds), min(cpus)


async def run(url: str) -> None:
    await fill(url)
    async with served_api(url) as api:
        await measure(api)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = start_embedded(folder / "data", tuning={"fsync": "off", "synchronous_commit": "off"})
        try:
            asyncio.run(run(server.url))
        finally:
            server.release()
            wait_until_stopped(server)


if __name__ == "__main__":
    main()
