"""The SQL of the log of changes."""

# ruff: noqa: S608  names of columns

from __future__ import annotations

from app.db.feed.order import BEGINNING, HERE, SETTLED, forget_statement
from app.db.retention import Retention
from app.market.series import KEY_FIELDS
from app.timeseries.binary_copy import RowFormat

BATCHES = f"""
    select
        xid, recorded_at, series_ids, first_start, last_start,
        new_rows + replaced_rows as rows, replaced_rows > 0 as replaces
    from change_batches
    where {HERE} and xid >= $1 and {SETTLED}
    order by xid
    limit $2
"""

LAST_BATCH = f"""
    select xid, recorded_at
    from change_batches
    where {HERE} and {SETTLED}
    order by xid desc
    limit 1
"""

# A log that holds nothing gets a beginning, so that a cursor can name it; it comes before whatever is under way.
ADD_BEGINNING = f"""
    insert into change_batches (xid, recorded_at, series_ids, first_start, last_start, new_rows, replaced_rows)
    values ({BEGINNING}, clock_timestamp(), '{{}}', 'epoch', 'epoch', 0, 0)
    on conflict do nothing
"""

FIND_BEGINNING = f"select recorded_at from change_batches where {HERE} and xid = {BEGINNING}"

UNSETTLED = f"select exists (select from change_batches where {HERE} and not {SETTLED})"

SERIES_KEYS = f"select series_id, {', '.join(KEY_FIELDS)} from series where series_id = any($1::integer[])"

# COPY takes no parameters: {parts} and {batches} are rows of numbers and instants, {within} is the condition of all
# deliveries, by which a planner leaves out chunks. A fence around each part lets it find its few rows by their key.
CHANGE_ROW = RowFormat(
    batch="int4",
    series_id="int4",
    delivery_start="timestamptz",
    resolution="int2",
    value="float8",
    previous="float8",
    replaces="bool",
    filled="bool",
    recorded_at="timestamptz",
)
CHANGES = """
    with part (batch, series_id, first_start, after_resolution) as (
        values {parts}
    ),
    batch (batch, recorded_at, last_start, replaces) as (
        values {batches}
    )
    select
        part.batch, part.series_id, version.delivery_start, version.resolution,
        coalesce(version.value, 'nan') as value,
        coalesce(version.previous, 'nan') as previous,
        version.replaces, version.filled, batch.recorded_at
    from part
    join batch using (batch)
    cross join lateral (
        select written.*, before.value as previous, before.superseded_at is not null as replaces
        from (
            select delivery_start, resolution, value, filled
            from observations
            where
                series_id = part.series_id
                and delivery_start between part.first_start and batch.last_start
                and recorded_at = batch.recorded_at
                and {within}
            union all
            select delivery_start, resolution, value, filled
            from observation_revisions
            where
                series_id = part.series_id
                and delivery_start between part.first_start and batch.last_start
                and recorded_at = batch.recorded_at
                and {within}
        ) as written
        left join (
            select delivery_start, resolution, value, superseded_at
            from observation_revisions
            where
                batch.replaces
                and series_id = part.series_id
                and delivery_start between part.first_start and batch.last_start
                and superseded_at = batch.recorded_at
                and {within}
        ) as before using (delivery_start, resolution)
        where (written.delivery_start, written.resolution) > (part.first_start, part.after_resolution)
        offset 0
    ) as version
    order by part.batch, part.series_id, version.delivery_start, version.resolution
    limit {limit}
"""

RETAINED = (
    Retention(
        "change_batches",
        "at",
        "api.changes_days",
        only="batches whose successor is as old",
        statement=forget_statement("change_batches"),
    ),
)
