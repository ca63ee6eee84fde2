"""The REST API: every module of routes is included here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.settings import ApiSettings
from app.web.api.kept_files import KeptFiles
from app.web.api.openapi import api_document
from app.web.api_problems import install_problems
from app.web.routes.v1 import (
    about,
    access,
    backfills,
    catalogue,
    changes,
    completeness,
    events,
    jobs,
    observations,
    quality,
    reports,
    series,
    status,
    workers,
)
from app.web.routes.v1.alerting import alerts, channels, rules
from app.web.routes.v1.probes import interfaces, maintenance, websites

if TYPE_CHECKING:
    from app.wiring.container import Container

MODULES = (
    catalogue,
    series,
    observations,
    changes,
    completeness,
    quality,
    jobs,
    backfills,
    alerts,
    rules,
    channels,
    maintenance,
    websites,
    interfaces,
    reports,
    status,
    events,
    workers,
    access,
    about,
)


def create_api(container: Container | None, limits: ApiSettings) -> FastAPI:
    """The API below /api/v1; without a container it only describes itself."""
    api = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    api.state.container = container
    api.state.limits = limits
    api.state.files = KeptFiles(limits.file_bytes)
    api.state.routes = [route for module in MODULES for route in module.router.routes]
    install_problems(api)
    for module in MODULES:
        api.include_router(module.router)
    api.openapi = lambda: api_document(api, limits)  # type: ignore[method-assign]  # as the framework's documents do it
    return api


def _operation_id(route: APIRoute) -> str:
    return route.name
