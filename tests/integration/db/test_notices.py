"""Notices of transactions, and the looks that they spare."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from app.db.engine import Database
from app.db.feed import notices as feed
from app.db.feed.notices import EVENTS, OUTBOX, Notices, Watch, watching
from app.settings import DatabaseSettings

END_LISTENERS = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'gridkeeper notices' and datname = current_database()
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(DatabaseSettings(), database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def notices(database: Database) -> AsyncIterator[Notices]:
    listener = Notices(database)
    yield listener
    await listener.close()


async def until(found: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not found():  # noqa: ASYNC110  what is waited for tells nobody
            await asyncio.sleep(0.01)


async def settled(notices: Notices, watch: Watch) -> None:
    """The listener is there, and what came before it is looked at."""
    await until(lambda: notices.listens)
    assert watch.due()
    assert not watch.due()


async def write(database: Database, *statements: str) -> None:
    async with database.transaction() as connection:
        for statement in statements:
            await connection.execute(statement)


def event(topic: str) -> str:
    return f"insert into events (topic, kind, data) values ('{topic}', 'x', '{{}}')"


async def test_a_watch_looks_after_a_notice_of_its_topics_and_spares_the_looks_between(
    database: Database, notices: Notices
) -> None:
    with watching(notices, EVENTS, "runs", "jobs") as runs, watching(notices, EVENTS) as everything:
        await settled(notices, runs)
        await settled(notices, everything)
        await write(database, event("findings"))
        await until(everything.due)
        assert not runs.due()
        await write(database, event("findings"), event("jobs"))
        await until(runs.due)
        assert not runs.due()


async def test_a_message_that_waits_is_told_of_when_it_is_new_and_when_it_waits_anew(
    database: Database, notices: Notices
) -> None:
    new = """
        insert into notifications (channel, group_key, recipients, severity, created_at, not_before)
        values ('mail', 'g', '{}', 1, now(), now())
    """
    with watching(notices, OUTBOX) as outbox:
        await settled(notices, outbox)
        await write(database, new)
        await until(outbox.due)
        await write(database, "update notifications set status = 'failed', ended_at = now()")
        await asyncio.sleep(0.1)
        assert not outbox.due()
        await write(database, "update notifications set status = 'waiting', ended_at = null")
        await until(outbox.due)


async def test_without_a_listener_and_after_a_look_that_failed_every_look_is_made(
    database: Database, notices: Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching(None, EVENTS) as blind:
        assert [blind.due(), blind.due()] == [True, True]
    monkeypatch.setattr(feed, "RETRY_SECONDS", 60.0)
    with watching(notices, EVENTS) as watch:
        await settled(notices, watch)
        watch.missed()
        assert [watch.due(), watch.due()] == [True, False]
        await write(database, END_LISTENERS)
        await until(lambda: not notices.listens)
        assert [watch.due(), watch.due()] == [True, True]
