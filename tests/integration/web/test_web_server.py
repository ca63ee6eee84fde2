"""The HTTP side on real sockets, on a real database, and inside the service."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.clock import SystemClock
from app.db.address import DatabaseAddress
from app.db.engine import Database
from app.db.migrate import claim_origin, revisions
from app.db.rate_limit import PostgresBudget
from app.db.status import NOT_ASKED, AlertCounts, Backlog, DatabaseHealthCheck
from app.errors import ConfigurationError
from app.lifecycle import serve
from app.settings import (
    CollectionSettings,
    DatabaseSettings,
    EntsoeSettings,
    Origin,
    SchedulerSettings,
    Settings,
    WebSettings,
)
from app.web.app import create_app, http_side, pool_state, serve_http
from tests.support.store_factory import opened
from tests.support.web_factory import Service, answered, free_port

ANY_PORT = WebSettings(port=0)


@asynccontextmanager
async def probing(url: str, *, timeout: float = 10.0) -> AsyncIterator[DatabaseHealthCheck]:  # noqa: ASYNC109  the probe's setting
    probe = DatabaseHealthCheck(DatabaseAddress.parse(url), token_id="t", lead=timedelta(seconds=3), timeout=timeout)
    try:
        yield probe
    finally:
        await probe.close()


async def fresh(probe: DatabaseHealthCheck, monkeypatch: pytest.MonkeyPatch) -> DatabaseHealthCheck:
    """The probe, so that each look asks anew."""
    monkeypatch.setattr("app.db.status.FRESH_SECONDS", -1.0)
    return probe


async def sessions(database: Database, name: str = "gridkeeper health") -> list[int]:
    async with database.connection() as connection:
        query = "select pid from pg_stat_activity where application_name = $1 and datname = current_database()"
        return [row["pid"] for row in await connection.fetch(query, name)]


class Stalling:
    """A wire to the database's socket that can stop carrying bytes."""

    def __init__(self, url: str) -> None:
        self._path = f"{parse_qs(urlsplit(url).query)['host'][0]}/.s.PGSQL.5432"
        self._database = urlsplit(url).path
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        yield f"postgresql://gridkeeper@127.0.0.1:{server.sockets[0].getsockname()[1]}{self._database}?ssl=disable"
        server.close()
        # What was accepted a moment ago becomes a task first, and what is aborted is closed a turn later.
        await asyncio.sleep(0.05)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.05)

    def stall(self) -> None:
        self._flows.clear()

    def flow(self) -> None:
        self._flows.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._carry(reader, writer)))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inside, outside = await asyncio.open_unix_connection(self._path)
            try:
                await asyncio.gather(self._pump(reader, outside), self._pump(inside, writer))
            finally:
                outside.transport.abort()
        finally:
            writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self._flows.wait()
            sink.write(data)
            await sink.drain()
        sink.close()


async def test_a_migrated_database_is_usable(database_url: str) -> None:
    async with opened(database_url) as database, database.connection() as connection:
        await claim_origin(connection, Origin.SANDBOX)
    async with probing(database_url) as probe:
        state = await probe.look()
    assert state.usable
    assert (state.schema.found, state.level.found.partition(",")[0]) == (revisions()[-1], "plain PostgreSQL")
    assert (state.origin.found, state.backlog) == ("sandbox", Backlog())
    assert state.database.seconds > 0


async def test_a_database_without_a_schema_answers_and_is_not_usable(empty_database_url: str) -> None:
    async with probing(empty_database_url) as probe:
        state = await probe.look()
    assert state.database.ok
    assert state.level.ok
    assert "run `gridkeeper migrate`" in state.schema.error
    assert (state.origin, state.backlog, state.usable) == (NOT_ASKED, None, False)


async def test_a_server_that_says_nothing_fails_the_first_check_and_ends_the_look() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me:se3cret@127.0.0.1:{silent.getsockname()[1]}/x?ssl=disable"
        async with probing(url, timeout=0.2) as probe:
            state = await probe.look()
    assert state.database.error == "no answer within 0.2 s"
    assert state.schema is NOT_ASKED


async def test_nobody_listening_is_told_without_the_password() -> None:
    async with probing("postgresql://me:se3cret@127.0.0.1:1/x") as probe:
        state = await probe.look()
    assert state.database.error
    assert "se3cret" not in repr(state)


async def test_a_database_that_hangs_is_noticed_and_found_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalling = Stalling(database_url)
    async with stalling.open() as url, probing(url, timeout=1.0) as slow:
        probe = await fresh(slow, monkeypatch)
        assert (await probe.look()).usable
        stalling.stall()
        assert (await probe.look()).database.error == "no answer within 1 s"
        assert (await probe.look()).database.error == "no answer within 1 s"
        stalling.flow()
        assert (await probe.look()).usable


async def test_a_session_that_was_ended_is_replaced(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(database_url) as database, probing(database_url) as lasting:
        probe = await fresh(lasting, monkeypatch)
        await probe.look()
        [pid] = await sessions(database)
        async with database.connection() as connection:
            await connection.fetchval("select pg_terminate_backend($1, 5000)", pid)
        states = [await probe.look() for _ in range(2)]
        assert states[-1].usable
        assert await sessions(database) != [pid]


async def test_however_many_ask_one_session_answers(database_url: str) -> None:
    async with opened(database_url) as database:
        async with probing(database_url) as probe:
            states = await asyncio.gather(*(probe.look() for _ in range(50)))
            assert len({id(state) for state in states}) == 1
            assert await probe.look() is states[0]
            assert len(await sessions(database)) == 1
        async with asyncio.timeout(60):
            while await sessions(database):  # noqa: ASYNC110  the server tells nobody that a session has ended
                await asyncio.sleep(0.02)


async def test_a_caller_that_goes_away_leaves_the_look_to_the_others(database_url: str) -> None:
    async with probing(database_url) as probe:
        leaving, staying = asyncio.create_task(probe.look()), asyncio.create_task(probe.look())
        await asyncio.sleep(0)
        leaving.cancel()
        assert (await staying).usable


async def test_locked_tables_of_alerts_are_noticed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(database_url) as database, probing(database_url, timeout=0.5) as probe:
        async with database.transaction() as connection:
            await connection.execute("lock table alerts, rule_states, notifications in access exclusive mode")
            state = await (await fresh(probe, monkeypatch)).look()
        assert state.usable
        assert (state.alerting.error, state.alerts) == ("no answer within 0.5 s", None)
        assert (await probe.look()).alerts == AlertCounts()


async def test_alerts_that_are_held_back_are_counted_apart(database_url: str) -> None:
    async with opened(database_url) as database, probing(database_url) as probe:
        async with database.connection() as connection:
            await connection.execute(
                "insert into alerts (rule, labels, severity, phase, since, seen_at, suppressed) values"
                " ('a', '{}', 'info', 'firing', now(), now(), ''),"
                " ('b', '{}', 'info', 'firing', now(), now(), 'inhibited by a')"
            )
        state = await probe.look()
    assert state.alerts == AlertCounts(firing=1, held_back=1)
    assert state.alerting.found == "1 firing, 1 held back, 0 messages waiting"


async def test_the_backlog_of_the_token_is_told(database_url: str) -> None:
    settings = EntsoeSettings(token=SecretStr("abc"), requests_per_minute=60, burst=1)
    async with opened(database_url) as database:
        probe = DatabaseHealthCheck.of(database.address, settings, timeout=WebSettings().check_timeout)
        budget = PostgresBudget(database, probe._token_id, requests_per_minute=60, burst=1)
        await budget.block(SystemClock().now() + timedelta(seconds=1000))
        state = await probe.look()
        await probe.close()
    assert state.backlog is not None
    assert 500 < state.backlog.blocked <= 1000


async def test_the_state_of_the_pool_is_told(database_url: str) -> None:
    async with opened(database_url, pool_size=3) as database, database.connection():
        pool = pool_state(database)
    assert (pool.size, pool.used) == (3, 1)


async def test_the_server_answers_on_a_free_port_with_a_date() -> None:
    service = Service()
    async with serve_http(create_app(service.probes()), ANY_PORT) as url, httpx.AsyncClient() as client:
        found = await client.get(f"{url}/health/live")
    assert found.status_code == 200
    assert "date" in found.headers
    assert "server" not in found.headers
    assert service.database.closed


async def test_a_name_of_the_machine_can_be_listened_on() -> None:
    settings = WebSettings(host="localhost", port=0)
    async with serve_http(create_app(Service().probes()), settings) as url, httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/metrics")).status_code == 200


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
async def test_an_address_of_the_sixth_version_is_written_in_brackets() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")
    settings = WebSettings(host="::1", port=0)
    async with serve_http(create_app(Service().probes()), settings) as url, httpx.AsyncClient() as client:
        assert url.startswith("http://[::1]:")
        assert (await client.get(f"{url}/health/live")).status_code == 200


async def test_a_port_that_is_taken_is_told_with_its_settings() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} .*in use.*GRIDKEEPER_WEB__PORT"):
            async with serve_http(create_app(Service().probes()), WebSettings(port=port)):
                pass


async def test_a_host_that_is_not_ours_is_told_with_its_settings() -> None:
    with pytest.raises(ConfigurationError, match=r"cannot listen on no\.such\.invalid .*GRIDKEEPER_WEB__HOST"):
        async with serve_http(create_app(Service().probes()), WebSettings(host="no.such.invalid", port=0)):
            pass


async def test_the_server_leaves_signals_to_the_service() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    async with serve_http(create_app(Service().probes()), ANY_PORT):
        assert {number: signal.getsignal(number) for number in before} == before


class Slow:
    """A route that answers when it is let go."""

    def __init__(self, app: FastAPI) -> None:
        self.asked, self.let_go = asyncio.Event(), asyncio.Event()

        @app.get("/slow")
        async def slow() -> PlainTextResponse:
            self.asked.set()
            await self.let_go.wait()
            return PlainTextResponse("done")


async def test_an_answer_under_way_is_finished_before_the_server_stops() -> None:
    app = create_app(Service().probes())
    slow = Slow(app)
    async with httpx.AsyncClient() as client:
        async with serve_http(app, WebSettings(port=0, shutdown_seconds=30)) as url:
            asking = asyncio.create_task(client.get(f"{url}/slow"))
            await slow.asked.wait()
            asyncio.get_running_loop().call_later(0.2, slow.let_go.set)
        assert (await asking).text == "done"


async def test_an_answer_that_never_comes_does_not_keep_the_server() -> None:
    app = create_app(Service().probes())
    slow = Slow(app)
    async with httpx.AsyncClient() as client:
        async with serve_http(app, WebSettings(port=0, shutdown_seconds=0)) as url:
            asking = asyncio.create_task(client.get(f"{url}/slow"))
            await slow.asked.wait()
        await asyncio.gather(asking, return_exceptions=True)
        assert asking.done()


async def test_a_client_that_says_nothing_does_not_keep_the_server() -> None:
    async with serve_http(create_app(Service().probes()), ANY_PORT) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}/health/live")).status_code == 200
    assert await reader.read() == b""
    writer.close()


async def test_an_answer_that_breaks_off_is_logged_and_its_connection_closed() -> None:
    app = create_app(Service().probes())

    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError("no more")

    @app.get("/half")
    async def broken() -> StreamingResponse:
        return StreamingResponse(half())

    with capture_logs() as logs:
        async with serve_http(app, ANY_PORT) as url, httpx.AsyncClient() as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(f"{url}/half")
            assert (await client.get(f"{url}/health/live")).status_code == 200
    assert "request_failed" in [log["event"] for log in logs]


def service_settings(url: str, folder: Path, port: int) -> Settings:
    (folder / "plan.yaml").write_text("jobs: {}\n")
    return Settings(
        data_dir=folder,
        sandbox=True,
        database=DatabaseSettings(url=SecretStr(url)),
        collection=CollectionSettings(areas=("FR",), items=("load_actual",)),
        scheduler=SchedulerSettings(plan_file=folder / "plan.yaml", drain_seconds=5, tick=0.2),
        web=WebSettings(port=port),
    )


async def test_the_service_tells_its_health_and_counts_what_it_collects(database_url: str, tmp_path: Path) -> None:
    port, stop = free_port(), asyncio.Event()
    settings = service_settings(database_url, tmp_path, port)
    running = asyncio.create_task(serve(settings, lambda _text: None, stop, (http_side,)))
    address = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient() as client:
        ready = (
            await answered(client, f"{address}/health/ready", lambda found: '"role":"leader"' in found.text)
        ).json()
        stored = 'gridkeeper_collection_values_total{area="FR",change="new",item="load_actual"}'
        metrics = (await answered(client, f"{address}/metrics", lambda found: stored in found.text)).text
        live = await client.get(f"{address}/health/live")
    stop.set()
    await running
    assert (ready["origin"]["found"], ready["schema"]["found"]) == ("sandbox", revisions()[-1])
    assert live.json()["status"] == "alive"
    assert "gridkeeper_scheduler_leader 1.0" in metrics
    assert quote(database_url) not in metrics
    assert "sandbox-token" not in metrics


async def test_the_service_does_not_run_without_its_port(database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = service_settings(database_url, tmp_path, taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match="GRIDKEEPER_WEB__PORT"):
            await serve(settings, lambda _text: None, asyncio.Event(), (http_side,))
