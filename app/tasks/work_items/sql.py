"""The SQL of work items, beyond that of their leases."""

from __future__ import annotations

from datetime import timedelta

from app.db.leases.sql import LeasedTable
from app.db.retention import Retention

ITEMS = LeasedTable("work_items", "item_id", "work")

ADD = """
    insert into work_items (batch_id, kind, position, wanted)
    select $1, $2, position, wanted::jsonb
    from unnest($3::text[]) with ordinality as planned (wanted, position)
    order by position
    returning item_id
"""

END = """
    update work_items
    set state = 'ended', lease = null, lease_until = null, result = $2::text::jsonb, ended_at = clock_timestamp()
    where lease = $1 and state = 'claimed'
"""

ENDED = """
    select item_id, state, result::text as result, error_class, error_message
    from work_items
    where item_id = any($1::bigint[]) and state in ('ended', 'failed', 'cancelled')
    order by position
"""

RETAINED = (Retention("work_items", "created_at", timedelta(days=1)),)
"""What they did is kept where it belongs."""
