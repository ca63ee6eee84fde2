"""The roles that read and may do nothing else: that of dashboards, and that of alert rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.db.engine import Connection

READER = "gridkeeper_reader"
RULE_READER = "gridkeeper_rules"
SETTINGS: Mapping[str, str] = MappingProxyType(
    {"statement_timeout": "10s", "default_transaction_read_only": "on", "timezone": "UTC"}
)


@dataclass(frozen=True, slots=True)
class ReadingRole:
    """A login without a password, without superuser and without another role to take; `relations` is what it reads."""

    name: str
    connections: int
    """Most of them at once, so that it cannot use up those of the server; 0: as many as there are."""
    relations: str
    """A condition on rows of pg_class."""


# Dashboards see the documented views and nothing below them. Rules are written by operators and see the tables, too, but
# for those that hold secrets.
ROLES = (
    ReadingRole(READER, 0, "relkind = 'v' and starts_with(relname, 'v_')"),
    ReadingRole(
        RULE_READER,
        60,
        "relkind in ('r', 'p', 'v', 'm') and relname not in ('api_keys', 'websites', 'users', 'browser_sessions', 'released_views')",
    ),
)

_STATE = """
    select
        (select coalesce(rolconfig, '{}') from pg_roles where rolname = $1) as settings,
        (select rolcreaterole or rolsuper from pg_roles where rolname = current_user) as may_create
"""
_HIDDEN = """
    select string_agg(quote_ident(relname), ', ' order by relname)
    from pg_class
    where
        relnamespace = current_schema()::regnamespace
        and {relations}
        and pg_has_role(relowner, 'usage')
        and not has_table_privilege($1, oid, 'select')
"""


async def admit_readers(connection: Connection) -> tuple[str, ...]:
    """Creates the roles where this user may, and lets them read; says what somebody else must do.

    The roles may log in but have no password: whoever sets up the server gives them one. Statements that are needed
    only once are not repeated, because roles are shared by all databases of a server.
    """
    return tuple([note for role in ROLES for note in await _admit(connection, role)])


async def _admit(connection: Connection, role: ReadingRole) -> tuple[str, ...]:
    from asyncpg.exceptions import DuplicateObjectError, UniqueViolationError

    [state] = await connection.fetch(_STATE, role.name)
    if state["settings"] is None:
        if not state["may_create"]:
            return (
                f"the role {role.name} is missing; as a superuser run `{_recipe(role)}`, then `gridkeeper migrate`",
            )
        try:
            await connection.execute(_creation(role))
        except (DuplicateObjectError, UniqueViolationError):
            pass  # another database of this server is migrated at the same time
        else:
            for statement in _configuration(role):
                await connection.execute(statement)
    hidden = await connection.fetchval(_HIDDEN.format(relations=role.relations), role.name)
    if hidden:
        schema = await connection.fetchval("select quote_ident(current_schema())")
        await connection.execute(f"grant usage on schema {schema} to {role.name}")
        await connection.execute(f"grant select on {hidden} to {role.name}")
    return ()


def _creation(role: ReadingRole) -> str:
    return f"create role {role.name} login" + (f" connection limit {role.connections}" if role.connections else "")


def _configuration(role: ReadingRole) -> list[str]:
    return [f"alter role {role.name} set {name} = '{value}'" for name, value in SETTINGS.items()]


def _recipe(role: ReadingRole) -> str:
    return "; ".join((_creation(role), *_configuration(role)))
