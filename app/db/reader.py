"""The role of dashboards: it reads the documented views, nothing else, and no statement of it lasts long."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.db.engine import Connection

READER = "gridkeeper_reader"
SETTINGS = {"statement_timeout": "10s", "default_transaction_read_only": "on", "timezone": "UTC"}

_STATE = """
    select
        (select coalesce(rolconfig, '{}') from pg_roles where rolname = $1) as settings,
        (select rolcreaterole or rolsuper from pg_roles where rolname = current_user) as may_create
"""
_HIDDEN = """
    select string_agg(quote_ident(viewname), ', ' order by viewname)
    from pg_views
    where
        schemaname = current_schema()
        and starts_with(viewname, 'v_')
        and not has_table_privilege($1, format('%I.%I', schemaname, viewname), 'select')
"""


async def admit_reader(connection: Connection) -> tuple[str, ...]:
    """Creates the role where this user may, and lets it read the views; says what somebody else must do.

    The role may log in but has no password: whoever sets up the server gives it one. Statements that are needed only
    once are not repeated, because roles are shared by all databases of a server.
    """
    from asyncpg.exceptions import DuplicateObjectError, UniqueViolationError

    [state] = await connection.fetch(_STATE, READER)
    if state["settings"] is None:
        if not state["may_create"]:
            return (f"the role {READER} is missing; as a superuser run `{_recipe()}`, then `gridkeeper migrate`",)
        try:
            await connection.execute(f"create role {READER} login")
        except (DuplicateObjectError, UniqueViolationError):
            pass  # another database of this server is migrated at the same time
        else:
            for statement in _configuration():
                await connection.execute(statement)
    views = await connection.fetchval(_HIDDEN, READER)
    if views:
        schema = await connection.fetchval("select quote_ident(current_schema())")
        await connection.execute(f"grant usage on schema {schema} to {READER}")
        await connection.execute(f"grant select on {views} to {READER}")
    return ()


def _configuration() -> list[str]:
    return [f"alter role {READER} set {name} = '{value}'" for name, value in SETTINGS.items()]


def _recipe() -> str:
    return "; ".join((f"create role {READER} login", *_configuration()))
