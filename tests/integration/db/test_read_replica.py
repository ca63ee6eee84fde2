"""Reads of API, pages and reports on a real streaming replica: while it is fresh, late, lost, and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from app.access.models import AccessScope
from app.db.embedded import EmbeddedServer
from app.db.engine import Database
from app.db.reading.context import AllowedReads, read_twice, reading
from app.db.reading.database import ReadDatabase, ReplicaState, reads_of, replica_of
from app.errors import ConfigurationError, DatabaseUnavailable, ReplicaLost
from app.market.time import iso
from app.settings import DatabaseSettings
from app.timeseries.repository import TimeSeriesRepository
from app.web.read_policy import WROTE
from tests.support.api_factory import ServedApi, served_api
from tests.support.store_factory import DE_LU, block, hour, hours, opened
from tests.support.streaming_replica import StreamingReplica

pytestmark = pytest.mark.xdist_group("streaming replica")
PATIENCE = 60.0
SERVER = "select pg_is_in_recovery()"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica of a busy machine is slow and not away; one that was killed says so at once."""
    monkeypatch.setattr("app.db.reading.database.ANSWER_WITHIN", PATIENCE)


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


async def test_what_is_no_replica_of_the_database_answers_nothing(
    database_url: str, read_url: str, replica: StreamingReplica
) -> None:
    async with opened(database_url) as primary:
        for url, problem in (
            (database_url, "it is no standby, but a primary itself"),
            (replica.url("postgres"), "it is no replica of the database of GRIDKEEPER_DATABASE__URL"),
            (replica.url("nobody_has_this"), 'it does not answer: database "nobody_has_this" does not exist'),
        ):
            async with reads(primary, database_url, url) as database:
                assert database.state == ReplicaState(database.name, 3600, None, problem)
                assert not await by_replica(database)
        assert replica_of(primary) is None
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
        await store.store([block([3.0])])
        assert await value_shown(api, key) == 3.0
        replica.start()
        assert await values(found, api.container.database(), await caught_up(found)) == [3.0]
