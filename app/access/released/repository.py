"""The released pictures of one database."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from app.access.models import AuditEntry
from app.access.released import sql
from app.access.released.models import ReleasedView, ViewKind, ViewRequest
from app.access.repository import keep_entry
from app.errors import Conflict, NotFound

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Database

_REQUEST = ("name", "series_id", "item", "area", "days")
_ROW = ("view_id", "hint", "created_at", "created_by", "revoked_at")


class ReleasedRepository:
    """Released pictures; every public method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def views(self) -> list[ReleasedView]:
        async with self._database.connection() as connection:
            return [_view(row) for row in await connection.fetch(sql.LIST)]

    async def find(self, digest: bytes) -> ReleasedView | None:
        """The picture of this digest that is not revoked."""
        async with self._database.connection() as connection:
            found = await connection.fetchrow(sql.FIND, digest)
        if found is None or not hmac.compare_digest(found["digest"], digest):
            return None
        return _view(found)

    async def add(self, request: ViewRequest, digest: bytes, hint: str, entry: AuditEntry) -> ReleasedView:
        """The new picture; Conflict where one of its name is released, NotFound without such a series."""
        async with self._database.transaction() as connection:
            if request.series_id is not None and not await connection.fetchval(sql.SERIES, request.series_id):
                raise NotFound(f"there is no series {request.series_id}; the catalogue lists them")
            found = await connection.fetchrow(
                sql.ADD,
                digest,
                hint,
                request.name,
                request.kind,
                request.series_id,
                request.item,
                request.area,
                request.days,
                entry.at,
                entry.actor,
            )
            if found is None:
                raise Conflict(f"{request.name!r} is released already; choose another name, or revoke it first")
            await keep_entry(connection, entry)
        return _view(found)

    async def revoke(self, name: str, entry: AuditEntry) -> ReleasedView:
        async with self._database.transaction() as connection:
            found = await connection.fetchrow(sql.REVOKE, name, entry.at)
            if found is None:
                raise NotFound(f"nothing is released as {name!r}; `gridkeeper embeds list` shows what is")
            await keep_entry(connection, entry)
        return _view(found)


def _view(row: Record) -> ReleasedView:
    request = ViewRequest(kind=ViewKind(row["kind"]), **{name: row[name] for name in _REQUEST})
    return ReleasedView(request=request, **{name: row[name] for name in _ROW})
