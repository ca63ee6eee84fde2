"""Replicas and workers of the version before the newest migration, beside a replica of this one."""

from __future__ import annotations

import asyncio
import re
import subprocess
import tarfile
from contextlib import AsyncExitStack
from io import BytesIO
from pathlib import Path

import pytest

from app.db.engine import Database
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SandboxSettings
from app.settings import DatabaseSettings
from tests.support.programs import PATIENCE, ROOT, Programs, until, value

MIGRATIONS = "app/db/migrations/versions"
DAYS = 40
ASKED = (
    *("--area", "NL", "--item", "generation_per_unit"),
    *("--from", f"-{DAYS + 10}d", "--to", "-10d", "--concurrency", "6", "--reprocess", "all"),
)
ENDED = "select count(*) from backfill_windows where state in ('stored', 'empty')"
LEFT = "select count(*) from backfill_windows where state not in ('stored', 'empty')"
REVISED = "select count(*) from observation_revisions"
QUEUED = "select count(*) from procrastinate.procrastinate_jobs"
TWICE = "select count(*) - count(distinct (item, area, window_start)) from collection_runs where outcome <> 'failed'"


def git(*arguments: str) -> bytes:
    done = subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no history is here: git {arguments[0]}: {done.stderr.decode().strip()}")
    return done.stdout


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The program as it was before its newest migration."""
    newest = max(path.name for path in (ROOT / MIGRATIONS).glob("v*.py"))
    added = git("log", "-1", "--diff-filter=A", "--no-renames", "--format=%H", "--", f"{MIGRATIONS}/{newest}").decode()
    if not added.strip():
        pytest.skip("the newest migration is not committed")
    # A commit within a series that landed together may have had two heads; no database was ever made of it.
    for commit in git("rev-list", "--max-count=30", f"{added.strip()}~1").decode().split():
        folder = tmp_path / commit[:12]
        with tarfile.open(fileobj=BytesIO(git("archive", commit, "app"))) as archive:
            archive.extractall(folder, filter="data")
        assert not (folder / MIGRATIONS / newest).exists()
        if is_whole(folder):
            return folder
    pytest.skip("no commit before the newest migration has one head")


def is_whole(folder: Path) -> bool:
    """Whether the migrations of a program are one chain."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (folder / MIGRATIONS).glob("v*.py"))
    made = re.findall(r'^revision\b.* = "(\w+)"', text, re.MULTILINE)
    followed = re.findall(r'^down_revision\b.* = "(\w+)"', text, re.MULTILINE)
    return len(set(made)) == len(made) and len(set(made) - set(followed)) == 1


@pytest.mark.long
async def test_old_processes_leave_their_work_to_new_ones(
    empty_database_url: str, earlier: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    logs = tmp_path_factory.mktemp("logs")
    (logs / "plan.yaml").write_text("areas: [NL]\nitems: [load_actual]\njobs: {platform_health: {every: 1 min}}\n")
    database = Database(DatabaseSettings(), empty_database_url)
    async with SandboxServer(SandboxSettings(latency=1.0, correction_share=0)) as sandbox, AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        programs = Programs(
            {
                "SANDBOX": "1",
                "DATABASE__URL": empty_database_url,
                "ENTSOE__BASE_URL": sandbox.url,
                "ENTSOE__REQUESTS_PER_MINUTE": "370",
                "SCHEDULER__PLAN_FILE": str(logs / "plan.yaml"),
                "SCHEDULER__DRAIN_SECONDS": "0",
                "TASKS__BACKEND": "procrastinate",
                "TASKS__HEARTBEAT": "0.5",
                "TASKS__SILENT_AFTER": "3",
                "BACKFILL__LEASE_SECONDS": "5",
                "WEB__PORT": "0",
            },
            logs,
        )
        await programs.run(earlier, "migrate")
        old_serve = await stack.enter_async_context(programs.running(earlier, "serve", name="old serve"))
        old_worker = await stack.enter_async_context(programs.running(earlier, "worker", name="old worker"))
        await programs.run(earlier, "backfill", "start", *ASKED)
        await until(lambda: _more(database, ENDED, 2), lambda: programs.told("old worker"))

        await programs.run(ROOT, "migrate")
        assert await asyncio.wait_for(old_worker.wait(), PATIENCE) == 1
        assert "schema" in programs.told("old worker")
        assert old_serve.returncode is None, programs.told("old serve")
        assert await value(database, LEFT) > 0, (
            "the old ones were quicker than the upgrade: there was nothing to hand over"
        )

        await stack.enter_async_context(programs.running(ROOT, "worker", name="new worker"))
        await stack.enter_async_context(programs.running(ROOT, "serve", name="new serve"))
        old_serve.terminate()
        assert await asyncio.wait_for(old_serve.wait(), PATIENCE) == 0, programs.told("old serve")
        await until(lambda: _none(database, LEFT), lambda: programs.told("new worker") + programs.told("new serve"))
        await until(lambda: _none(database, QUEUED), lambda: programs.told("new serve"))
        assert await value(database, ENDED) == DAYS
        assert await value(database, REVISED) == 0
        # What was handed back may be asked for once more; what it stores is the same.
        assert await value(database, TWICE) <= 8


async def _more(database: Database, statement: str, number: int) -> bool:
    return await value(database, statement) > number


async def _none(database: Database, statement: str) -> bool:
    return await value(database, statement) == 0
