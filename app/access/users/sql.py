"""The statements of users and of the sessions of browsers."""

# ruff: noqa: S608  names of columns

from __future__ import annotations

from datetime import timedelta

from app.db.retention import Retention

KNOWN_AFTER_END = timedelta(days=1)
SESSIONS = Retention("browser_sessions", "valid_until", KNOWN_AFTER_END)

USER = """
    u.user_id, u.name, u.scope, u.areas, u.items, u.password_digest <> '' as with_password, u.created_at, u.created_by,
    u.password_at, u.disabled_at, u.signed_in_at, u.signed_in_from
"""

_NAMED = "lower(u.name) = lower($1) and u.removed_at is null"

LIST = f"select {USER} from users as u where u.removed_at is null order by lower(u.name)"

NAMED = f"select u.password_digest, {USER} from users as u where {_NAMED}"

BY_ID = f"select {USER} from users as u where u.user_id = $1"

ADD = f"""
    insert into users as u (name, password_digest, scope, areas, items, created_at, created_by, password_at)
    values ($1, $2, $3, $4, $5, $6, $7, case when $2 <> '' then $6::timestamptz end)
    on conflict do nothing
    returning {USER}
"""

# The row stays: where somebody was let in by a name once, nobody reads without one.
REMOVE = f"update users as u set removed_at = $2, password_digest = '' where {_NAMED} returning {USER}"

DISABLE = f"""
    update users as u set disabled_at = case when $2::timestamptz is null then null else coalesce(u.disabled_at, $2) end
    where {_NAMED}
    returning {USER}
"""

SET_PASSWORD = f"update users as u set password_digest = $2, password_at = $3 where {_NAMED} returning {USER}"

UPDATE_DIGEST = "update users set password_digest = $2 where user_id = $1"

SIGNED_IN = "update users set signed_in_at = $2, signed_in_from = $3 where user_id = $1"

_SESSION = "s.session_id, s.created_at, s.seen_at, s.valid_until, s.ends_at, s.address, s.browser"

BEGIN = """
    insert into browser_sessions (digest, user_id, key_id, created_at, seen_at, valid_until, ends_at, address, browser)
    values ($1, $2, $3, $4, $4, $5, $6, $7, $8)
"""

FIND = f"select {_SESSION}, s.digest, s.user_id, s.key_id from browser_sessions as s where s.digest = $1"

OF_USER = f"""
    select {_SESSION}, s.digest
    from browser_sessions as s
    where s.user_id = $1 and s.valid_until > $2
    order by s.seen_at desc
"""

SEEN = "update browser_sessions set seen_at = $2, valid_until = $3, address = $4 where session_id = $1"

END = "delete from browser_sessions where digest = $1"

END_ALL = "delete from browser_sessions where user_id = $1 and digest is distinct from $2"
