"""The statements of what each region knows of a website."""

from __future__ import annotations

from app.probes.websites.sql import CHECK_COLUMNS, STATE

ADD = f"""
    insert into website_region_states (website_id, region, {STATE})
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    on conflict (website_id, region) do nothing
"""  # noqa: S608  names of columns
WRITE = f"""
    update website_region_states
    set ({STATE}) = ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    where website_id = $1 and region = $2
"""  # noqa: S608  names of columns
FORGET = "delete from website_region_states where website_id = $1 and region <> all($2::text[])"
OF = f"""
    select region, {STATE} from website_region_states
    where website_id = $1
    order by region
"""  # noqa: S608  names of columns

# Whoever writes states of regions holds the row of the website first, so that one vote follows the other.
HOLD = """
    select website_id from website_states
    where website_id = any($1::bigint[])
    order by website_id
    for update
"""
# Only whoever knew the state before it writes the next one.
ADVANCE = f"""
    update website_region_states as s
    set ({STATE}) = (
        n.version, n.status, n.changed_at, n.latest_at, n.checked_at, n.known_until, n.due_at, n.failures,
        n.first_failed_at, n.successes, n.first_succeeded_at, n.breaks, n.break_until, n.unknown, n.reason
    )
    from unnest(
        $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[],
        $8::timestamptz[], $9::timestamptz[], $10::int[], $11::timestamptz[], $12::int[], $13::timestamptz[], $14::int[],
        $15::timestamptz[], $16::bool[], $17::text[]
    ) as n (website_id, {STATE})
    where s.website_id = n.website_id and s.region = $1 and s.version = n.version - 1
    returning s.website_id
"""  # noqa: S608  names of columns
VIEWS = f"""
    select website_id, region, {STATE} from website_region_states
    where website_id = any($1::bigint[])
    order by website_id, region
"""  # noqa: S608  names of columns
STATES = f"""
    select website_id, w.regions, w.quorum, {", ".join(f"s.{name.strip()}" for name in STATE.split(","))}
    from website_states as s
    join websites as w using (website_id)
    where website_id = any($1::bigint[]) and w.deleted_at is null
"""  # noqa: S608  names of columns
# A region that has changed its mind lets the others look soon, so that they agree or not within a bounded time. What one of
# them is about to say counts: the version stays.
DUE = """
    update website_region_states
    set due_at = $2
    where website_id = any($1::bigint[]) and region <> $3 and due_at > $2
    returning website_id
"""
# Somebody asks for a check: one that is under way is not what is asked for.
ASK = """
    update website_region_states
    set due_at = least(due_at, $2), version = version + 1
    where website_id = $1
"""
# Regions may find something in the same microsecond.
ADD_CHECK = f"""
    insert into website_checks (website_id, {CHECK_COLUMNS})
    values (
        $1, $2::timestamptz + (select count(*) from website_checks where website_id = $1 and at = $2) * interval '1 microsecond',
        $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20::text::jsonb
    )
    on conflict do nothing
"""  # noqa: S608  names of columns
