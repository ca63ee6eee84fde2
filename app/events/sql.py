"""The SQL of the log of events."""

# ruff: noqa: S608  names of columns

from __future__ import annotations

from app.db.feed.order import BEGINNING, HERE, SETTLED, forget_statement
from app.db.retention import Retention

PAGE = f"""
    select xid, event_id, at, topic, kind, item, area, data::text as data
    from events
    where {HERE} and (xid, event_id) >= ($1, $2) and {SETTLED}
    order by xid, event_id
    limit $3
"""

LAST = f"""
    select xid, event_id, at
    from events
    where {HERE} and {SETTLED}
    order by xid desc, event_id desc
    limit 1
"""

# A log that holds nothing gets a beginning, so that an id can name it; it comes before whatever is under way.
ADD_BEGINNING = f"""
    insert into events (xid, event_id, topic, kind, data)
    overriding system value
    values ({BEGINNING}, 0, '', '', '{{}}')
    on conflict do nothing
"""

FIND_BEGINNING = f"select xid, event_id, at from events where {HERE} and xid = {BEGINNING}"

UNSETTLED = f"select exists (select from events where {HERE} and not {SETTLED})"

RETAINED = (
    Retention(
        "events", "at", "api.events_days", only="rows whose successor is as old", statement=forget_statement("events")
    ),
)
