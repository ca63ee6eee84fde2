"""Messages that a worker sends in place of `serve`, and those that nobody else sends."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from app.alerting.delivery import sharing
from app.alerting.delivery.sharing import KIND, LaneSharing, lane_key, lane_of
from app.tasks.backend import Priority
from app.tasks.local import LocalBackend, TaskLimits
from tests.support.delivery_factory import a_post, event
from tests.support.store_factory import opened
from tests.support.task_backends import eventually, shared_backend

CHANNELS = """\
channels:
  a:desk: {type: log}
routes:
  - channels: [a:desk]
"""


def test_a_lane_is_named_whatever_its_channel_is_called() -> None:
    for lane in (("a:desk", True), ("mail", False)):
        assert lane_of(lane_key(lane)) == lane


async def test_a_worker_sends_what_is_due_and_serve_what_nobody_has_sent(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url) as database, a_post(database, tmp_path, CHANNELS) as serve:
        serve.file.load()
        async with (
            shared_backend(database, name="s") as submits,
            shared_backend(database, 2, name="w", queues=("deliveries",)) as takes,
        ):
            serve.worker.share(LaneSharing(submits))
            async with a_post(database, tmp_path, CHANNELS) as other:
                other.file.load()
                takes.bind(KIND, other.worker.send_lane)
                other.clock.set(serve.clock.now() + timedelta(hours=1))
                await eventually(lambda: submits.taken(Priority.DELIVERIES))
                await serve.tell(event())
                assert await serve.deliver(after=60) == 0, "it is left to the worker"
                async with asyncio.timeout(30):
                    while await serve.statuses() != ["sent"]:  # noqa: ASYNC110  rows tell nobody
                        await asyncio.sleep(0.05)
                await eventually(lambda: takes.stats().done >= 1)
                # A worker that has no such channel, or hangs, holds nothing up.
                takes.bind(KIND, _nothing)
                monkeypatch.setattr(sharing, "PATIENCE", {True: 0.0, False: 0.0})
                await serve.tell(event(2))
                assert await serve.deliver(after=3600) == 1
                await other.worker.close()
        async with LocalBackend(TaskLimits()) as alone:
            assert LaneSharing(alone).own([("mail", True)]) == {("mail", True)}


async def test_a_queue_that_hangs_holds_no_message_up(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "PATIENCE", {True: 0.0, False: 0.0})
    async with (
        opened(database_url) as database,
        a_post(database, tmp_path, CHANNELS) as serve,
        shared_backend(database, name="s") as submits,
        shared_backend(database, 1, name="w", queues=("deliveries",)),
    ):
        await eventually(lambda: submits.taken(Priority.DELIVERIES))
        serve.worker.share(LaneSharing(submits))
        await serve.tell(event())
        async with database.transaction() as connection:
            await connection.execute("lock table procrastinate.procrastinate_jobs in access exclusive mode")
            async with asyncio.timeout(10):
                assert await serve.deliver(after=60) == 1
        await serve.worker.close()


async def _nothing(_key: str) -> None:
    pass
