"""The REST API as clients meet it: a server on loopback, on a real database, with keys of every scope."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from app.access.models import AccessScope, Caller, KeyRequest
from app.access.service import AccessService
from app.db.reading.database import reads_of
from app.settings import Settings
from app.web.app import create_app, serve_http
from app.web.problem_types import BASE
from app.wiring.container import Container
from tests.support.store_factory import opened
from tests.support.web_factory import Service

Document = dict[str, Any]
ADMINISTRATOR = Caller("test", "", AccessScope.ADMIN)
NOBODY = ("job", "rule", "channel", "name")
SOME_VALUES = dict.fromkeys(NOBODY, "nobody") | {"kind": "not-found"}
"""Of parameters in paths; all others are numbers."""


@dataclass(frozen=True, slots=True)
class ServedApi:
    """A served API and its services."""

    url: str
    container: Container

    @property
    def access(self) -> AccessService:
        return self.container.access().service()

    async def key(self, scope: AccessScope = AccessScope.READ, name: str = "", **chosen: Any) -> str:
        """A new key."""
        request = KeyRequest(name or f"{scope}-{len(await self.access.keys())}", scope, **chosen)
        return (await self.access.create(request, ADMINISTRATOR))[1]

    async def expired_key(self) -> str:
        """A key that has just expired."""
        now = self.container.clock().now()
        token = await self.key(name="expired", expires_at=now + timedelta(days=1))
        async with self.container.database().connection() as connection:
            await connection.execute("update api_keys set expires_at = $1 where name = 'expired'", now)
        return token

    async def revoked_key(self) -> str:
        token = await self.key(name="revoked")
        await self.access.revoke("revoked", ADMINISTRATOR)
        return token

    def client(self, key: str = "", **options: Any) -> httpx.AsyncClient:
        """A client below /api/v1, patient because the machine may be busy."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(base_url=f"{self.url}{BASE}", headers=headers, **{"timeout": 60, **options})

    async def document(self) -> Document:
        async with self.client() as client:
            found: Document = (await client.get("/openapi.json")).json()
            return found


@asynccontextmanager
async def served_api(database_url: str, **chosen: Any) -> AsyncIterator[ServedApi]:
    """`chosen` are sections of the settings."""
    values = {"sandbox": True, "database": {"url": database_url}, "web": {"port": 0}, **chosen}
    settings = Settings.model_validate(values)
    async with opened(database_url, pool_size=5) as database, reads_of(settings.database, database) as reading:
        container = Container(settings=settings, database=database, reading=reading, echo=lambda _text: None)
        try:
            async with serve_http(create_app(Service().probes(), container), settings.web) as url:
                yield ServedApi(url, container)
        finally:
            await container.alerting().query_runner().close()


def some_path(template: str) -> str:
    """A path with values in the place of its parameters."""
    return re.sub(r"\{(\w+)\}", lambda match: SOME_VALUES.get(match[1], "999999"), template)
