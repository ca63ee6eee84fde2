"""The steps that make hypertables, columnstore, continuous aggregates and their policies, as statements.

Each asks whether it is done, and its statements stand in one transaction.
"""

# ruff: noqa: S608  statements are made of names that stand in this module

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from app.market.time import MARKET_ZONE
from app.settings import RetentionSettings

REFRESHED_UNTIL = timedelta(days=1)
"""Aggregates hold what is older than this; newer hours are computed when they are read."""
RETENTION_MARGIN = timedelta(days=7)
"""A refresh ends this long before the age at which values are erased: one that reached them would erase their sums."""


@dataclass(frozen=True, slots=True)
class TimescaleStep:
    """One change: `done` asks for it, `statements` make it."""

    name: str
    done: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hypertable:
    """A table in chunks of the column `time`; `order` is the columnstore's, within a `segment`."""

    name: str
    order: str
    chunk: str = "1 month"
    compress_after: str = "45 days"
    time: str = "delivery_start"
    segment: str = "series_id"


@dataclass(frozen=True, slots=True)
class ContinuousAggregate:
    """A continuous aggregate of the observations by `column`; `bucket` is the expression."""

    name: str
    column: str
    bucket: str
    base: str
    reading: str
    compress_after: str = "3 months"


HYPERTABLES = (
    Hypertable("observations", "delivery_start, resolution"),
    Hypertable("observation_revisions", "delivery_start, resolution, recorded_at"),
    Hypertable("quality_scores", "day_start", chunk="3 months", compress_after="6 months", time="day_start"),
    Hypertable("collection_metrics", "started_at, run_id", "7 days", "8 days", time="started_at", segment="item, area"),
    # What found nothing is deleted after three days, row by row: before it is written to columns.
    Hypertable("rule_executions", "due_at", "1 day", "7 days", time="due_at", segment="rule"),
    Hypertable("service_metrics", "at", "7 days", "8 days", time="at", segment="instance"),
    Hypertable("website_hours", "start_at", "30 days", "60 days", time="start_at", segment="website_id"),
    Hypertable("website_checks", "at", "7 days", "8 days", time="at", segment="website_id"),
    Hypertable("interface_results", "at", "7 days", "8 days", time="at", segment="operation_id"),
)

# Almost all areas count their days as Brussels does; an aggregate has one zone, so the days of the others are added up
# from hours, and no aggregate depends on a table whose changes it would not see.
AGGREGATES = (
    ContinuousAggregate(
        "observations_hourly",
        "hour",
        "time_bucket(interval '1 hour', delivery_start)",
        "observations_by_hour",
        "select series_id, resolution, hour, stored, total, minimum, maximum from observations_hourly",
    ),
    ContinuousAggregate(
        "observations_daily",
        "day_start",
        f"time_bucket(interval '1 day', delivery_start, '{MARKET_ZONE.key}')",
        "observations_by_day",
        f"""
            select
                series_id,
                resolution,
                (day_start at time zone '{MARKET_ZONE.key}')::date as day,
                stored,
                total,
                minimum,
                maximum
            from observations_daily
            join series_zones using (series_id)
            where market_days
            union all
            select
                series_id,
                resolution,
                (hour at time zone areas.zone)::date,
                sum(stored)::bigint,
                sum(total),
                min(minimum),
                max(maximum)
            from observations_hourly
            join series using (series_id)
            join areas on areas.eic = split_part(series.area, '>', -1)
            where not areas.market_days
            group by 1, 2, 3
        """,
    ),
)


def hypertable_steps() -> Iterator[TimescaleStep]:
    """Tables become hypertables with all their rows, or stay as they are."""
    for table in HYPERTABLES:
        yield TimescaleStep(
            f"hypertable {table.name}",
            f"""
                select exists (
                    select from timescaledb_information.hypertables
                    where hypertable_schema = current_schema() and hypertable_name = '{table.name}'
                )
            """,
            (
                # Its default index would be dropped by Alembic's autogenerate, and the primary key serves every read.
                f"""
                    select create_hypertable(
                        '{table.name}', by_range('{table.time}', interval '{table.chunk}'),
                        create_default_indexes => false, migrate_data => true
                    )
                """,
                f"analyze {table.name}",
            ),
        )


def columnstore_steps() -> Iterator[TimescaleStep]:
    """Old chunks become columns: a series is a segment, in the order of delivery."""
    for table in HYPERTABLES:
        hypertable, after = f"'{table.name}'", table.compress_after
        yield from _columnstore("table", table.name, hypertable, table.order, after, segment=table.segment)


def aggregate_steps() -> Iterator[TimescaleStep]:
    """The aggregates, empty."""
    for aggregate in AGGREGATES:
        yield TimescaleStep(
            f"continuous aggregate {aggregate.name}",
            f"select to_regclass('{aggregate.name}') is not null",
            (
                f"""
                    create materialized view {aggregate.name}
                    with (
                        timescaledb.continuous,
                        timescaledb.materialized_only = false,
                        timescaledb.create_group_indexes = false
                    ) as
                    select
                        series_id,
                        resolution,
                        {aggregate.bucket} as {aggregate.column},
                        count(value) as stored,
                        sum(value) as total,
                        min(value) as minimum,
                        max(value) as maximum
                    from observations
                    where resolution <= 8
                    group by 1, 2, 3
                    with no data
                """,
                f"create index {aggregate.name}_series on {aggregate.name} (series_id, {aggregate.column})",
            ),
        )


def _columnstore(
    kind: str, name: str, hypertable: str, order: str, after: str, *, segment: str = "series_id"
) -> Iterator[TimescaleStep]:
    yield TimescaleStep(
        f"columnstore of {name}",
        f"""
            select exists (
                select from timescaledb_information.hypertable_columnstore_settings
                where
                    hypertable = {hypertable}::regclass
                    and replace(segmentby, ' ', '') = '{segment.replace(" ", "")}'
                    and replace(orderby, ' ', '') = '{order.replace(" ", "")}'
            )
        """,
        (
            f"""
                alter {kind} {name} set (
                    timescaledb.enable_columnstore,
                    timescaledb.segmentby = '{segment}',
                    timescaledb.orderby = '{order}'
                )
            """,
        ),
    )
    yield TimescaleStep(
        f"columnstore policy of {name}",
        _policy_exists("policy_compression", name),
        (f"call add_columnstore_policy('{name}', after => interval '{after}')",),
    )


def _policy_exists(procedure: str, name: str, also: str = "true") -> str:
    return f"""
        select exists (
            select from timescaledb_information.jobs
            where
                proc_name = '{procedure}'
                and hypertable_schema = current_schema()
                and hypertable_name = '{name}'
                and {also}
        )
    """


def refresh_horizon(retention: RetentionSettings) -> timedelta | None:
    """How far back aggregates are kept in step with corrections; None for all the way."""
    if retention.observations_days is None:
        return None
    return timedelta(days=retention.observations_days) - RETENTION_MARGIN


def materialization(aggregate: str) -> str:
    """The expression of the name of the hypertable below an aggregate."""
    return f"""
        (
            select format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
            from timescaledb_information.continuous_aggregates
            where view_schema = current_schema() and view_name = '{aggregate}'
        )
    """


def policy_steps(
    retention: RetentionSettings, aggregates: Iterable[ContinuousAggregate] = AGGREGATES
) -> Iterator[TimescaleStep]:
    """Aggregates follow all changes, or those within the horizon once values are erased; a horizon is never widened."""
    horizon = refresh_horizon(retention)
    start = "null" if horizon is None else f"interval '{horizon.days} days'"
    known = "true" if horizon is None else f"coalesce((config->>'start_offset')::interval <= {start}, false)"
    for aggregate in aggregates:
        yield TimescaleStep(
            f"refresh policy of {aggregate.name}",
            _policy_exists("policy_refresh_continuous_aggregate", aggregate.name, known),
            (
                f"select remove_continuous_aggregate_policy('{aggregate.name}', if_exists => true)",
                f"""
                    select add_continuous_aggregate_policy(
                        '{aggregate.name}',
                        start_offset => {start},
                        end_offset => interval '{REFRESHED_UNTIL.days} days',
                        schedule_interval => interval '1 hour'
                    )
                """,
            ),
        )


def aggregate_columnstore_steps() -> Iterator[TimescaleStep]:
    """The aggregates' own columnstore; its policy wants the refresh policy to be there."""
    for aggregate in AGGREGATES:
        hypertable = materialization(aggregate.name)
        order = f"{aggregate.column}, resolution"
        yield from _columnstore("materialized view", aggregate.name, hypertable, order, aggregate.compress_after)


def reading_steps() -> Iterator[TimescaleStep]:
    """The base views read the aggregates; their columns stay."""
    for aggregate in AGGREGATES:
        yield TimescaleStep(
            f"view {aggregate.base}",
            f"select pg_get_viewdef('{aggregate.base}'::regclass) like '%{aggregate.name}%'",
            (f"create or replace view {aggregate.base} as {aggregate.reading}",),
        )


EXPIRING = {"observations": "observations_days", "observation_revisions": "revisions_days"}
"""Tables that lose old chunks, and the setting of each; nothing goes where it is empty."""


def retention_steps(retention: RetentionSettings) -> Iterator[TimescaleStep]:
    """What is erased, last of all: the aggregates hold it by now."""
    for table, setting in EXPIRING.items():
        days = getattr(retention, setting)
        if days is None:
            present = _policy_exists("policy_retention", table)
            yield TimescaleStep(
                f"no retention of {table}",
                f"select not ({present})",
                (f"select remove_retention_policy('{table}', if_exists => true)",),
            )
            continue
        yield TimescaleStep(
            f"retention of {table}: {days} days",
            _policy_exists("policy_retention", table, f"(config->>'drop_after')::interval = interval '{days} days'"),
            (
                f"select remove_retention_policy('{table}', if_exists => true)",
                f"select add_retention_policy('{table}', drop_after => interval '{days} days')",
            ),
        )
