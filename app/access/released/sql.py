"""The statements of released pictures."""

# ruff: noqa: S608  names of columns

from __future__ import annotations

_COLUMNS = "view_id, name, kind, series_id, item, area, days, hint, created_at, created_by, revoked_at"

LIST = f"select {_COLUMNS} from released_views order by revoked_at nulls first, lower(name), view_id"

FIND = f"select digest, {_COLUMNS} from released_views where digest = $1 and revoked_at is null"

SERIES = "select exists (select from series where series_id = $1)"

ADD = f"""
    insert into released_views (digest, hint, name, kind, series_id, item, area, days, created_at, created_by)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict do nothing
    returning {_COLUMNS}
"""

REVOKE = f"""
    update released_views set revoked_at = $2
    where name = $1 and revoked_at is null
    returning {_COLUMNS}
"""
