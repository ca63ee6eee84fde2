"""The SQL of the store."""

from __future__ import annotations

from app.market.series import KEY_FIELDS
from app.timeseries.binary_copy import RowFormat

KEY_COLUMNS = ", ".join(KEY_FIELDS)
_KEY_ARRAYS = ", ".join(f"${index}::text[]" for index in range(1, len(KEY_FIELDS) + 1))

_INSTANTS = 0x6770
"""Namespace of the advisory locks that say since when (milliseconds) a transaction may write."""

# Each transaction takes the locks of its series in the order of the array. Then one, shared, that names the present
# millisecond: whatever it records is recorded later, so readers know an instant below all that may still commit.
LOCK = f"""
    with locked as materialized (
        select pg_advisory_xact_lock($1, lock) from unnest($2::integer[]) as lock
    )
    select pg_advisory_xact_lock_shared(
        {_INSTANTS}::bigint << 48 | floor(extract(epoch from clock_timestamp()) * 1000)::bigint
    )
    from (select count(*) from locked) as all_locked
"""  # noqa: S608  a constant

# The clock of the statement's begin, which comes before the look at the locks; and the oldest writer's millisecond.
WRITERS = f"""
    select
        statement_timestamp() as now,
        timestamptz 'epoch' + interval '1 millisecond' * min(
            (classid::bigint << 32 | objid::bigint) & ((1::bigint << 48) - 1)
        ) as oldest
    from pg_locks
    where
        locktype = 'advisory'
        and objsubid = 1
        and classid::bigint >> 16 = {_INSTANTS}
        and database = (select oid from pg_database where datname = current_database())
"""  # noqa: S608  a constant

FIND_SERIES = f"""
    select series_id, {KEY_COLUMNS}
    from series
    join unnest({_KEY_ARRAYS}) as wanted ({KEY_COLUMNS}) using ({KEY_COLUMNS})
"""  # noqa: S608  names of columns

ADD_SERIES = f"""
    insert into series ({KEY_COLUMNS})
    select {KEY_COLUMNS} from unnest({_KEY_ARRAYS}) as wanted ({KEY_COLUMNS})
    on conflict do nothing
"""  # noqa: S608  names of columns

LIST_SERIES = f"""
    select series_id, {KEY_COLUMNS}
    from series
    where ($1::text[] is null or item = any($1)) and ($2::text[] is null or area = any($2))
"""  # noqa: S608  names of columns

# The days on which a series ever had a value; its counts stay when a value vanishes.
EXTENTS = """
    select series_id, min(day) as first_day, max(day) as last_day
    from daily_counts
    where series_id = any($1::integer[])
    group by series_id
"""


def _unshared(candidate: str, *, series: str, first: str, last: str) -> str:
    """The instant, or the first one after it that no batch of these series and deliveries has: it tells batches apart."""
    return f"""coalesce(
            (
                select max(recorded_at) + interval '1 microsecond'
                from change_batches
                where
                    recorded_at >= {candidate}
                    and recorded_at < {candidate} + interval '1 second'
                    and series_ids && {series}
                    and first_start <= {last}
                    and last_start >= {first}
            ),
            {candidate}
        )"""  # noqa: S608  names of columns


# How many of the series exist, and how many of them have rows from $2 until $3 or counts of the days between. Whether
# a later question than $5 has an answer for the locks $4, the floor of questions, and the clock once the locks are held.
OCCUPANCY = f"""
    with clock as materialized (
        select clock_timestamp() as instant
    )
    select
        count(*) as known,
        count(any_row.found) as occupied,
        (select question from answer_floor) as floor,
        exists (select from answer_spans where lock = any($4::integer[]) and question > $5) as later,
        (select {_unshared("instant", series="$1::integer[]", first="$2", last="$3")} from clock) as moment
    from unnest($1::integer[]) as wanted (series_id)
    join series using (series_id)
    left join lateral (
        select true as found
        from observations
        where series_id = wanted.series_id and delivery_start >= $2 and delivery_start < $3
        union all
        select true
        from daily_counts
        where
            series_id = wanted.series_id
            and day > ($2 at time zone 'UTC')::date
            and day < (($3 - interval '1 microsecond') at time zone 'UTC')::date
        limit 1
    ) as any_row on true
"""  # noqa: S608  names of columns

PREPARE_INCOMING = """
    create temporary table if not exists incoming (
        series_id      integer not null,
        delivery_start timestamptz not null,
        resolution     smallint not null,
        value          double precision not null,
        filled         boolean not null
    ) on commit delete rows
"""

# Writes the difference between `incoming` and the stored rows, and nothing else: not a row lock where nothing changed.
# $1 series ids and $2 their zones; $3, $4 bounds of the stored rows that matter; $5 when the values were learned;
# $6, $7 the answered interval, null where rows that are missing in `incoming` mean nothing; $8 whether the instant is
# the clock's, so that it may be moved.
# All parts see the snapshot of the start, so `diff` reads what `written` replaces; FOR UPDATE must stay away from it,
# because it would then be read after the write and skip every row (measured on PostgreSQL 18).
_DIFFERENCE = """
    with found as (
        select
            series_id,
            delivery_start,
            resolution,
            incoming.value,
            coalesce(incoming.filled, false) as filled,
            incoming.filled is null as missing,
            stored.filled is not null as known,
            stored.value as old_value,
            stored.filled as old_filled,
            stored.recorded_at as old_recorded_at
        from incoming
        full join (
            select *
            from observations
            where series_id = any($1::integer[]) and delivery_start >= $3 and delivery_start < $4
        ) as stored using (series_id, delivery_start, resolution)
        where
            incoming.value is distinct from stored.value
            or incoming.filled <> stored.filled
    ),
    diff as materialized (
        select found.*, known and value is distinct from old_value as replaces
        from found
        join unnest($1::integer[], $2::text[]) as wanted (series_id, zone) using (series_id)
        join resolutions on resolutions.id = found.resolution
        where
            (not missing
            or (
                delivery_start >= $6
                and {end} <= $7
            ))
            {unless_said}
    ),
    candidate as (
        select greatest($5::timestamptz, max(old_recorded_at) + interval '1 microsecond') as instant
        from diff
        where replaces
    ),
    moment as (
        select case when $8 then {moment} else instant end as recorded_at from candidate
    ),
    history as (
        insert into observation_revisions (
            series_id, delivery_start, resolution, value, filled, recorded_at, superseded_at
        )
        select series_id, delivery_start, resolution, old_value, old_filled, old_recorded_at, moment.recorded_at
        from diff, moment
        where replaces
    ),
    written as (
        insert into observations (series_id, delivery_start, resolution, value, filled, recorded_at)
        select
            series_id,
            delivery_start,
            resolution,
            value,
            filled,
            case when known and not replaces then old_recorded_at else moment.recorded_at end
        from diff, moment
        on conflict (series_id, delivery_start, resolution) do update
        set value = excluded.value, filled = excluded.filled, recorded_at = excluded.recorded_at
    ),
    counted as (
        insert into daily_counts as counts (series_id, day, resolution, stored)
        select
            series_id,
            (delivery_start at time zone 'UTC')::date,
            resolution,
            count(value) - count(old_value) as difference
        from diff
        group by 1, 2, 3
        having count(value) <> count(old_value)
        on conflict (series_id, day, resolution) do update
        set stored = counts.stored + excluded.stored
    ),
    logged as (
        insert into change_batches (recorded_at, series_ids, first_start, last_start, new_rows, replaced_rows)
        select
            min(moment.recorded_at),
            array_agg(distinct series_id order by series_id),
            min(delivery_start),
            max(delivery_start),
            count(*) filter (where not known),
            count(*) filter (where known)
        from diff, moment
        where replaces or not known
        having count(*) > 0
    ),
    counted_series as (
        {count_series}
    )
    select
        count(*) filter (where not known) as new,
        count(*) filter (where replaces and not missing) as revised,
        count(*) filter (where missing) as vanished,
        {superseded} as superseded
    from diff
"""

_END = """case
                    when seconds is not null then delivery_start + seconds * interval '1 second'
                    else (
                        delivery_start at time zone zone + make_interval(months => months, days => days)
                    ) at time zone zone
                end"""

# What a later question has said: a whole answer of all units within its interval, else of the values it brought.
_SAID = f"""exists (
                select
                from unnest($9::integer[], $10::smallint[], $11::timestamptz[], $12::timestamptz[])
                    as later (series_id, resolution, span_start, span_end)
                where
                    later.series_id = found.series_id
                    and delivery_start >= span_start
                    and case
                        when later.resolution is null then {_END} <= span_end
                        else later.resolution = found.resolution and delivery_start < span_end
                    end
            )"""  # noqa: S608  constants

_COUNT_SERIES = """
        insert into series_revisions as counted (series_id, revision, changed_at)
        select series_id, 1, clock_timestamp() from (select distinct series_id from {series}) as written
        on conflict (series_id) do update
        set revision = counted.revision + 1, changed_at = excluded.changed_at
"""
# Whatever is written counts, a change of `filled` too: an answer shows it. Writers of a series wait for each other.

_MOMENT = _unshared("instant", series="$1::integer[]", first="$3", last="$4")

_COUNTED = _COUNT_SERIES.format(series="diff").strip()

STORE_DIFFERENCE = _DIFFERENCE.format(end=_END, unless_said="", superseded="0", moment=_MOMENT, count_series=_COUNTED)

# The same for an answer to an earlier question: $9 to $12 are the series, resolutions and spans that later ones speak of.
STORE_DIFFERENCE_OF_EARLIER = _DIFFERENCE.format(
    end=_END,
    unless_said=f"and not {_SAID}",
    moment=_MOMENT,
    count_series=_COUNTED,
    superseded=f"""(
            select count(*)
            from found
            join unnest($1::integer[], $2::text[]) as wanted (series_id, zone) using (series_id)
            join resolutions on resolutions.id = found.resolution
            where not missing and {_SAID}
        )""",  # noqa: S608  constants
)

NEXT_QUESTION = "select nextval('questions')"

# The table is unlogged: after a crash of the server it is empty, and answers to questions from before it are refused.
RAISE_FLOOR = """
    insert into answer_floor (question)
    values (nextval('questions'))
    on conflict do nothing
"""

SPANS_OF_LATER = """
    select series_id, resolution, span_start, span_end
    from answer_spans
    cross join unnest(series_ids) as series_id
    where lock = any($1::integer[]) and question > $2 and series_id = any($3::integer[])
"""

ADD_SPAN = """
    insert into answer_spans (question, lock, series_ids, resolution, span_start, span_end)
    values ($1, $2, $3, $4, $5, $6)
"""

FORGET_SPANS = """
    with forgotten as (
        delete from answer_spans where answered_at < clock_timestamp() - $1::interval returning question
    )
    update answer_floor
    set question = greatest(question, (select max(question) from forgotten))
    where exists (select from forgotten)
"""

# Beside the counts the entry in the log of changes, so that it costs no question of its own.
ADD_COUNTS = f"""
    with counted_series as (
        {_COUNT_SERIES.format(series="unnest($6::integer[]) as given (series_id)").strip()}
    ),
    logged as (
        insert into change_batches (recorded_at, series_ids, first_start, last_start, new_rows, replaced_rows)
        values ($5, $6::integer[], $7, $8, $9, 0)
    )
    insert into daily_counts as counts (series_id, day, resolution, stored)
    select series_id, date '1970-01-01' + day, resolution, stored
    from unnest($1::integer[], $2::integer[], $3::smallint[], $4::integer[])
        as added (series_id, day, resolution, stored)
    on conflict (series_id, day, resolution) do update
    set stored = counts.stored + excluded.stored
"""  # noqa: S608  constants

# Below, {rows} stands for a condition and {instant} for a literal: COPY takes no parameters.
VALUE_ROW = RowFormat(
    delivery_start="timestamptz", resolution="int2", value="float8", filled="bool", recorded_at="timestamptz"
)
_VALUE_COLUMNS = ", ".join(VALUE_ROW.columns)

CURRENT_VALUES = f"""
    select {_VALUE_COLUMNS} from observations where {{rows}} and value is not null
    order by delivery_start, resolution
"""  # noqa: S608  names of columns

# The version that was newest at the instant; at most one, because each begins where the one before ends.
VALUES_KNOWN_AT = f"""
    select * from (
        select {_VALUE_COLUMNS} from observations
        where {{rows}} and recorded_at <= {{instant}}
        union all
        select {_VALUE_COLUMNS} from observation_revisions
        where {{rows}} and recorded_at <= {{instant}} and superseded_at > {{instant}}
    ) as version
    where value is not null
    order by delivery_start, resolution
"""  # noqa: S608  names of columns

# The version that was newest at the instant, or the very first one where all came later.
FIRST_KNOWN_VALUES = f"""
    select * from (
        select distinct on (delivery_start, resolution) * from (
            select {_VALUE_COLUMNS} from observations where {{rows}}
            union all
            select {_VALUE_COLUMNS} from observation_revisions where {{rows}}
        ) as version
        order by
            delivery_start,
            resolution,
            recorded_at <= {{instant}} desc,
            case when recorded_at <= {{instant}} then recorded_at end desc,
            recorded_at
    ) as candidate
    where value is not null
    order by delivery_start, resolution
"""  # noqa: S608  names of columns
