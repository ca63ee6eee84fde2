"""How the database of the settings is reached by other programs, the embedded one too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.cli.output import say
from app.db.address import DatabaseAddress
from app.db.dashboard_role import READER
from app.db.embedded import tcp_url
from app.db.embedded.tcp import OWNER
from app.errors import DatabaseUnavailable
from app.lifecycle import database
from app.settings import Settings


@asynccontextmanager
async def reached(settings: Settings, *, reader: bool) -> AsyncIterator[DatabaseAddress]:
    """Where the database is; an embedded one runs meanwhile, with our schema, of another nothing is asked."""
    if settings.database.url is not None:
        address = DatabaseAddress.parse(settings.database.url.get_secret_value())
        yield address.of(READER) if reader else address
        return
    async with database(settings, say) as opened:
        yield opened.address.of(READER) if reader else opened.address


def tcp_address(settings: Settings, *, reader: bool) -> str:
    """The URL of the embedded server on its port."""
    url = tcp_url(settings.data_dir, READER if reader else OWNER)
    if url is None:
        raise DatabaseUnavailable(
            f"the embedded PostgreSQL below {settings.data_dir} was started without GRIDKEEPER_DATABASE__PORT and listens on "
            "no port: restart what uses it (`gridkeeper serve`) with the setting"
        )
    return url
