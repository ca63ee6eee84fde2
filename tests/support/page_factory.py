"""A served page over a few stored facts, hostile names among them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np

from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Resolution
from tests.support.api_factory import ServedApi

HOSTILE = "<img src=x onerror=alert(1)>'\"&{{7*7}}"


async def keep_lateness(api: ServedApi, *rows: tuple[str, str, int]) -> None:
    """Items and areas whose next value is due or late by so many minutes; without lateness it is due in five."""
    now = api.container.clock().now()
    async with api.container.database().connection() as connection:
        await connection.executemany(
            "insert into data_lateness (item, area, newest_start, resolution, due_at, asked_at, changed_at) "
            "values ($1, $2, $3, 5, $4, $5, $5)",
            [
                (item, area, now - timedelta(minutes=30 + late), now - timedelta(minutes=late or -5), now)
                for item, area, late in rows
            ],
        )


async def keep_series(api: ServedApi) -> datetime:
    """A load of four days that was corrected once; the instant before the correction."""
    start = datetime(2026, 1, 10, tzinfo=UTC)
    starts = int(start.timestamp()) + 900 * np.arange(4 * 96, dtype=np.int64)
    series = SeriesKey("entsoe", "load_actual", "10YFR-RTE------C", business_type="A04", unit="MAW")
    values = 50_000 + 1000.5 * np.sin(np.arange(len(starts)) / 15)
    store = api.container.storage().time_series()
    flags = np.zeros(len(starts), np.bool_)
    learned = start + timedelta(days=5)
    present = np.ones(len(starts), np.bool_)
    present[100:120] = False
    for kept, at in ((values, learned), (np.where(starts % 7 == 0, values + 500, values), learned + timedelta(days=1))):
        block = SeriesBlock(series, Resolution.PT15M, starts[present], kept[present], flags[present])
        await store.store([block], learned_at=at)
    return learned + timedelta(hours=1)


async def keep_forecast(api: ServedApi) -> int:
    """The forecast of that load, every tenth value of which the platform's rule repeats; its number."""
    start = datetime(2026, 1, 10, tzinfo=UTC)
    starts = int(start.timestamp()) + 900 * np.arange(4 * 96, dtype=np.int64)
    series = SeriesKey("entsoe", "load_forecast_day_ahead", "10YFR-RTE------C", business_type="A01", unit="MAW")
    values = 50_200 + 900.0 * np.sin(np.arange(len(starts)) / 15)
    block = SeriesBlock(series, Resolution.PT15M, starts, values, np.arange(len(starts)) % 10 == 0)
    await api.container.storage().time_series().store([block], learned_at=start)
    async with api.container.database().connection() as connection:
        number: int = await connection.fetchval("select series_id from series where item = 'load_forecast_day_ahead'")
    return number


async def keep_hostile_work(api: ServedApi) -> None:
    """An alert, an event, a run and a backfill whose every text is hostile."""
    now = api.container.clock().now()
    async with api.container.database().connection() as connection:
        alert = await connection.fetchval(
            "insert into alerts (rule, labels, severity, phase, since, seen_at, fired_at, annotations) "
            "values ($1, $2, 'critical', 'firing', $3, $3, $3, $2) returning alert_id",
            HOSTILE, json.dumps({HOSTILE: HOSTILE}), now,
        )  # fmt: skip
        await connection.execute(
            "insert into alert_events (alert_id, rule, at, kind, severity, notified, note) "
            "values ($1, $2, $3, 'fired', 'critical', true, $2)",
            alert, HOSTILE, now,
        )  # fmt: skip
        await connection.executemany(
            "insert into rule_executions (due_at, rule, trigger, started_at, seconds, verdict, signals, value, threshold, notified) "
            "values ($1, $2, 'cron', $1, 0.1, $3, 1, $4, 60, false)",
            [
                (now - timedelta(minutes=minute), HOSTILE, "firing" if minute < 20 else "ok", 100.0 - minute)
                for minute in (*range(30), *range(41, 60))
            ],
        )
        message = await connection.fetchval(
            "insert into notifications (channel, group_key, status, created_at, not_before, ended_at, subject, error) "
            "values ($1, 'x', 'failed', $2, $2, $2, $1, $1) returning notification_id",
            HOSTILE, now,
        )  # fmt: skip
        await connection.execute(
            "insert into notification_events (notification_id, alert_id, kind, rule, severity, at, content) "
            "values ($1, $2, 'fired', $3, 'critical', $4, '{}')",
            message, alert, HOSTILE, now,
        )  # fmt: skip
        await connection.execute(
            "insert into notification_attempts (notification_id, channel, part, attempted_at, seconds, verdict, status, answer) "
            "values ($1, $2, $2, $3, 0.2, 'refused', 400, $2)",
            message, HOSTILE, now,
        )  # fmt: skip
        await connection.execute(
            "insert into silences (matchers, starts_at, ends_at, author, comment, created_at) "
            "values (array['area=' || $1], $2, $3, $1, $1, $2)",
            HOSTILE, now, now + timedelta(hours=1),
        )  # fmt: skip
        await connection.execute(
            "insert into job_runs (job, scheduled_for, trigger, kind, outcome, error, summary) "
            "values ($1, $2, 'cron', 'collect', 'failed', $1, $1)",
            HOSTILE, now,
        )  # fmt: skip
        await connection.execute(
            "insert into job_runs (job, scheduled_for, trigger, kind, outcome, summary, skipped) "
            "values ('kept', '2026-01-01T00:00Z', 'cron', 'collect', 'partial', $1, array[$1]::text[])",
            HOSTILE,
        )
        await connection.execute(
            "insert into backfills (description, reprocess, newest_first, concurrency, last_error) values ($1, 'all', true, 1, $1)",
            HOSTILE,
        )


async def keep_event(api: ServedApi) -> None:
    """A run of a job, of which viewers of pages are told."""
    async with api.container.database().connection() as connection:
        await connection.execute(
            "insert into job_runs (job, scheduled_for, trigger, kind, outcome) values ('nothing', now(), 'cron', 'collect', 'succeeded')"
        )


async def keep_finding(api: ServedApi, start: datetime) -> None:
    """A score of the day and a finding about it of every stored series; the texts that a person or a source may choose are hostile."""
    async with api.container.database().connection() as connection:
        await connection.execute(
            """
            insert into quality_findings (
                series_id, dimension, rule, interval_start, interval_end, affected, score, known_until, severity,
                state, evidence, first_seen, last_seen, state_since, note, noted_by
            )
            select
                series_id, 'accuracy', 'stuck', $1::timestamptz, $1::timestamptz + interval '1 day', 3, 2.5, $1, 'warning', 'accepted', $2,
                $1, $1, $1, $3, $3
            from series
            """,
            start, json.dumps({HOSTILE: {HOSTILE: [HOSTILE, 1]}, "value": 1.5, "rules": [HOSTILE]}), HOSTILE,
        )  # fmt: skip
        await connection.execute(
            """
            insert into quality_scores (
                series_id, day_start, day, completeness, overall, expected, stored, ours, weights, scored_at
            )
            select series_id, $1::timestamptz, $1::timestamptz::date, 80, 80, 10, 8, 2, '{40,20,20,20}', $1::timestamptz from series
            on conflict do nothing
            """,
            start,
        )
