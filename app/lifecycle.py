"""Starts and stops the long-running parts, in order, in one AsyncExitStack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import structlog

from app.db.embedded import admit_logins, embedded_notice, guarded, has_database, start_embedded
from app.db.engine import Database
from app.db.migrate import check_schema, claim_origin, migrate
from app.db.reading.database import reads_of
from app.errors import ConfigurationError, DatabaseUnavailable, SchemaMismatch, first_error
from app.settings import Settings
from app.tasks.memory import MemoryKeeper, favour_the_event_loop, lean_memory

if TYPE_CHECKING:
    from app.tasks.shared.backend import SharedBackend
    from app.tasks.shared.models import WorkerRole
    from app.wiring.container import Container
    from app.wiring.sources import Echo

Side = Callable[["Container", asyncio.Event], Awaitable[None]]
"""A part of the service that runs beside the scheduler until the event is set, the HTTP side for one."""

SIGN_UP = (
    "no token is set. Put it into GRIDKEEPER_ENTSOE__TOKEN, in the environment or in .env; it stands in your account at "
    "https://transparency.entsoe.eu under My Account Settings, Web API Security Token. "
    "To try the program with synthetic data instead, add --sandbox."
)


NOT_SHARED = (
    "no work is shared: set GRIDKEEPER_TASKS__BACKEND=procrastinate for `gridkeeper serve` and for each "
    "`gridkeeper worker`, on the same database"
)


def require_token(settings: Settings) -> None:
    """ConfigurationError with the remedy where data of the platform are wanted and no token is set."""
    if not settings.sandbox and settings.entsoe.token is None:
        raise ConfigurationError(SIGN_UP)


@asynccontextmanager
async def database(
    settings: Settings, echo: Echo, *, migrated: bool = True, made: bool = False, readonly: bool = False
) -> AsyncIterator[Database]:
    """The open database of the settings; the embedded one is started and migrated, another must have our schema.

    `made`: an embedded one that is not there yet is made. Who only looks must not leave a database behind. One that is
    opened `readonly` must have our schema, too, and takes no statement that writes.
    """
    async with AsyncExitStack() as stack:
        url = settings.database.url.get_secret_value() if settings.database.url else None
        embedded = url is None
        if url is None:
            if not made and not has_database(settings.data_dir):
                raise DatabaseUnavailable(
                    f"there is no database below {settings.data_dir} yet: `gridkeeper serve` or `gridkeeper collect` makes "
                    "one; for another, set GRIDKEEPER_DATA_DIR or GRIDKEEPER_DATABASE__URL"
                )
            port = settings.database.port
            server = await asyncio.to_thread(start_embedded, settings.data_dir, port=port)
            stack.callback(server.release)
            await stack.enter_async_context(guarded(server))
            if notice := embedded_notice(settings.data_dir):
                echo(notice)
            if port not in {None, server.port}:
                echo(
                    f"the embedded PostgreSQL runs already, without port {port}: GRIDKEEPER_DATABASE__PORT counts once all "
                    "that uses it has ended (`gridkeeper serve`, for one)"
                )
            url = server.url
        opened = Database(settings.database, url, readonly=readonly)
        stack.push_async_callback(opened.close)
        await opened.open()
        if migrated:
            if embedded and not readonly:
                await migrate(opened)
            async with opened.connection() as connection:
                await check_schema(connection)
                if settings.database.port is not None and not readonly:
                    await admit_logins(connection, settings.data_dir)
        yield opened


@asynccontextmanager
async def services(settings: Settings, echo: Echo, *, made: bool = False) -> AsyncIterator[Container]:
    """The services on the open database; nothing runs, and neither token nor platform is needed."""
    async with database(settings, echo, made=made) as opened, reads_of(settings.database, opened) as reading:
        from app.wiring.container import Container

        yield Container(settings=settings, database=opened, reading=reading, echo=echo)


@asynccontextmanager
async def collecting(
    settings: Settings, echo: Echo, *, asks: bool = True, shows: bool = False
) -> AsyncIterator[Container]:
    """Everything that a collection needs, with the sandbox where it is chosen, ready in a container.

    One that `asks` the platform for nothing needs no token, and only one that `shows` what is stored a replica.
    """
    if asks:
        require_token(settings)
    if not settings.sandbox and (doubt := settings.entsoe.doubt):
        echo(doubt)
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(database(settings, echo, made=True))
        async with opened.transaction() as connection:
            await claim_origin(connection, settings.origin)
        if settings.sandbox:
            settings = await stack.enter_async_context(_with_sandbox(settings, echo))
        from app.wiring.container import Container

        reading = await stack.enter_async_context(reads_of(settings.database, opened)) if shows else opened
        container = Container(settings=settings, database=opened, reading=reading, echo=echo)
        stack.push_async_callback(container.sources().live().aclose)
        stack.push_async_callback(container.storage().notices().close)
        await stack.enter_async_context(_measuring(container))
        favour_the_event_loop()
        yield container


@asynccontextmanager
async def _measuring(container: Container) -> AsyncIterator[None]:
    """Records what runs measure; at the end everything is written and added up."""
    recorder = container.monitoring().recorder()
    container.sources().observers().append(recorder)
    async with recorder.recording():
        yield
    if recorder.written:
        await container.monitoring().upkeep().try_once()


async def serve(
    settings: Settings,
    echo: Echo,
    stop: asyncio.Event,
    sides: Sequence[Side] = (),
    *,
    backfills: bool = True,
    before: Callable[[Container], Awaitable[None]] | None = None,
) -> None:
    """Run the scheduler, the backfill worker and the given sides until `stop` is set, then let them drain.

    What has to hold `before` anything runs raises where it does not.
    A part that fails ends the others too: whoever started the process starts it anew.
    """
    lean_memory()
    asks = asks_platform(settings)
    async with collecting(settings, echo, asks=asks, shows=True) as container:
        if before is not None:
            await before(container)
        stopping = _Stopping(stop)
        # Made before anything runs: a wrong plan ends the service here.
        scheduler = container.scheduling().scheduler()
        parts = (
            scheduler,
            container.replica().resource_sampler(),
            container.monitoring().upkeep(),
        )
        container.alerting().rule_book().current()
        rules = (container.alerting().rule_book(), container.replica().problem_board(), container.alerting().service())
        websites, interfaces = container.probes().runner(), container.probes().interface_runner()
        messages = (container.alerting().delivery_worker(), container.replica().heartbeat())
        checks = (container.quality().checks(),) if settings.quality.check_runs else ()
        container.sources().observers().extend(checks)
        await _watch_runs(container)
        shares = settings.tasks.backend != "local"
        if shares:
            container.alerting().delivery_worker().share(container.sharing().lanes())
        favour_the_event_loop()
        try:
            async with (
                _taking_tasks(container, _role_of_serve(settings)) if shares else nullcontext(),
                asyncio.TaskGroup() as group,
            ):
                for part in (*parts, *rules, *messages, *checks):
                    group.create_task(stopping.after(part.run(stop)))
                group.create_task(stopping.after(websites.run(stop)))
                group.create_task(stopping.after(interfaces.run(stop)))
                for follower in (container.probes().probe_file(), container.probes().rollups()):
                    group.create_task(stopping.after(follower.run(stop)))
                fills = asks and backfills and settings.scheduler.profile != "cautious"
                if shares:
                    group.create_task(stopping.after(_share_work(container, stop, backfills=fills)))
                else:
                    group.create_task(_forget_shared(container, stop))
                    if fills:
                        group.create_task(_work_backfills(container, stop, settings.scheduler.drain_seconds))
                for side in sides:
                    group.create_task(stopping.after(side(container, stop)))
        except BaseExceptionGroup as errors:
            raise first_error(errors) from errors
        finally:
            await container.sources().backfill().aclose()
            await container.sources().gap().aclose()
            await container.alerting().query_runner().close()


async def _forget_shared(container: Container, stop: asyncio.Event) -> None:
    from app.tasks.shared.emptying import empty_queue

    await empty_queue(container.tasks().registry(), stop, every=container.settings().tasks.silent_after)


def asks_platform(settings: Settings) -> bool:
    """Whether the plan, as it stands at the start, has a job that asks the platform: a service of rules alone has none."""
    from app.scheduling.plan import ASKING
    from app.scheduling.plan_file import PlanFile
    from app.wiring.catalog import CATALOG

    return any(job.kind in ASKING for job in PlanFile.of(settings, CATALOG).load().jobs())


async def _watch_runs(container: Container) -> None:
    """What health, metrics and people learn of runs; the platform's state goes on from the stored windows."""
    container.collection().source_health().state = await container.storage().runs().platform()
    followers = (container.collection().source_health(), container.scheduling().cycle())
    container.sources().observers().extend(followers)
    container.tasks().observers().extend(followers)
    container.scheduling().observers().extend((container.scheduling().cycle(), MemoryKeeper()))


class _Stopping:
    """Stops the service when one of its parts has come to its end."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    async def after(self, part: Awaitable[None]) -> None:
        await part
        self._stop.set()


async def _work_backfills(container: Container, stop: asyncio.Event, drain_seconds: float) -> None:
    """Every replica works on backfills, whoever leads."""
    async with container.tasks().local():
        worker = container.tasks().backfill_worker()
        working = asyncio.create_task(worker.work())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
            worker.stop(drain_seconds)
            await working
        finally:
            stopped.cancel()
            working.cancel()


def _role_of_serve(settings: Settings) -> WorkerRole | None:
    """What `serve` itself takes from the shared queue."""
    from app.db.leader import process_name
    from app.tasks.shared.models import WorkerRole

    number = settings.tasks.serve_concurrency
    return WorkerRole(process_name(), concurrency=number) if number else None


@asynccontextmanager
async def _taking_tasks(container: Container, role: WorkerRole | None) -> AsyncIterator[SharedBackend]:
    """The shared queue; with a role its tasks are run, and their leases renewed, until the end of the block."""
    from app.collection.life_signs import sign_of_life
    from app.wiring.sharing.handlers import tasks_of

    backend = _shared_backend(container)
    if role is None:
        async with backend:
            yield backend
        return
    backend.take(role, container.settings().scheduler.drain_seconds)
    taken = tasks_of(container, role)
    for kind, handler in taken.handlers.items():
        backend.bind(kind, handler)
    # A lease that nobody renews any more has everything done twice: what keeps them ends the process with itself.
    with sign_of_life(container.database().name, role.name):
        async with asyncio.TaskGroup() as keeping:
            beats = [keeping.create_task(keep()) for keep in taken.keepers]
            try:
                async with backend:
                    yield backend
            finally:
                for beat in beats:
                    beat.cancel()


async def _share_work(container: Container, stop: asyncio.Event, *, backfills: bool) -> None:
    """Submit backfills while this process leads, and run tasks until it stops or somebody drains it."""
    backend, scheduler = _shared_backend(container), container.scheduling().scheduler()
    async with asyncio.TaskGroup() as group:
        if backfills:
            feeder = container.tasks().backfill_feeder()
            group.create_task(feeder.run(stop, lambda: scheduler.status().role == "leader"))
        try:
            await _until_ended(backend, stop)
        except SchemaMismatch as error:
            # Its own plan goes on, as beside any newer schema; the tasks are left to those who know them.
            structlog.get_logger().error("shared_tasks_left", error=str(error))
        await backend.end_work()
        await stop.wait()


def _shared_backend(container: Container) -> SharedBackend:
    from app.tasks.shared.backend import SharedBackend

    backend = container.tasks().backend()
    if not isinstance(backend, SharedBackend):
        raise ConfigurationError(NOT_SHARED)
    return backend


async def _until_ended(backend: SharedBackend, stop: asyncio.Event) -> None:
    """Until the process stops, or is to run no further task."""
    ending, stopped = asyncio.create_task(backend.until_ended()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((ending, stopped), return_when=asyncio.FIRST_COMPLETED)
        if ending.done():
            ending.result()
    finally:
        ending.cancel()
        stopped.cancel()


async def work(
    settings: Settings,
    echo: Echo,
    stop: asyncio.Event,
    role: WorkerRole,
    begun: Callable[[Container], Awaitable[None]] | None = None,
) -> None:
    """Run shared tasks until `stop` is set or somebody drains this worker; what is under way then ends or is handed back.

    `begun` is called when it takes tasks. SchemaMismatch where a newer version has taken over the database, Conflict
    where another process has its name.
    """
    lean_memory()
    if settings.tasks.backend == "local":
        raise ConfigurationError(NOT_SHARED)
    from app.collection.life_signs import lives_here
    from app.tasks.backend import Priority
    from app.tasks.shared.naming import claim_name
    from app.wiring.sharing.handlers import parts_of

    asks = role.takes(Priority.LIVE, Priority.GAP, Priority.BACKFILL)
    async with collecting(settings, echo, asks=asks) as container:
        ended = asyncio.Event()
        container.tasks().name.override(role.name)
        try:
            await claim_name(
                container.tasks().registry(),
                role.name,
                settings.tasks,
                partial(lives_here, container.database().name),
                stop,
            )
            async with asyncio.TaskGroup() as group:
                for part in parts_of(container, role):
                    group.create_task(part.run(ended))
                try:
                    async with _taking_tasks(container, role) as backend:
                        if begun is not None:
                            await begun(container)
                        await _until_ended(backend, stop)
                finally:
                    ended.set()
        except BaseExceptionGroup as errors:
            raise first_error(errors) from errors
        finally:
            await container.sources().backfill().aclose()
            await container.sources().gap().aclose()


@asynccontextmanager
async def _with_sandbox(settings: Settings, echo: Echo) -> AsyncIterator[Settings]:
    """Settings that point at the sandbox: the one that is served already where an endpoint is set, else our own."""
    from app.sandbox.settings import SandboxSettings

    echo("SANDBOX: these data are synthetic; nothing here comes from the Transparency Platform.")
    entsoe = settings.entsoe
    if "base_url" in entsoe.model_fields_set:
        yield settings if entsoe.token else _pointed_at(settings, str(entsoe.base_url), SandboxSettings().token)
        return
    from app.sandbox.server import SandboxServer

    async with SandboxServer(SandboxSettings()) as server:
        yield _pointed_at(settings, server.url, server.token)


def _pointed_at(settings: Settings, url: str, token: str) -> Settings:
    entsoe = settings.entsoe.model_dump() | {"base_url": url, "token": token, "token_file": None}
    return settings.model_copy(update={"entsoe": type(settings.entsoe).model_validate(entsoe)})
