"""The statements of logins: one row each; time is the server's, so that no two clocks disagree."""

from __future__ import annotations

from datetime import timedelta

from app.db.retention import Retention

TOKENS_KEPT = timedelta(days=1)
TOKENS = Retention(
    "interface_tokens",
    "removed_at",
    TOKENS_KEPT,
    only="tokens of logins that the file has no more",
    condition="removed_at is not null",
)

KEPT_REFRESH = "select sealed from interface_tokens where login = $1"
KEEP_REFRESH = """
    insert into interface_tokens (login, sealed, kept_at)
    values ($1, $2, now())
    on conflict (login) do update set sealed = excluded.sealed, kept_at = excluded.kept_at, removed_at = null
"""

SESSION = """
    select session, case when held_until > clock_timestamp() then problem else '' end as problem
    from interface_tokens
    where login = $1
"""
# Whoever reads a session and finds nobody at work logs in; of two that read the same, one does.
BEGIN_LOGIN = """
    insert into interface_tokens as t (login, holder, held_until, kept_at)
    values ($1, $2, clock_timestamp() + $3::interval, now())
    on conflict (login) do update set
        holder = excluded.holder,
        held_until = excluded.held_until,
        problem = '',
        removed_at = null
    where (t.held_until is null or t.held_until <= clock_timestamp()) and t.session is not distinct from $4
    returning true
"""
HOLD_LOGIN = """
    update interface_tokens
    set held_until = clock_timestamp() + $3::interval
    where login = $1 and holder = $2 and problem = ''
"""
KEEP_SESSION = """
    update interface_tokens
    set session = $3, kept_at = now(), holder = null, held_until = null, problem = ''
    where login = $1 and holder = $2
"""
LOGIN_FAILED = """
    update interface_tokens
    set problem = $3, held_until = clock_timestamp() + $4::interval
    where login = $1 and holder = $2
"""

MARK_OTHERS = """
    update interface_tokens
    set removed_at = case when login = any($1::text[]) then null else $2::timestamptz end
    where (removed_at is null) <> (login = any($1::text[]))
"""
