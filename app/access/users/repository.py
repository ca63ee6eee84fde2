"""Users and the sessions of their browsers in one database."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.access.models import AccessScope, ApiKey, AuditEntry, User
from app.access.repository import api_key_of, keep_entry
from app.access.sql import KEY_BY_ID
from app.access.users import sql
from app.access.users.models import BrowserSession, UserRequest
from app.db.retention import erase
from app.errors import Conflict, NotFound

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Database


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that is to be kept; `digest` is that of its random id."""

    digest: bytes
    user_id: int | None
    key_id: int | None
    at: datetime
    valid_until: datetime
    ends_at: datetime
    address: str
    browser: str


class UserRepository:
    """Users and sessions; every public method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def users(self) -> list[User]:
        async with self._database.connection() as connection:
            return [_user(row) for row in await connection.fetch(sql.LIST)]

    async def named(self, name: str) -> User | None:
        async with self._database.connection() as connection:
            found = await connection.fetchrow(sql.NAMED, name)
        return _user(found) if found else None

    async def with_digest(self, name: str) -> tuple[User | None, str]:
        """The user of this name, and the digest of the password; "" where there is none."""
        async with self._database.connection() as connection:
            found = await connection.fetchrow(sql.NAMED, name)
        return (_user(found), found["password_digest"]) if found else (None, "")

    async def add(self, request: UserRequest, digest: str, entry: AuditEntry) -> User:
        """The new user; Conflict where there is one of this name."""
        async with self._database.transaction() as connection:
            found = await connection.fetchrow(
                sql.ADD,
                request.name,
                digest,
                request.scope,
                list(request.areas),
                list(request.items),
                entry.at,
                entry.actor,
            )
            if found is None:
                raise Conflict(f"there is a user {request.name!r} already; choose another name, or remove that one")
            await keep_entry(connection, entry)
        return _user(found)

    async def remove(self, name: str, entry: AuditEntry) -> User:
        """The user, who is gone with every session."""
        return await self._change(entry, sql.REMOVE, name, entry.at, ended=True)

    async def disable(self, name: str, disabled_at: datetime | None, entry: AuditEntry) -> User:
        """Lets the user in no more, with every session ended; None lets in again."""
        return await self._change(entry, sql.DISABLE, name, disabled_at, ended=disabled_at is not None)

    async def set_password(self, name: str, digest: str, entry: AuditEntry) -> User:
        """Exchanges the password and ends every session."""
        return await self._change(entry, sql.SET_PASSWORD, name, digest, entry.at, ended=True)

    async def update_digest(self, user_id: int, digest: str) -> None:
        """The same password under the parameters of today."""
        async with self._database.connection() as connection:
            await connection.execute(sql.UPDATE_DIGEST, user_id, digest)

    async def sign_out(self, name: str, but: bytes | None, entry: AuditEntry) -> int:
        """Ends every session of the user but the one of this digest; how many."""
        async with self._database.transaction() as connection:
            user = await connection.fetchrow(sql.NAMED, name)
            if user is None:
                raise _missing(name)
            done = await connection.execute(sql.END_ALL, user["user_id"], but)
            await keep_entry(connection, entry)
        return int(done.rsplit(maxsplit=1)[-1])

    async def begin(self, session: NewSession, before: bytes) -> None:
        """Keeps a new session in the place of the one that the browser had before."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.END, before)
            await connection.execute(
                sql.BEGIN,
                session.digest,
                session.user_id,
                session.key_id,
                session.at,
                session.valid_until,
                session.ends_at,
                session.address,
                session.browser,
            )
            if session.user_id is not None:
                await connection.execute(sql.SIGNED_IN, session.user_id, session.at, session.address)

    async def find(self, digest: bytes) -> BrowserSession | None:
        async with self._database.connection() as connection:
            found = await connection.fetchrow(sql.FIND, digest)
            if found is None or not hmac.compare_digest(found["digest"], digest):
                return None
            user = await connection.fetchrow(sql.BY_ID, found["user_id"])
            key = await connection.fetchrow(KEY_BY_ID, found["key_id"])
        return _session(found, _user(user) if user else None, api_key_of(key) if key else None)

    async def sessions(self, user_id: int, now: datetime) -> list[BrowserSession]:
        """The open sessions of a user, the last used first."""
        async with self._database.connection() as connection:
            return [_session(row) for row in await connection.fetch(sql.OF_USER, user_id, now)]

    async def note_seen(self, session_id: int, now: datetime, valid_until: datetime, address: str) -> None:
        async with self._database.connection() as connection:
            await connection.execute(sql.SEEN, session_id, now, valid_until, address)

    async def end(self, digest: bytes) -> None:
        async with self._database.connection() as connection:
            await connection.execute(sql.END, digest)

    async def erase_old(self, now: datetime) -> int:
        """Forgets sessions whose end lies far enough back; how many."""
        async with self._database.connection() as connection:
            return await erase(connection, sql.SESSIONS, now - sql.KNOWN_AFTER_END)

    async def _change(self, entry: AuditEntry, statement: str, name: str, *more: Any, ended: bool = False) -> User:
        async with self._database.transaction() as connection:
            found = await connection.fetchrow(statement, name, *more)
            if found is None:
                raise _missing(name)
            if ended:
                await connection.execute(sql.END_ALL, found["user_id"], None)
            await keep_entry(connection, entry)
        return _user(found)


def _missing(name: str) -> NotFound:
    return NotFound(f"there is no user {name!r}; `gridkeeper users list` shows them all")


_USER = tuple(User.__dataclass_fields__)
_SESSION = ("session_id", "created_at", "seen_at", "valid_until", "ends_at", "address", "browser")


def _user(row: Record) -> User:
    values = {name: row[name] for name in _USER}
    lists = {name: tuple(row[name]) for name in ("areas", "items")}
    return User(**{**values, **lists, "scope": AccessScope(row["scope"])})


def _session(row: Record, user: User | None = None, key: ApiKey | None = None) -> BrowserSession:
    return BrowserSession(**{name: row[name] for name in _SESSION}, user=user, key=key)
