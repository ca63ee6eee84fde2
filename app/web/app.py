"""The HTTP side of `serve`: the application, and the server that shares the event loop of the service."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from app.clock import until_beat
from app.db.engine import Database
from app.db.reading.database import ReadDatabase, replica_of
from app.errors import ConfigurationError
from app.monitoring.replica.resources import disk
from app.settings import WebSettings
from app.web import health
from app.web import problem_details as errors
from app.web.api import reference
from app.web.api.boundary import ApiBoundary, is_api, is_loopback
from app.web.api.loading import LoadedPart, OtherAnswer
from app.web.connections import Room, limited
from app.web.health import ServiceState
from app.web.metrics.service import Metrics, PoolState, Snapshot
from app.web.pages import PATHS
from app.web.pages.public.names import tell_unmatched
from app.web.pages.runbook import runbook_router
from app.web.problem_types import BASE
from app.web.read_policy import ReadPolicy

if TYPE_CHECKING:
    from app.wiring.container import Container


_ASKED_WITH = (
    "Authorization", "Content-Type", "Idempotency-Key", "If-Modified-Since", "If-None-Match", "If-Range", "Last-Event-ID",
    "Range",
)  # fmt: skip
_ANSWERED_WITH = (
    "Accept-Ranges", "Content-Range", "ETag", "Gridkeeper-As-Of", "Gridkeeper-Origin", "Idempotency-Replayed",
    "Last-Modified", "Link", "Retry-After", "X-Request-ID",
)  # fmt: skip
"""Headers that pages of other origins may send, and read."""


def create_app(probes: ServiceState, container: Container | None = None) -> FastAPI:
    """The application, with API and pages where services are there; it closes the probe of the database when it ends."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(probes.metrics.watch_loop(), name="event loop lag")
        try:
            yield
        finally:
            watching.cancel()
            await probes.database.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    errors.install(app)
    app.state.farewell = container.storage().notices().close if container else None
    if container is not None:
        add_api(app, container)
        add_pages(app, container, probes)
    if container is not None and isinstance(reads := container.reading(), ReadDatabase):
        app.add_middleware(ReadPolicy, reads=reads)
    app.include_router(health.router(probes))
    app.include_router(runbook_router())

    @app.api_route("/metrics", methods=health.READ)
    async def metrics(request: Request) -> Response:
        database = await probes.database.look()
        tasks = len(asyncio.all_tasks())
        probes.metrics.show_read_replica(probes.read_replica())
        probes.metrics.show(Snapshot(probes.scheduler(), probes.tasks(), probes.pool(), database, tasks))
        accept = request.headers.get("accept", "")
        body, content_type = await asyncio.to_thread(probes.metrics.exposition, accept)
        return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    return app


def add_api(app: FastAPI, container: Container) -> None:
    """The REST API and its reference, for the services of the container."""
    settings = container.settings()
    app.include_router(reference.front_routes())
    app.include_router(reference.reference_router())
    api = LoadedPart("API", lambda: _create_api(container))
    app.mount(BASE, api)
    if settings.api.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.api.origins,
            allow_methods=["*"],
            allow_headers=_ASKED_WITH,
            expose_headers=_ANSWERED_WITH,
        )
    app.add_middleware(ApiBoundary, settings=settings)


def _create_api(container: Container) -> FastAPI:
    from app.web.routes.v1.api import create_api

    return create_api(container, container.settings().api)


def add_pages(app: FastAPI, container: Container, probes: ServiceState) -> None:
    """The pages for people, for the services of the container."""
    pages = LoadedPart("pages", lambda: _create_pages(container, probes))
    app.router.routes.extend(Route(path, pages) for path in PATHS)
    app.add_exception_handler(HTTPStatus.NOT_FOUND.value, partial(_nothing_here, pages))


async def _nothing_here(pages: LoadedPart, request: Request, error: Exception) -> Response:
    """A page for people, else what programs read; the API answers for itself."""
    for_people = reference.wants_page(request) and not is_api(request.url.path)
    return OtherAnswer(pages) if for_people else await errors.of_http(request, error)


def _create_pages(container: Container, probes: ServiceState) -> FastAPI:
    from app.web.pages.application import create_pages

    return create_pages(container, probes)


def pool_state(database: Database) -> PoolState:
    """The pool of the service at this moment."""
    used, size = database.pool_use()
    return PoolState(size, used)


def disk_of(folder: Path) -> tuple[int, int] | None:
    """The disk of the data directory; None where that cannot be looked at."""
    try:
        return disk(folder)
    except OSError:
        return None


async def http_side(container: Container, stop: asyncio.Event) -> None:
    """Health and metrics of the service in the container, until the event is set."""
    settings, database = container.settings(), container.database()
    metrics = Metrics(container.collection().source_health())
    metrics.follow(container.monitoring().recorder())
    metrics.follow_delivery(container.alerting().delivery_worker(), container.replica().heartbeat())
    metrics.follow_rules(lambda: container.alerting().service().status().tick_age)
    container.sources().observers().append(metrics.observer)
    container.tasks().observers().append(metrics.observer)
    container.scheduling().observers().append(metrics.observer)
    probes = ServiceState(
        scheduler=container.scheduling().scheduler().status,
        tasks=container.tasks().backend().stats,
        pool=lambda: pool_state(database),
        database=container.monitoring().database_health(),
        origin=settings.origin,
        metrics=metrics,
        platform=container.collection().source_health(),
        instance=settings.instance_name,
        rules_age=lambda: container.alerting().service().status().tick_age,
        delivery_age=lambda: container.alerting().delivery_worker().age,
        channels=lambda: container.alerting().delivery_worker().warnings,
        read_replica=lambda: replica_of(container.reading()),
        files=lambda: container.replica().problem_board().of_files("plan", "channels"),
        refusal=lambda: database.refusal,
        disk=lambda: None if settings.database.url else disk_of(settings.data_dir),
    )
    async with (
        serve_http(create_app(probes, container), settings.web) as url,
        _counting(container),
        asyncio.TaskGroup() as beside,
    ):
        beside.create_task(tell_unmatched(container, stop), name="names of the public page")
        structlog.get_logger().info(
            "http_started",
            url=url,
            ready=f"{url}/health/ready",
            metrics=f"{url}/metrics",
            api=f"{url}/api/docs",
            port=urlsplit(url).port,
        )
        await stop.wait()


@asynccontextmanager
async def _counting(container: Container) -> AsyncIterator[None]:
    """Writes how often keys are used, the last time at the end."""
    access, ended = container.access().service(), asyncio.Event()
    writing = asyncio.create_task(access.account(ended), name="use of keys")
    try:
        yield
    finally:
        ended.set()
        await writing


async def require_key(container: Container) -> None:
    """ConfigurationError with the remedy where other machines are let in and no key exists."""
    host = container.settings().web.host
    await container.access().service().open_for(host, loopback=host == "localhost" or is_loopback(host))


@asynccontextmanager
async def serve_http(app: FastAPI, settings: WebSettings) -> AsyncIterator[str]:
    """Serves in the running event loop within the block, and leaves signals alone; yields the address."""
    listener = await _listen(settings.host, settings.port)
    server = uvicorn.Server(_configuration(app, settings))
    # What `Server.serve` does, without its signal handlers and its ten wake-ups a second.
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[listener])
    dating = asyncio.create_task(_keep_date(server), name="http date")
    try:
        yield _address(listener)
    finally:
        dating.cancel()
        if app.state.farewell is not None:
            await app.state.farewell()  # answers that wait for news end here
        await server.shutdown(sockets=[listener])


def _configuration(app: FastAPI, settings: WebSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=limited(Room(settings.max_connections)),
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


async def _keep_date(server: uvicorn.Server) -> None:
    while True:
        await server.on_tick(0)
        await asyncio.sleep(until_beat(1))


async def check_address(settings: WebSettings) -> None:
    """ConfigurationError with the remedy where the address of the settings cannot be listened on."""
    (await _listen(settings.host, settings.port)).close()


async def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; ConfigurationError with the remedy where the address cannot be had."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host} port {port} ({error.strerror or error}); choose another with --host and --port "
            "or GRIDKEEPER_WEB__HOST and GRIDKEEPER_WEB__PORT, 0 takes a free port"
        ) from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
