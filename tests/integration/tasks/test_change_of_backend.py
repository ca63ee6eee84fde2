"""From one process to many and back while work of every kind is open, by processes that are killed in the middle of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from app.alerting.models import Severity
from app.collection.backfill.models import BackfillRequest, BackfillRetryPolicy, Reprocess
from app.collection.backfill.repository import BackfillRepository
from app.collection.models import Work
from app.db.engine import Database
from app.db.migrate import claim_origin
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.probes.websites.models import WebsiteDraft
from app.probes.websites.repository import WebsiteRepository
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SandboxSettings
from app.scheduling.models import RunTrigger
from app.scheduling.repository import JobRunRepository
from app.settings import Origin
from tests.support.delivery_factory import Post, Receiver, a_post, event, receiving, webhooks
from tests.support.programs import ROOT, Programs, until, value
from tests.support.raw_server import Client, raw_server, response
from tests.support.store_factory import opened

DAYS = 45
JOBS = ("quality", "report_daily")
PLAN = """\
areas: [NL]
items: [load_actual]
jobs:
  platform_health: {every: 1 min}
  quality: {at: "05:00"}
  report_daily: {at: "07:00"}
"""
ROUTES = """
routes:
  - {match: [area=~A.*], channels: [hook0]}
  - {match: [report=daily], channels: [hook0]}
"""
ENDED = "select count(*) from backfill_windows where state in ('stored', 'empty')"
LEFT = "select count(*) from backfill_windows where state not in ('stored', 'empty')"
REVISED = "select count(*) from observation_revisions"
RUNNING = "select count(*) from job_runs where trigger = 'manual' and outcome = 'running'"
OPEN = (
    "select count(*) from job_runs where trigger = 'manual' and coalesce(outcome, '') not in ('succeeded', 'skipped')"
)
WAITING = "select count(*) from notifications where channel = 'hook0' and status <> 'sent'"
TOLD = "select count(distinct alert_id) from notification_events join notifications using (notification_id) where status = 'sent'"
REPORTS = "select count(*) from notifications where content is not null"
CHECKS = "select count(*) from website_checks"
SHARED = """
    select (select count(*) from procrastinate.procrastinate_jobs) + (select count(*) from workers)
        + (select count(*) from shared_windows where state in ('pending', 'claimed'))
"""


class Scene:
    """What is open in one database, and who learns of it."""

    def __init__(self, database: Database, post: Post, receiver: Receiver) -> None:
        self.database, self.post, self.receiver = database, post, receiver
        self.told = 0
        self.checks = 0

    async def begin(self, url: str) -> None:
        async with self.database.transaction() as connection:
            await claim_origin(connection, Origin.SANDBOX)
        first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS + 5)
        starts = [first + timedelta(days=number) for number in range(DAYS)]
        work = [
            Work(DataItem.LOAD_ACTUAL, find_place("NL"), Interval(start, start + timedelta(days=1))) for start in starts
        ]
        rows = BackfillRepository(self.database, BackfillRetryPolicy())
        await rows.add(BackfillRequest((), Reprocess.ALL, concurrency=4, description="history"), work)
        draft = WebsiteDraft(url, "w", check_interval=3600)
        await WebsiteRepository(self.database).add(draft, datetime.now(UTC) - timedelta(hours=1))

    async def open_more(self) -> None:
        """A message, a check, and runs of jobs that compute and report."""
        self.told += 1
        self.post.clock.set(datetime.now(UTC))
        await self.post.tell(event(self.told, severity=Severity.CRITICAL, at=datetime.now(UTC)))
        self.checks = await value(self.database, CHECKS)
        await self.post.rows("update website_states set due_at = now() - interval '1 second' returning 1")
        runs = JobRunRepository(self.database)
        for view in await runs.jobs():
            if view.job.name in JOBS:
                await runs.requested(view.job, datetime.now(UTC), RunTrigger.MANUAL)

    async def more(self, number: int) -> bool:
        return await value(self.database, ENDED) >= number

    async def jobs_run(self) -> bool:
        return await value(self.database, RUNNING) > 0

    async def sent_and_checked(self) -> bool:
        return not await value(self.database, WAITING) and await value(self.database, CHECKS) > self.checks

    async def over(self) -> bool:
        return not any([await value(self.database, statement) for statement in (LEFT, OPEN, SHARED, WAITING)])

    async def planned(self) -> bool:
        return {view.job.name for view in await JobRunRepository(self.database).jobs()} >= set(JOBS)


@asynccontextmanager
async def a_scene(database_url: str, folder: Path) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened(database_url))
        receiver = await stack.enter_async_context(receiving())
        post = await stack.enter_async_context(a_post(database, folder, webhooks(receiver, more=ROUTES)))
        yield Scene(database, post, receiver)


async def answer(client: Client) -> None:
    await client.request()
    await client.send(response())


@pytest.mark.long
async def test_open_work_goes_on_over_a_change_of_backend_and_back(
    database_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    logs = tmp_path_factory.mktemp("logs")
    (logs / "plan.yaml").write_text(PLAN)
    async with (
        SandboxServer(SandboxSettings(latency=0.4, correction_share=0)) as sandbox,
        raw_server(answer) as site,
        a_scene(database_url, tmp_path) as scene,
    ):
        await scene.begin(site.url("/"))
        settings = {
            "SANDBOX": "1",
            "DATABASE__URL": database_url,
            "ENTSOE__BASE_URL": sandbox.url,
            "ENTSOE__REQUESTS_PER_MINUTE": "370",
            "SCHEDULER__PLAN_FILE": str(logs / "plan.yaml"),
            "SCHEDULER__HEARTBEAT": "0.5",
            "SCHEDULER__TAKEOVER_AFTER": "2",
            "NOTIFICATIONS__CHANNELS_FILE": str(scene.post.file.path),
            "NOTIFICATIONS__LEASE_SECONDS": "31",
            "TASKS__HEARTBEAT": "0.5",
            "TASKS__SILENT_AFTER": "2",
            "BACKFILL__LEASE_SECONDS": "5",
            "WEB__PORT": "0",
        }
        alone = Programs(settings, logs)
        shared = Programs(settings | {"TASKS__BACKEND": "procrastinate"}, logs)
        told = partial(_told, alone, scene)

        async with alone.running(ROOT, "serve", name="first") as serve:
            await until(scene.planned, told)
            await scene.open_more()
            await until(scene.jobs_run, told)
            await until(partial(scene.more, 3), told)
            serve.kill()
        everything = ("worker", "--queues", "live,gap,backfill,reports,quality,deliveries,probes")
        async with (
            shared.running(ROOT, "serve", name="second") as serve,
            shared.running(ROOT, *everything, name="worker") as worker,
        ):
            await until(partial(scene.more, await value(scene.database, ENDED) + 3), told)
            await until(scene.sent_and_checked, told)
            await scene.open_more()
            await until(scene.jobs_run, told)
            serve.kill()
            worker.kill()
        assert await value(scene.database, LEFT) > 0, "nothing was left to hand over: give the test more days"
        async with alone.running(ROOT, "serve", name="third"):
            await until(scene.planned, told)
            await scene.open_more()
            await until(scene.sent_and_checked, told)
            await until(scene.over, told)

        assert await value(scene.database, ENDED) == DAYS
        assert await value(scene.database, REVISED) == 0
        keys = {request.headers["idempotency-key"] for request in scene.receiver.requests}
        rows = await scene.post.rows("select idempotency_key::text from notifications where channel = 'hook0'")
        assert keys == {key for (key,) in rows}
        assert await scene.post.rows(TOLD) == [(scene.told,)]
        assert await scene.post.rows(REPORTS) == [(1,)], "whichever of its runs wrote it"


def _told(programs: Programs, scene: Scene) -> str:
    logs = "\n".join(programs.told(name) for name in ("first", "second", "worker", "third") if programs.knows(name))
    return f"{logs}\n{len(scene.receiver.requests)} requests of messages"
