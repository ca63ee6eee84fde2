"""The statements of shards and of the processes that hold them; time is the server's, so that no two clocks disagree."""

from __future__ import annotations

from datetime import timedelta

from app.db.retention import Retention

HOLDERS = Retention(
    "probe_holders", "seen_until", timedelta(hours=1), only="processes that hold shards of probes no more"
)
RETAINED = (HOLDERS,)

MAKE = """
    insert into probe_shards (work, shard)
    select $1, shard from generate_series(0, $2::int - 1) as shard
    on conflict do nothing
"""

SEEN = """
    insert into probe_holders (work, holder, seen_until)
    values ($1, $2, clock_timestamp() + $3::interval)
    on conflict (work, holder) do update set seen_until = excluded.seen_until
"""

PROCESSES = "select count(*) from probe_holders where work = $1 and seen_until > clock_timestamp()"

# What has run out belongs to whoever comes first, its holder of before among them.
HOLD = """
    update probe_shards
    set held_until = clock_timestamp() + $3::interval
    where work = $1 and holder = $2 and held_until > clock_timestamp()
    returning shard
"""

# All that a round is while a process neither takes nor lets go anything.
RENEW = f"""
    with seen as ({SEEN}), held as ({HOLD})
    select
        array(select shard from held) as shards,
        1 + (
            select count(*) from probe_holders where work = $1 and holder <> $2 and seen_until > clock_timestamp()
        ) as processes
"""  # noqa: S608  constants

LET_GO = """
    update probe_shards
    set holder = null, held_until = null
    where work = $1 and holder = $2 and shard = any($3::int[])
"""

# Whoever holds the first shard follows the files of probes: a worker does only while there is no `serve`.
TAKE = """
    with free as (
        select work, shard
        from probe_shards
        where
            work = $1
            and (held_until is null or held_until <= clock_timestamp())
            and (
                shard > 0
                or $2::text not like 'worker %'
                or not exists (
                    select from probe_holders
                    where work = $1 and holder not like 'worker %' and seen_until > clock_timestamp()
                )
            )
        order by shard * 37 % 64
        limit $4
        for update skip locked
    )
    update probe_shards as s
    set holder = $2, held_until = clock_timestamp() + $3::interval
    from free
    where s.work = free.work and s.shard = free.shard
    returning s.shard
"""

LEAVE_SHARDS = "update probe_shards set holder = null, held_until = null where work = $1 and holder = $2"
LEAVE = "delete from probe_holders where work = $1 and holder = $2"
