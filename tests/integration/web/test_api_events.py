"""Events over the REST API: what writes them, the order in which they are given, and readers who come and go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.access.models import AccessScope
from app.db.engine import Database
from app.errors import Gone
from app.events.models import EventPlace
from app.events.repository import EventLog
from app.events.schemas import DATA_OF, EventResource
from app.web.api.cursors import encode_cursor
from app.web.problem_types import ProblemType
from tests.support.api_factory import ADMINISTRATOR, ServedApi, served_api
from tests.support.change_mirror import holds_no_connection
from tests.support.store_factory import DE_LU, FR, block, key, opened

# What the program does with these tables, as far as somebody is told of it.
HAPPENING = (
    "insert into job_runs (job, scheduled_for, trigger, kind, next_attempt_at) values ('live', now(), 'api', 'collect', now())",
    "update job_runs set outcome = 'running', attempt = 1, started_at = now(), next_attempt_at = null",
    "update job_runs set lateness = 1",
    "update job_runs set outcome = 'failed', finished_at = now(), error = 'no answer'",
    "insert into scheduler_jobs (id, next_run_time, job_state) values ('live', 0, 'a')",
    "update scheduler_jobs set next_run_time = 1",
    "update scheduler_jobs set paused = true",
    "update scheduler_jobs set paused = false",
    "update scheduler_jobs set job_state = 'b'",
    "delete from scheduler_jobs",
    "insert into backfills (description, reprocess, newest_first, concurrency) values ('load', 'all', true, 1)",
    "update backfills set failures_in_row = 1",
    "update backfills set held_until = now()",
    "update backfills set held_until = null, paused_at = now()",
    "update backfills set paused_at = null, finished_at = now()",
    "update backfills set finished_at = null, cancelled_at = now()",
    "insert into alerts (rule, labels, severity, phase, since, seen_at) values ('r', '{\"area\": \"FR\"}', 'info', 'firing', now(), now())",
    "insert into alert_events (alert_id, rule, at, kind, severity, notified) select alert_id, 'r', now(), 'fired', 'info', true from alerts",
    """
    insert into quality_findings (
        series_id, dimension, rule, interval_start, interval_end, affected, score, severity, first_seen, last_seen, state_since
    ) select series_id, 'validity', 'spike', now(), now() + interval '1 h', 1, 2, 'warning', now(), now(), now() from series
    """,
    "update quality_findings set last_seen = now() + interval '1 s'",
    "update quality_findings set state = 'accepted'",
    "delete from quality_findings",
)
MONITORED = (
    """
    insert into websites (
        url, url_key, name, check_interval, method, timeout_seconds, failures, successes, labels, created_at, updated_at
    ) values ('https://a', 'https://a', 'Shop', 60, 'GET', 30, 2, 2, '{"group": "web"}', now(), now())
    """,
    """
    insert into website_states (website_id, status, changed_at, latest_at, due_at, unknown)
    select website_id, 'unknown', now(), now(), now(), true from websites
    """,
    "update website_states set status = 'up', unknown = false",
    "update website_states set checked_at = now()",
    "update website_states set status = 'down', reason = 'refused'",
    "insert into website_windows (website_id, kind, started_at) select website_id, 'down', now() from websites",
    "update website_windows set note = 'provider informed'",
    "update website_windows set ended_at = now() + interval '1 h'",
    "update websites set enabled = false, updated_at = now() + interval '1 s'",
    "update website_states set status = 'unknown'",
    "insert into website_maintenance (name, starts_at, duration, created_at, planned_until) values ('Move', now(), '1 h', now(), now())",
    "update website_maintenance set removed_at = now()",
    "update websites set deleted_at = now()",
    "insert into interface_services (name, interval_seconds, created_at) values ('shop', 900, now())",
    """
    insert into interface_operations (service_id, method, origin, path, status_since)
    select service_id, 'GET', 'https://a', path, now() from interface_services, unnest(array['/a', '/b', '/c']) as path
    """,
    "update interface_operations set status = 'pending'",
    "update interface_operations set status = case when path = '/c' then 'up' else 'down' end",
    "update interface_operations set status = 'down' where path = '/c'",
    "update interface_operations set status = 'up'",
    "insert into interface_cycles (service_id, started_at, due_at, trigger, outcome) select service_id, now(), now(), 'clock', 'running' from interface_services",
    "update interface_cycles set outcome = 'completed', finished_at = now(), checked = 3",
    "update interface_services set auth_problem = 'no token', auth_failing_since = now()",
    "update interface_services set scanned_at = now()",
    """
    insert into interface_changes (service_id, at, kind, method, path, breaking)
    select service_id, now(), 'added', 'GET', '/d', false from interface_services
    """,
)
TOLD = [
    ("changes", "stored"),
    ("runs", "queued"), ("runs", "running"), ("runs", "failed"),
    ("jobs", "added"), ("jobs", "paused"), ("jobs", "resumed"), ("jobs", "changed"), ("jobs", "removed"),
    ("backfills", "queued"), ("backfills", "held"), ("backfills", "paused"), ("backfills", "completed"),
    ("backfills", "cancelled"),
    ("alerts", "fired"),
    ("findings", "open"), ("findings", "accepted"), ("findings", "removed"),
]  # fmt: skip
TOLD_OF_MONITORS = [
    ("websites", "added"), ("websites", "up"), ("websites", "down"), ("websites", "window_opened"),
    ("websites", "window_noted"), ("websites", "window_closed"), ("websites", "paused"),
    ("websites", "maintenance_planned"), ("websites", "maintenance_ended"), ("websites", "removed"),
    ("services", "added"), ("services", "failing"), ("services", "changed"), ("services", "recovered"),
    ("services", "cycle_completed"), ("services", "auth_failing"),
    ("interfaces", "added"),
]  # fmt: skip


async def happen(database: Database, *statements: str) -> None:
    async with database.transaction() as connection:
        for statement in statements:
            await connection.execute(statement)


@dataclass
class Reader:
    """A client of the stream."""

    lines: AsyncIterator[str]
    last_id: str = ""

    async def next(self) -> dict[str, Any]:
        """The next event; the id of what is none counts too."""
        event: dict[str, Any] = {}
        async for line in self.lines:
            name, _, value = line.partition(": ")
            if name == "id":
                self.last_id = value
            elif name == "event":
                event["event"] = value
            elif name == "data":
                event |= json.loads(value)
            elif not line and event:
                return event
        raise EOFError

    async def take(self, number: int) -> list[tuple[str, str]]:
        async with asyncio.timeout(30):
            found = [await self.next() for _ in range(number)]
        assert all(one["event"] == one["topic"] for one in found)
        return [(one["topic"], one["kind"]) for one in found]

    async def ready(self) -> None:
        """Return when the stream has begun."""
        async for line in self.lines:
            if line.startswith("id: "):
                self.last_id = line.removeprefix("id: ")
                return


@asynccontextmanager
async def reading(client: httpx.AsyncClient, last_id: str = "", **asked: Any) -> AsyncIterator[Reader]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with client.stream("GET", "/events", params=asked, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        reader = Reader(answer.aiter_lines())
        await reader.ready()
        yield reader


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    async with served_api(database_url, api={"streams_per_key": 3}) as served:
        yield served


async def test_every_topic_is_told_with_its_data_by_the_transaction_that_did_it(api: ServedApi) -> None:
    database, log = api.container.database(), EventLog(api.container.database())
    begin = await log.end()
    await api.container.storage().time_series().store([block([1, 2])])
    await happen(database, *HAPPENING, *MONITORED)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await happen(database, HAPPENING[0].replace("live", "undone"), "select 1 / 0")
    page = await log.read(begin)
    assert [(one.topic, one.kind) for one in page.events] == TOLD + TOLD_OF_MONITORS
    told = [EventResource.of(one) for one in page.events]
    changes, finding = told[0], told[17]
    assert (changes.item, changes.area, changes.area_eic) == ("load_actual", "DE_LU", DE_LU)
    assert changes.data.model_dump()["series"] == [1]
    assert (finding.area, told[1].item) == ("DE_LU", None)
    assert told[14].data.model_dump()["labels"] == {"area": "FR"}
    opened, failing = told[21].data.model_dump(), told[29].data.model_dump()
    assert (opened["website"], opened["group"], opened["window"]) == ("Shop", "web", "down")
    assert (failing["service"], failing["failing"], failing["operations_down"]) == ("shop", 2, 2)
    assert {type(one.data) for one in told} == set(DATA_OF.values())


async def test_a_reader_who_comes_back_to_another_replica_misses_nothing(api: ServedApi, database_url: str) -> None:
    async with api.client() as client, reading(client, topics="runs,findings") as reader:
        await api.container.storage().time_series().store([block([1])])
        assert await holds_no_connection(api.container.database())
        await happen(api.container.database(), *HAPPENING[:3])
        assert await reader.take(2) == [("runs", "queued"), ("runs", "running")]
    await happen(api.container.database(), *HAPPENING[3:])
    async with served_api(database_url) as other, other.client() as client:
        async with reading(client, reader.last_id, topics=["runs", "findings"]) as second:
            assert await second.take(4) == [("runs", "failed"), *TOLD[-3:]]
        async with reading(client, after=second.last_id) as third:
            await happen(other.container.database(), "insert into scheduler_jobs (id, job_state) values ('b', 'a')")
            assert await third.take(1) == [("jobs", "added")]


async def test_an_event_waits_for_transactions_that_began_before(database_url: str) -> None:
    async with opened(database_url) as database:
        log = EventLog(database)
        begin = await log.end()
        async with database.transaction() as early:
            await early.execute("select pg_current_xact_id()")
            await happen(database, HAPPENING[0])
            held_up, held = await log.look(begin)
            assert (list(held.events), held_up) == ([], True)
            await early.execute(HAPPENING[4])
        assert [one.topic for one in (await log.read(held.place)).events] == ["jobs", "runs"]


async def test_an_id_that_is_kept_no_longer_is_gone(api: ServedApi) -> None:
    log = EventLog(api.container.database())
    await happen(api.container.database(), HAPPENING[0])
    first = await log.end()
    await happen(api.container.database(), HAPPENING[4])
    now = datetime.now(UTC)
    assert await log.erase(now + timedelta(days=1)) == 1
    assert list((await log.read(await log.end())).events) == []
    with pytest.raises(Gone, match="GRIDKEEPER_API__EVENTS_DAYS"):
        await log.read(first)
    async with api.client() as client:
        answer = await client.get("/events", headers={"Last-Event-ID": encode_cursor(first.numbers)})
        assert (answer.status_code, answer.json()["type"]) == (410, ProblemType.GONE.uri)
        head = await client.head("/events")
        assert (head.status_code, head.headers["content-type"][:17]) == (200, "text/event-stream")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"topics": "runs,alert"}, "did you mean alerts"),
        ({"after": "nonsense"}, "hand back the `id`"),
        ({"after": encode_cursor([1, 1, 2**62])}, "no id"),
    ],
)
async def test_what_is_wrong_with_what_is_asked(api: ServedApi, asked: dict[str, str], said: str) -> None:
    async with api.client() as client:
        answer = await client.get("/events", params=asked)
    assert (answer.status_code, answer.json()["type"]) == (422, ProblemType.INVALID_REQUEST.uri)
    assert said in answer.json()["detail"]


async def test_a_limited_key_is_told_of_its_own_values(api: ServedApi) -> None:
    async with api.client(await api.key(AccessScope.READ, areas=(FR,))) as client, reading(client) as reader:
        await happen(api.container.database(), HAPPENING[0])
        await api.container.storage().time_series().store([block([1])])
        await api.container.storage().time_series().store([block([1], key(area=FR))])
        event = await reader.next()
    assert (event["topic"], event["area"]) == ("changes", "FR")


async def test_a_stream_and_a_wait_end_with_their_key(api: ServedApi) -> None:
    store = api.container.storage().time_series()
    async with api.client(await api.key(AccessScope.READ, name="leaving")) as client, reading(client) as reader:
        end = (await client.get("/changes", params={"after": "now"})).json()["next"]
        waiting = asyncio.create_task(client.get("/changes", params={"after": end, "wait": 30}))
        await asyncio.sleep(0)
        await api.access.revoke("leaving", ADMINISTRATOR)
        api.access._found.clear()  # what is believed for a second without looking
        await store.store([block([1])])
        assert (await waiting).status_code == 401
        assert [line async for line in reader.lines if line.startswith("data")] == []


async def opened_again(client: httpx.AsyncClient) -> httpx.Response:
    """A stream in the place of one whose end the server has noticed."""
    async with asyncio.timeout(20):
        while True:
            answer = await client.send(client.build_request("GET", "/events"), stream=True)
            if answer.status_code == 200:
                return answer
            await answer.aclose()
            await asyncio.sleep(0.05)


async def test_streams_are_limited_and_end_with_the_service(database_url: str) -> None:
    async with served_api(database_url, api={"streams_per_key": 2}) as api, api.client() as client:
        async with reading(client), reading(client):
            refused = await client.get("/events")
            assert (refused.status_code, "STREAMS_PER_KEY" in refused.json()["detail"]) == (429, True)
        answer = await opened_again(client)
        await api.container.storage().notices().close()
        async with asyncio.timeout(20):
            assert (await answer.aread()).startswith(b"retry: ")


def test_an_id_is_a_place_and_back() -> None:
    place = EventPlace(7, 9, datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC))
    assert EventPlace.of(place.numbers) == place
