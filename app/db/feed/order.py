"""The order of transactions, as conditions on a table with the columns `system_id` and `xid`.

A row is visible once it is committed, and settled once no transaction that began to write before it is open: only then
can nothing come before it any more. Transactions are numbered by the server, so only rows of this one count.
"""

from __future__ import annotations

HERE = "system_id = (select system_identifier from pg_control_system())"
SETTLED = "xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
BEGINNING = 0
"""Before every transaction."""


def forget_statement(table: str) -> str:
    """Deletes rows of before the instant $1, but for those of the last transaction that is old enough.

    A reader who stands there has missed nothing until the next one is old too.
    """
    return f"""
        delete from {table}
        using (
            select system_id, max(xid) as xid
            from {table}
            where at < $1
            group by system_id
        ) as newest
        where {table}.system_id = newest.system_id and {table}.xid < newest.xid and {table}.at < $1
    """  # noqa: S608  names of tables
