"""The keys of one database, and the record of what was changed with them."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from app.access import sql
from app.access.models import AccessScope, ApiKey, AuditEntry, Caller, KeyRequest, KeyReused, StoredAnswer, UnderWay
from app.access.tokens import token_hint
from app.db.retention import Retention, erase
from app.errors import Conflict, NotFound

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Connection, Database


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How often a key was used since the last account of it, when last, and from where."""

    requests: int
    at: datetime
    address: str


class AccessRepository:
    """Keys and audit; every public method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, digest: bytes, guesser: bytes) -> tuple[ApiKey | None, float]:
        """The key of this digest, usable or not; and how far the row of whoever shows it lies ahead of the clock."""
        async with self._database.connection() as connection:
            found = await connection.fetchrow(sql.FIND, digest, guesser)
        if found is None:
            return None, 0.0
        known = found["digest"] is not None and hmac.compare_digest(found["digest"], digest)
        return api_key_of(found) if known else None, found["ahead"] or 0.0

    async def keys(self) -> list[ApiKey]:
        async with self._database.connection() as connection:
            return [api_key_of(row) for row in await connection.fetch(sql.LIST)]

    async def any_key(self) -> bool:
        """Whether there ever was one, also where none can be used any more: what was closed does not open by itself."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(sql.ANY))

    async def add(self, request: KeyRequest, token: str, digest: bytes, entry: AuditEntry) -> ApiKey:
        """The new key; Conflict where one of its name is in use."""
        async with self._database.transaction() as connection:
            found = await connection.fetchrow(
                sql.ADD,
                request.name,
                digest,
                token_hint(token),
                request.scope,
                list(request.areas),
                list(request.items),
                entry.at,
                entry.actor,
                request.expires_at,
            )
            if found is None:
                raise Conflict(
                    f"there is a key {request.name!r} already; choose another name, or revoke that one first"
                )
            await keep_entry(connection, entry)
        return api_key_of(found)

    async def revoke(self, name: str, entry: AuditEntry) -> ApiKey:
        """The key, which cannot be used any more; NotFound or Conflict where there is none or it was revoked before."""
        async with self._database.transaction() as connection:
            found = await connection.fetchrow(sql.REVOKE, name, entry.at)
            if found is None:
                if await connection.fetchrow(sql.NAMED, name) is None:
                    raise NotFound(f"there is no key {name!r}; `gridkeeper api keys list` shows them all")
                raise Conflict(f"the key {name!r} was revoked before")
            await keep_entry(connection, entry)
        return api_key_of(found)

    async def note_use(self, used: Mapping[int, KeyUse]) -> None:
        """Adds to each key how often it was used."""
        columns = (
            list(used),
            [one.requests for one in used.values()],
            [one.at for one in used.values()],
            [one.address for one in used.values()],
        )
        async with self._database.connection() as connection:
            await connection.execute(sql.USED, *columns)

    async def note(self, entry: AuditEntry) -> int:
        """Keeps the record of a change; its number."""
        async with self._database.connection() as connection:
            return await keep_entry(connection, entry)

    async def note_answer(self, audit_id: int, status: int) -> None:
        async with self._database.connection() as connection:
            await connection.execute(sql.ANSWERED, audit_id, status)

    async def audit(self, *, before: int | None, actor: str | None, limit: int) -> Sequence[AuditEntry]:
        """The changes before the one of this number, the newest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.AUDIT, before, actor, limit)
        return [_entry(row) for row in rows]

    async def erase_old(self, kept: Retention, before: datetime) -> int:
        """Forgets rows of a table of before the instant; how many."""
        async with self._database.connection() as connection:
            return await erase(connection, kept, before)

    async def begin_request(self, by: Caller, key: str, digest: bytes, now: datetime) -> StoredAnswer | None:
        """What was answered before, None where the request is to be done; Conflict where that is under way."""
        statements, owner = _requests_of(by)
        async with self._database.transaction() as connection:
            if await connection.fetchval(statements.begin, owner, key, digest, now):
                return None
            known = await connection.fetchrow(statements.known, owner, key)
        if known is None or known["digest"] != digest:
            raise KeyReused(f"the Idempotency-Key {key!r} came before with another request; take a new one")
        if known["status"] is None:
            raise UnderWay(f"the request of the Idempotency-Key {key!r} is under way; ask again for its answer")
        return StoredAnswer(known["status"], known["content_type"], known["body"])

    async def answer_request(self, by: Caller, key: str, answer: StoredAnswer | None) -> None:
        """Keeps what was answered; without an answer the request may be done anew."""
        statements, owner = _requests_of(by)
        async with self._database.connection() as connection:
            if answer is None:
                await connection.execute(statements.forget, owner, key)
            else:
                await connection.execute(statements.answer, owner, key, answer.status, answer.content_type, answer.body)


def _requests_of(by: Caller) -> tuple[sql.RequestStatements, int | None]:
    """Where the requests of a key or user are kept, and under which number."""
    if by.user is not None:
        return sql.OF_USER, by.user.user_id
    return sql.OF_KEY, by.key.key_id if by.key else None


async def keep_entry(connection: Connection, entry: AuditEntry) -> int:
    """The number of the record, which is a new one but where the entry has one already."""
    if entry.audit_id:
        await connection.execute(sql.DETAILED, entry.audit_id, entry.target, json.dumps(entry.details))
        return entry.audit_id
    audit_id: int = await connection.fetchval(
        sql.NOTE,
        entry.at,
        entry.actor,
        entry.key_id,
        entry.action,
        entry.target,
        entry.address,
        entry.request_id,
        json.dumps(entry.details),
    )
    return audit_id


def _entry(row: Record) -> AuditEntry:
    return AuditEntry(**{**dict(row), "details": json.loads(row["details"])})


def api_key_of(row: Record) -> ApiKey:
    values = {name: value for name, value in row.items() if name not in {"digest", "ahead"}}
    lists = {name: tuple(row[name]) for name in ("areas", "items")}
    return ApiKey(**{**values, **lists, "scope": AccessScope(row["scope"])})
