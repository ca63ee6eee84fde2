"""The statements of keys and of the record of changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.access.guesses.sql import AHEAD
from app.db.retention import Retention

REMEMBERED = timedelta(days=1)
"""How long a request with an Idempotency-Key is known."""
CHANGES = Retention("api_audit", "at", "api.audit_days")
REQUESTS = (Retention("api_requests", "at", REMEMBERED), Retention("user_requests", "at", REMEMBERED))
RETAINED = (CHANGES, *REQUESTS)

_COLUMNS = """
    key_id, name, hint, scope, areas, items, created_at, created_by, expires_at, revoked_at,
    last_used_at, last_used_from, requests
"""

FIND = f"""
    select digest, {_COLUMNS}, {AHEAD.format("$2")} as ahead
    from (select) as asked
    left join api_keys on digest = $1
"""  # noqa: S608  names of columns

LIST = f"select {_COLUMNS} from api_keys order by key_id"  # noqa: S608  names of columns

NAMED = f"""
    select {_COLUMNS} from api_keys
    where name = $1
    order by revoked_at nulls first, key_id desc
    limit 1
"""  # noqa: S608  names of columns

KEY_BY_ID = f"select {_COLUMNS} from api_keys where key_id = $1"  # noqa: S608  names of columns

ANY = "select exists (select from api_keys) or exists (select from users)"
"""Whether anybody was ever given a way in: then nobody reads without."""

ADD = f"""
    insert into api_keys (name, digest, hint, scope, areas, items, created_at, created_by, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict do nothing
    returning {_COLUMNS}
"""  # noqa: S608  names of columns

REVOKE = f"""
    update api_keys set revoked_at = $2
    where name = $1 and revoked_at is null
    returning {_COLUMNS}
"""  # noqa: S608  names of columns

USED = """
    update api_keys set
        requests = api_keys.requests + used.requests,
        last_used_at = greatest(api_keys.last_used_at, used.at),
        last_used_from = used.address
    from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[]) as used (key_id, requests, at, address)
    where api_keys.key_id = used.key_id
"""

NOTE = """
    insert into api_audit (at, actor, key_id, action, target, address, request_id, details)
    values ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb)
    returning audit_id
"""

DETAILED = """
    update api_audit set target = $2, details = $3::text::jsonb
    where audit_id = $1
"""

ANSWERED = "update api_audit set status = $2 where audit_id = $1"

AUDIT = """
    select audit_id, at, actor, key_id, action, target, address, request_id, status, details::text
    from api_audit
    where ($1::bigint is null or audit_id < $1) and ($2::text is null or actor = $2)
    order by audit_id desc
    limit $3
"""


@dataclass(frozen=True, slots=True)
class RequestStatements:
    """What is done with requests that may come once more; the first argument is the key or the user."""

    begin: str
    known: str
    answer: str
    forget: str


def _requests(table: str, owner: str) -> RequestStatements:
    # One whose process ended before it was answered may be done again after a while.
    return RequestStatements(
        f"""
        insert into {table} ({owner}, key, digest, at)
        values ($1, $2, $3, $4)
        on conflict ({owner}, key) do update
        set digest = excluded.digest, at = excluded.at
        where {table}.status is null and {table}.at < excluded.at - interval '10 minutes'
        returning true
        """,  # noqa: S608  names of a table and a column
        f"select digest, status, content_type, body from {table} where {owner} = $1 and key = $2",  # noqa: S608
        f"update {table} set status = $3, content_type = $4, body = $5 where {owner} = $1 and key = $2",  # noqa: S608
        f"delete from {table} where {owner} = $1 and key = $2 and status is null",  # noqa: S608
    )


OF_KEY = _requests("api_requests", "key_id")
OF_USER = _requests("user_requests", "user_id")
