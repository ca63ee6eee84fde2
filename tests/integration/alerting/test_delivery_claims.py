"""Who has a message: processes that are frozen with one, stopped with one, or taken along by one."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from app.alerting.delivery.decisions import DeliveryDecision
from app.alerting.delivery.models import DeliveryClaim
from app.alerting.delivery.repository import DeliveryRepository
from app.alerting.delivery.sharing import lane_key
from app.alerting.models import Severity
from app.db.engine import Database
from app.db.status import DatabaseHealthCheck
from app.settings import EntsoeSettings
from tests.support.delivery_factory import Post, Reply, a_post, event, receiving, webhooks

CRITICAL = Severity.CRITICAL
LEASE = timedelta(seconds=60)
CLAIMED = "select claimed_by, claimed_until is not null, progress ->> 'parts' from notifications"


def another(post: Post, name: str) -> Post:
    """Another process with the same channels and clock."""
    return Post(post.database, post.file.path, post.outlet, post.clock, name)


class Frozen(DeliveryRepository):
    """Stops between the answer of the receiver and the record of it, until another has taken the message over."""

    async def apply(self, claim: DeliveryClaim, decision: DeliveryDecision) -> bool:
        async with self._database.connection() as connection:
            await connection.execute("update notifications set claimed_by = 'two' where claimed_by = 'one'")
        return await super().apply(claim, decision)


class Late(DeliveryRepository):
    """Stands still for longer than its claim lasts as soon as it has one."""

    @property
    def lease(self) -> timedelta:
        return timedelta(0)


async def test_who_was_frozen_with_a_message_sends_no_further_part_of_it(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving(Reply(204, b"")) as receiver:
        monkeypatch.setenv("URL", receiver.url)
        async with a_post(database, folder, "channels: {chat: {type: discord, url: '${URL}/x'}}") as post:
            post.worker._repository = Frozen(database, "one", lease=LEASE)
            await post.tell(*(event(number, severity=CRITICAL) for number in range(200)))
            assert await post.deliver() == 0
            assert len(receiver.requests) == 1
            assert await post.rows(CLAIMED) == [("two", True, None)], "what becomes of it is for the other one to say"
            assert await another(post, "two").deliver(after=61) == 1
            keys = [request.headers["idempotency-key"] for request in receiver.requests]
            # The receiver knows by its key the part that came twice.
            assert (len(keys) - len(set(keys)), keys[0]) == (1, keys[1])


async def test_who_was_frozen_leaves_the_message_where_it_is_and_sends_nothing_late(
    database: Database, folder: Path
) -> None:
    text = "fallback: hook1"
    async with (
        receiving(Reply(400)) as picky,
        receiving() as other,
        a_post(database, folder, webhooks(picky, other, more="routes: [{channels: [hook0]}]\n" + text)) as post,
    ):
        await post.tell(event(1, severity=CRITICAL))
        post.worker._repository = Late(database, "one", lease=LEASE)
        assert await post.deliver() == 0
        assert picky.requests == []
        post.worker._repository = Frozen(database, "one", lease=LEASE)
        assert await post.deliver(after=61) == 0
        assert await post.rows("select channel, claimed_by from notifications") == [("hook0", "two")]
        assert (len(picky.requests), other.requests) == (1, [])


async def test_who_is_stopped_with_a_message_gives_it_back_at_once(database: Database, folder: Path) -> None:
    async with (
        receiving(Reply(hangs=True), Reply()) as receiver,
        a_post(database, folder, webhooks(receiver)) as post,
    ):
        await post.tell(event(1, severity=CRITICAL))
        sending = asyncio.create_task(post.worker.send_lane(lane_key(("hook0", True))))
        async with asyncio.timeout(30):
            while not receiver.requests:  # noqa: ASYNC110  a receiver tells nobody
                await asyncio.sleep(0.01)
        sending.cancel()
        await asyncio.wait([sending])
        assert await another(post, "two").deliver() == 1
        first, second = receiver.requests
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


async def test_a_message_that_takes_its_process_along_each_time_is_given_up_and_told_of(
    database: Database, folder: Path
) -> None:
    more = "routes: [{channels: [hook0]}]\nfallback: hook1"
    async with (
        receiving(Reply(503), Reply()) as first,
        receiving() as second,
        a_post(database, folder, webhooks(first, second, more=more)) as post,
    ):

        async def dies(times: int) -> None:
            for _ in range(times):
                post.clock.set(post.clock.now() + LEASE)
                assert await post.repository.claim("hook0", 30, post.clock.now(), critical=True)

        await post.tell(event(1, severity=CRITICAL))
        await dies(4)
        await post.deliver(after=60)
        assert await post.rows("select lost, status from notifications") == [(4, "waiting")]
        # Whoever came to an end with it, though it be none, begins the count anew.
        post.clock.set(post.clock.now() + timedelta(hours=1))
        await dies(5)
        assert await post.rows("select lost from notifications") == [(4,)]
        assert await post.deliver(after=60) == 0
        assert await post.statuses() == ["failed", "waiting"]
        [(error,)] = await post.rows("select error from notifications where status = 'failed'")
        assert error.startswith("WorkerLost: 5 processes in a row")
        assert await post.deliver(after=60) == 1
        assert "WorkerLost" in second.requests[0].body.decode()
        assert len(first.requests) == 1

        check = DatabaseHealthCheck.of(database.address, EntsoeSettings(), timeout=10)
        alerts = (await check.look()).alerts
        await check.close()
        assert alerts is not None
        assert alerts.attempted == {("hook0", "retry"): 1, ("hook1", "sent"): 1}
