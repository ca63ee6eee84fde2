"""Reads of API, pages and reports on a real streaming replica: while it is fresh, late, lost, and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from pyarrow import parquet
from structlog.testing import capture_logs

from app.access.models import AccessScope
from app.alerting.evaluation.evaluator import RuleEvaluator
from app.alerting.evaluation.query_runner import PostgresRunner
from app.alerting.rules.book import read_book
from app.cli.data.export_writing import export_values
from app.db.embedded import EmbeddedServer
from app.db.engine import Database
from app.db.reading.context import AllowedReads, read_twice, reading
from app.db.reading.database import ReadDatabase, reads_of, replica_of
from app.db.reading.state import NOT_KNOWN, ReplicaState
from app.errors import ConfigurationError, DatabaseUnavailable, ReplicaLost
from app.market.series import DataItem
from app.market.time import iso
from app.settings import DatabaseSettings, Settings
from app.timeseries.query import SeriesQuery, read_shaped
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.shape import Shaped
from app.web.read_policy import WROTE
from app.wiring.container import Container
from tests.support.api_factory import ServedApi, served_api
from tests.support.store_factory import DE_LU, block, hour, hours, opened
from tests.support.streaming_replica import StreamingReplica

pytestmark = pytest.mark.xdist_group("streaming replica")
PATIENCE = 60.0
SERVER = "select pg_is_in_recovery()"
_END_READS = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'gridkeeper' and state = 'idle in transaction'
"""
_PUT_FORWARD = """
    update service_metrics set read_replica_away_seconds = read_replica_away_seconds + $1
    where read_replica_away_seconds > 0 and read_replica_problem like 'it does not answer: %'
"""


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica of a busy machine is slow and not away; one that was killed says so at once."""
    for bound in ("CONNECT_WITHIN", "ANSWER_WITHIN", "HANG_FOR"):
        monkeypatch.setattr(f"app.db.reading.database.{bound}", PATIENCE)
    monkeypatch.setattr("app.db.reading.database.LOOK_EACH", 0.2)


@pytest.fixture(scope="module")
def replica(postgres_server: EmbeddedServer, make_folder: Callable[[], Path]) -> Iterator[StreamingReplica]:
    found = StreamingReplica(postgres_server, make_folder())
    found.start()
    yield found
    found.kill()


@pytest.fixture
def read_url(replica: StreamingReplica, database_url: str) -> str:
    """The database of the test on the replica, where it has arrived."""
    found, deadline = replica.url_like(database_url), time.monotonic() + PATIENCE
    while True:
        try:
            with psycopg.connect(found):
                return found
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@asynccontextmanager
async def reads(primary: Database, primary_url: str, url: str, max_lag: float = 3600) -> AsyncIterator[ReadDatabase]:
    settings = DatabaseSettings.model_validate({"url": primary_url, "read_url": url, "read_max_lag": max_lag})
    async with reads_of(settings, primary) as found:
        assert isinstance(found, ReadDatabase)
        yield found


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def by_replica(database: Database, wanted: AllowedReads | None = None) -> bool:
    """Whether the replica answers a read."""
    with reading(wanted or AllowedReads()):
        async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
            return bool(await connection.fetchval(SERVER))


async def caught_up(database: Database) -> AllowedReads:
    """Waits until the replica has what was committed before; gives who must see that."""
    since = time.monotonic()
    while not await by_replica(database, AllowedReads(since=since)):
        assert time.monotonic() < since + PATIENCE
        await asyncio.sleep(0.05)
    return AllowedReads(since=since)


async def values(database: Database, primary: Database, wanted: AllowedReads, *, as_of: bool = False) -> list[float]:
    repository = TimeSeriesRepository(database, writers=primary)
    instant = None
    if as_of:
        async with primary.connection() as connection:
            instant = await connection.fetchval("select clock_timestamp()")
    with reading(wanted):
        found = repository.read(items=["load_actual"], areas={DE_LU: hours(0, 24)}, as_of=instant)
        return [float(value) async for batch in found for value in batch.values]


async def test_a_replica_answers_what_is_fresh_enough(
    database_url: str, read_url: str, replica: StreamingReplica
) -> None:
    async with opened(database_url) as primary, reads(primary, database_url, read_url) as database:
        store = TimeSeriesRepository(primary)
        await store.store([block([1.0])])
        assert await values(database, primary, await caught_up(database)) == [1.0]
        async with database.connection() as connection:
            assert not await connection.fetchval(SERVER), "who was not allowed a replica reads what is so now"
        assert not await by_replica(database, AllowedReads(primary=True))

        with replica.paused():
            await store.store([block([2.0])])
            assert await values(database, primary, AllowedReads()) == [1.0], (
                "within the bound the replica may be behind"
            )
            assert await values(database, primary, AllowedReads(since=time.monotonic())) == [2.0]
            assert await values(database, primary, AllowedReads(), as_of=True) == [2.0], "as of an instant is exact"
            seen = AllowedReads(since=time.monotonic())
            assert not await by_replica(database, seen)
            assert not await by_replica(database, seen), "nobody goes back to an older state"
            database.note_write()
            assert await values(database, primary, AllowedReads()) == [2.0], "who wrote sees it"
            async with reads(primary, database_url, read_url) as later:
                assert later.state.problem == NOT_KNOWN
                assert not await by_replica(later), "a process sees what was there before it, for one a migration"

            async with reads(primary, database_url, read_url, max_lag=1) as strict:
                await store.store([block([3.0])])
                await until(lambda: "more than 1 s behind" in strict.state.problem)
                assert await values(strict, primary, AllowedReads()) == [3.0]
                assert strict.state.text.startswith(
                    f"{strict.name}: the primary answers reads, because it is more than 1 s"
                )
        assert await values(database, primary, await caught_up(database)) == [3.0]
        await until(lambda: (database.state.lag or 99) < 60)


async def test_a_read_that_the_replica_ends_is_read_from_the_primary(
    database_url: str, read_url: str, replica: StreamingReplica
) -> None:
    async with opened(database_url) as primary, reads(primary, database_url, read_url) as database:
        async with primary.connection() as connection:
            await connection.execute("create table numbers as select generate_series(1, 1000) as number")
        answered: list[bool] = []

        async def slow_read() -> int:
            async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
                answered.append(await connection.fetchval(SERVER))
                found: int = await connection.fetchval("select count(*) from numbers")
                if answered[-1]:
                    async with primary.connection() as writer:
                        await writer.execute("delete from numbers where number > 500")
                        await writer.execute("vacuum (freeze) numbers")
                    async with asyncio.timeout(PATIENCE):
                        while True:  # until what was vacuumed is replayed, which this read is in the way of
                            await connection.fetchval("select count(*) from numbers")
                            await asyncio.sleep(0.02)
                return found

        with reading(await caught_up(database)):
            assert await read_twice(slow_read) == 500
        assert answered == [True, False]
        await until(lambda: database.state.used)

        async def too_slow() -> None:
            async with database.transaction(readonly=True) as connection:
                await connection.execute("set local statement_timeout = 50")
                await connection.fetchval("select pg_sleep(60)")

        with pytest.raises(DatabaseUnavailable, match="timeout") as raised, reading(await caught_up(database)):
            await read_twice(too_slow)
        assert not isinstance(raised.value, ReplicaLost), "it would take as long on the primary"

        async def cut_read() -> bool:
            async with database.connection() as connection:
                found: bool = await connection.fetchval(SERVER)
                answered.append(found)
                if found:
                    with replica.connected("postgres") as other:
                        other.execute("select pg_terminate_backend(%s)", [connection.get_server_pid()])
                    async with asyncio.timeout(PATIENCE):
                        while True:
                            await connection.fetchval("select pg_sleep(0.02)")
                return found

        with pytest.raises(ReplicaLost, match="in the middle of a read"), reading(await caught_up(database)):
            await cut_read()
        with reading(await caught_up(database)):
            assert not await read_twice(cut_read)


async def test_a_file_is_begun_anew_where_the_replica_ends_its_export(
    database_url: str, read_url: str, replica: StreamingReplica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by: list[bool] = []

    async def ended(repository: TimeSeriesRepository, query: SeriesQuery) -> AsyncIterator[Shaped]:
        async with aclosing(read_shaped(repository, query)) as found:
            async for shaped in found:
                with replica.connected("postgres") as other:
                    reading_there = other.execute(_END_READS).fetchall()
                by.append(bool(reading_there))
                yield shaped

    monkeypatch.setattr("app.cli.data.export_writing.read_shaped", ended)
    chosen = {"database": {"url": database_url, "read_url": read_url, "read_max_lag": 3600}}
    async with opened(database_url) as primary, reads(primary, database_url, read_url) as database:
        areas = {DE_LU: hours(0, 24)}
        await TimeSeriesRepository(primary).store([block([1.0, 2.0])])
        wiring = Container(
            settings=Settings.model_validate(chosen), database=primary, reading=database, echo=lambda _text: None
        )
        query, path = SeriesQuery({DataItem.LOAD_ACTUAL: areas}), tmp_path / "x.parquet"
        with reading(await caught_up(database)):
            assert await export_values(wiring, query, "parquet", None, path, wide=False) == (2, 0)
    assert by == [True, False]
    assert parquet.read_table(path).num_rows == 2


async def test_nobody_waits_for_a_replica_that_hangs(
    database_url: str, read_url: str, replica: StreamingReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.reading.database.CONNECT_WITHIN", 1.0)
    async with opened(database_url) as primary:
        async with reads(primary, database_url, read_url) as database:
            wanted = await caught_up(database)
            answered = []

            async def read_while_it_hangs() -> bool:
                async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
                    answered.append(await connection.fetchval(SERVER))
                    hanging.set()
                    await hung.wait()
                    return bool(await connection.fetchval(SERVER))

            async def under_way() -> bool:
                with reading(AllowedReads(since=wanted.since)):
                    return await read_twice(read_while_it_hangs)

            hanging, hung = asyncio.Event(), asyncio.Event()
            begun = asyncio.create_task(under_way())
            await hanging.wait()
            await asyncio.gather(*(by_replica(database, AllowedReads()) for _ in range(4)))
            monkeypatch.setattr("app.db.reading.database.ANSWER_WITHIN", 0.5)
            monkeypatch.setattr("app.db.reading.database.HANG_FOR", 0.1)
            with replica.frozen():
                hung.set()
                async with asyncio.timeout(PATIENCE):
                    assert not any(await asyncio.gather(*(by_replica(database) for _ in range(6))))
                    assert not database.state.used
                    assert not await begun
                    assert answered == [True, False], "what was under way is read from the primary"
            assert (database.pool_use()[0], primary.pool_use()[0]) == (0, 0)
            with capture_logs() as logged:
                await until(lambda: database.state.used)
            assert {one["event"] for one in logged} == {"read_replica_used"}
            assert await by_replica(database)
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(reads(primary, database_url, read_url))
            assert await by_replica(database, await caught_up(database))
            with replica.frozen():
                async with asyncio.timeout(
                    PATIENCE
                ):  # a goodbye to who does not answer would keep a process from its end
                    await stack.aclose()


async def test_what_is_no_replica_of_the_database_answers_nothing(
    database_url: str, read_url: str, replica: StreamingReplica
) -> None:
    async with opened(database_url) as primary:
        for url, problem in (
            (database_url, "it is no standby, but a primary itself"),
            (replica.url("postgres"), "it is no replica of the database of GRIDKEEPER_DATABASE__URL"),
            (replica.url("nobody_has_this"), 'it does not answer: database "nobody_has_this" does not exist'),
        ):
            with capture_logs() as logged:
                async with reads(primary, database_url, url) as database:
                    assert database.state == ReplicaState(database.name, 3600, None, problem)
                    assert not await by_replica(database)
            assert [(one["event"], one["problem"]) for one in logged] == [("read_replica_left", problem)]
        assert replica_of(primary) is None
        socket = parse_qs(urlsplit(database_url).query)["host"][0]
        of_all = f"{read_url.replace('host=', f'host={socket},')},5432"
        async with reads(primary, database_url, of_all) as database:
            assert await by_replica(database, await caught_up(database)), (
                "of all servers of a cluster it is the standby"
            )
        with pytest.raises(ConfigurationError, match="GRIDKEEPER_DATABASE__READ_URL: write # in a password"):
            async with reads(primary, database_url, "postgresql://a:b#c@replica/x"):
                pass


async def value_shown(api: ServedApi, key: str, **headers: str) -> float:
    async with api.client(key) as client:
        query = {"item": "load_actual", "area": "DE_LU", "from": iso(hour(0)), "to": iso(hour(1))}
        answer = await client.get("/observations", params=query, headers={**headers, "Accept": "application/json"})
        assert answer.status_code == 200, answer.text
        shown: float = answer.json()["data"][0]["value"]
        return shown


async def unused_replicas(api: ServedApi, *, away: float | None = None) -> list[str]:
    """For which replicas the shipped rule fires, after a sample of this process; `away` puts the clock forward."""
    await api.container.replica().resource_sampler().try_sample()
    async with api.container.database().connection() as connection:
        if away is not None:
            assert await connection.execute(_PUT_FORWARD, away) == "UPDATE 1"
        url = api.container.settings().database.url
    assert url is not None
    runner = PostgresRunner(lambda: {"gridkeeper": url.get_secret_value()})
    rule = read_book([]).checked().rules["read_replica_unused"]
    try:
        found = await RuleEvaluator(runner).evaluate(rule, datetime.now(UTC))
    finally:
        await runner.close()
    assert found.error == ""
    return [dict(signal.labels)["replica"] for signal in found.signals]


async def test_the_api_stays_up_while_the_replica_comes_and_goes(
    database_url: str, read_url: str, replica: StreamingReplica
) -> None:
    chosen = {"url": database_url, "read_url": read_url, "read_max_lag": 3600}
    async with served_api(database_url, database=chosen) as api:
        found = api.container.reading()
        assert isinstance(found, ReadDatabase)
        store, key = TimeSeriesRepository(api.container.database()), await api.key()
        await store.store([block([1.0])])
        await caught_up(found)
        assert await value_shown(api, key) == 1.0
        with replica.paused():
            await store.store([block([2.0])])
            # The key was made before the pause, so that only the value is behind.
            assert await value_shown(api, key) == 1.0
            assert await value_shown(api, key, **{"Cache-Control": "no-cache"}) == 2.0
            assert await value_shown(api, key, Cookie=f"{WROTE}=1") == 2.0
            operator = await api.key(AccessScope.OPERATE)
            assert await value_shown(api, key) == 1.0
            async with api.client(operator) as client:
                assert (await client.post("/quality/findings/1/recheck")).status_code in {200, 404}
                form = await client.post(f"{api.url}/sign-in", data={"key": "none"})
                assert f"{WROTE}=1; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax" in form.headers.get_list("set-cookie")
            assert await value_shown(api, key) == 2.0, "after a change nobody is shown the state before"

        admin = await api.key(AccessScope.ADMIN)
        async with api.client(admin) as client:
            await caught_up(found)
            told = (await client.get("/status")).json()["read_replica"]
            assert (told["used"], told["name"], told["problem"]) == (True, found.name, None)
            replica.kill()
            assert await value_shown(api, key) == 2.0
            await until(lambda: not found.state.used)
            for path in ("/series", "/quality/scores", "/reports/daily"):
                assert (await client.get(path)).status_code == 200
            told = (await client.get("/status")).json()["read_replica"]
            assert (told["used"], told["problem"][:18]) == (False, "it does not answer")
            page = await client.get(f"{api.url}/settings")
            assert "the primary answers reads" in page.text
            page = await client.get(f"{api.url}/settings?lang=de")
            assert "der Primärserver beantwortet Lesezugriffe; Grund: es antwortet nicht" in page.text
        assert await unused_replicas(api, away=200) == [found.name]
        await store.store([block([3.0])])
        assert await value_shown(api, key) == 3.0
        replica.start()
        assert await values(found, api.container.database(), await caught_up(found)) == [3.0]
        assert await unused_replicas(api) == []


async def test_a_replica_with_a_history_of_its_own_answers_nothing(
    database_url: str, read_url: str, replica: StreamingReplica
) -> None:
    """The last test of the replica, which is none afterwards."""
    async with opened(database_url) as primary, reads(primary, database_url, read_url) as database:
        await caught_up(database)
        replica.promote()
        with replica.connected(urlsplit(database_url).path.lstrip("/")) as other:
            other.execute("create table written_there as select generate_series(1, 10000)")
        assert not await by_replica(database, AllowedReads(since=time.monotonic()))
        await until(lambda: database.state.problem == "it is no standby, but a primary itself")
        replica.stand_by_alone()
        await until(lambda: database.state.problem.startswith("it is on timeline 2, the primary on 1"))
        assert not await by_replica(database)
