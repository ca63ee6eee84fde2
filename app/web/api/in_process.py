"""The REST API for a program that runs it itself, without a server: it reads, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from app.db.migrate import is_synthetic
from app.lifecycle import database
from app.settings import Settings, load_settings
from app.web.api.boundary import ApiBoundary
from app.web.problem_types import BASE
from app.web.routes.v1.api import create_api
from app.wiring.container import Container

NO_URL = {"url": None, "password_file": None, "rules_password_file": None}


@asynccontextmanager
async def api_in_process(data_dir: Path | None) -> AsyncIterator[ASGIApp]:
    """The API on the embedded database of a directory, or on that of the settings; as old as it is, it is not migrated."""
    chosen: dict[str, Any] = {} if data_dir is None else {"data_dir": data_dir, "database": NO_URL}
    settings = load_settings(**chosen)
    async with database(settings, lambda _: None, readonly=True) as opened:
        async with opened.connection() as connection:
            settings = _reading(settings, synthetic=await is_synthetic(connection))
        container = Container(settings=settings, database=opened, echo=lambda _: None)
        yield ApiBoundary(Starlette(routes=[Mount(BASE, create_api(container, settings.api))]), settings)


def _reading(settings: Settings, *, synthetic: bool) -> Settings:
    """Whoever may open the database may read it: without a key, as often as they like."""
    limits = settings.api.model_copy(update={"open_reading": True, "requests_per_minute": 0})
    return settings.model_copy(update={"api": limits, "sandbox": synthetic})
