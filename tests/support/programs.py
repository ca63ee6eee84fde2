"""The program in processes of their own, as a person starts it, on one database."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.db.engine import Database
from app.settings import variables

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


class Programs:
    """Starts the program of a folder, with the same settings everywhere."""

    def __init__(self, settings: Mapping[str, str], logs: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in variables()}
        self._around = inherited | {f"GRIDKEEPER_{name}": value for name, value in settings.items()}
        self._logs = logs

    @asynccontextmanager
    async def running(self, folder: Path, *command: str, name: str = "") -> AsyncIterator[Process]:
        log = self._logs / f"{name or command[0]}.log"
        with log.open("wb") as sink:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "app", *command, cwd=folder, env=self._around, stdout=sink, stderr=sink
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def run(self, folder: Path, *command: str) -> None:
        async with self.running(folder, *command) as process:
            assert await asyncio.wait_for(process.wait(), PATIENCE) == 0, self.told(command[0])

    def knows(self, name: str) -> bool:
        """Whether a program of this name was started."""
        return (self._logs / f"{name}.log").exists()

    def told(self, name: str) -> str:
        return (self._logs / f"{name}.log").read_text()[-3000:]


async def value(database: Database, statement: str) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval(statement))


async def until(holds: Callable[[], Awaitable[bool]], told: Callable[[], str]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not await holds():  # noqa: ASYNC110  rows tell nobody
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(told())
