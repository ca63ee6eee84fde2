"""A process that stands still between its question and storing the answer, beside one that asks later."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from app.db.engine import Database
from app.settings import variables
from tests.support.cut_platform import CutPlatform, cut_platform
from tests.support.scheduler_factory import rows
from tests.support.store_factory import opened

ROOT = Path(__file__).parents[3]
BOUND = 60.0
DAYS = ("--from", "2024-01-02", "--to", "2024-01-04")


@dataclass
class RepublishingPlatform(CutPlatform):
    """Freezes the process of the first question before it answers; every later answer has other values."""

    first: Popen[bytes] | None = None
    started: threading.Event = field(default_factory=threading.Event)
    frozen: threading.Event = field(default_factory=threading.Event)

    def answer(self, query: dict[str, str]) -> bytes:
        body = super().answer(query)
        if self.frozen.is_set():
            return body.replace(b"<quantity>", b"<quantity>100")
        assert self.started.wait(BOUND)
        assert self.first is not None
        self.first.send_signal(signal.SIGSTOP)
        self.frozen.set()
        return body


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


@contextmanager
def collecting(url: str, database_url: str) -> Iterator[Popen[bytes]]:
    settings = {
        "DATABASE__URL": database_url,
        "ENTSOE__BASE_URL": url,
        "ENTSOE__TOKEN": "00000000-0000-4000-8000-000000000000",
    }
    inherited = {name: value for name, value in os.environ.items() if name not in variables()}
    environment = {
        **inherited,
        "PYTHONPATH": str(ROOT),
        **{f"GRIDKEEPER_{name}": text for name, text in settings.items()},
    }
    command = (sys.executable, "-m", "app", "collect", "--area", "FR", "--item", "load_actual", *DAYS)
    process = Popen(command, env=environment, cwd="/", stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(BOUND)


@pytest.mark.long
async def test_what_a_frozen_process_was_answered_changes_nothing_that_a_later_question_brought(
    database: Database, database_url: str
) -> None:
    platform = RepublishingPlatform()
    with cut_platform(platform) as url, collecting(url, database_url) as frozen:
        platform.first = frozen
        platform.started.set()
        assert await asyncio.to_thread(platform.frozen.wait, BOUND)
        with collecting(url, database_url) as later:
            assert await asyncio.to_thread(later.wait, BOUND) == 0
        brought = "select delivery_start, value from observations order by 1"
        stored = await rows(database, brought)
        assert [value > 1000 for _, value in stored] == [True] * 48
        assert frozen.poll() is None
        frozen.send_signal(signal.SIGCONT)
        assert await asyncio.to_thread(frozen.wait, BOUND) == 0
        assert len(platform.asked) == 2
        assert await rows(database, brought) == stored
        assert await rows(database, "select count(*) from observation_revisions") == [(0,)]
        superseded = "select outcome, received, new + revised + vanished from collection_runs order by finished_at"
        assert await rows(database, superseded) == [("stored", 48, 48), ("stored", 48, 0)]
