"""The order of transactions, as conditions on a table with the columns `system_id` and `xid`.

A row is visible once it is committed, and settled once no transaction that began to write before it is open: only then
can nothing come before it any more. Transactions are numbered by the server, so only rows of this one count.
"""

from __future__ import annotations

HERE = "system_id = (select system_identifier from pg_control_system())"
SETTLED = "xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
BEGINNING = 0
"""Before every transaction."""
