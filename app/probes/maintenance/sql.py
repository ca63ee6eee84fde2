"""The statements of planned maintenance."""

from __future__ import annotations

_PLAN = "name, duration, website_id, labels, starts_at, cron, zone, days, country, note"
_PLANS = f"""
    select plan_id, {_PLAN}, labels::text as labels_text, author, created_at, planned_until, removed_at
    from website_maintenance
"""  # noqa: S608  names of columns

PLANS = f"{_PLANS} where $1 or removed_at is null order by plan_id"
PLAN = f"{_PLANS} where plan_id = $1 for update"
OPEN = f"{_PLANS} where removed_at is null and planned_until < $1 order by plan_id for update"

HAVE_LABELS = "select exists(select from websites where deleted_at is null and labels @> $1::text::jsonb)"

ADD = f"""
    insert into website_maintenance ({_PLAN}, author, created_at, planned_until)
    values ($1, $2, $3, $4::text::jsonb, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    returning plan_id
"""  # noqa: S608  names of columns

WRITE_TIME = """
    insert into website_maintenance_times (plan_id, starts_at, ends_at)
    values ($1, $2, $3)
    on conflict do nothing
"""
PLANNED = "update website_maintenance set planned_until = $2 where plan_id = $1"

REMOVE = "update website_maintenance set removed_at = $2 where plan_id = $1"
# What has been stays; a time that lasts ends now.
CUT_TIMES = "delete from website_maintenance_times where plan_id = $1 and starts_at >= $2"
END_TIMES = "update website_maintenance_times set ends_at = $2 where plan_id = $1 and ends_at > $2"
ERASE_UNUSED = """
    delete from website_maintenance as p
    where plan_id = $1 and not exists (select from website_maintenance_times as t where t.plan_id = p.plan_id)
"""

TIMES = """
    select p.plan_id, t.starts_at, t.ends_at
    from website_maintenance_times as t
    join website_maintenance as p using (plan_id)
    where t.starts_at < $2 and t.ends_at > $1
    order by t.starts_at
"""

TIMES_OF = """
    select p.plan_id, p.name, p.note, t.starts_at, t.ends_at
    from website_maintenance_times as t
    join website_maintenance as p using (plan_id)
    join websites as w on (w.website_id = p.website_id or (p.website_id is null and w.labels @> p.labels))
    where
        w.website_id = $1
        and t.starts_at <= $4
        and ($2::timestamptz is null or (t.starts_at, p.plan_id) < ($2, $3))
    order by t.starts_at desc, p.plan_id desc
    limit $5
"""
