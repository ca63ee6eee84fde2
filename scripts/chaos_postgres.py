"""A PostgreSQL that may be killed at any moment, and wires between it and the processes that may be cut or held."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from soak import _free_port, _wait_for_the_database

from app.db.embedded import start_embedded
from app.db.embedded.location import locate
from app.db.embedded.programs import environment

PATIENCE = 60.0
NAME = "gridkeeper"
OPTIONS = ("listen_addresses=127.0.0.1", "max_connections=200", "fsync=off", "tcp_user_timeout=20s")
CHUNK = 65_536


class Postgres:
    """The server of the wheel on a port of loopback."""

    def __init__(self, folder: Path) -> None:
        """Makes its files; blocks."""
        made = start_embedded(folder)
        made.release()
        _wait_for_the_database(folder)
        self._place = locate(folder)
        self._process: asyncio.subprocess.Process | None = None
        self.port = _free_port()
        self.url = self.url_at(self.port)

    @staticmethod
    def url_at(port: int) -> str:
        """The database by way of a port."""
        return f"postgresql://{NAME}@127.0.0.1:{port}/{NAME}"

    async def start(self) -> None:
        """Returns when it answers."""
        options = [part for one in (*OPTIONS, f"port={self.port}") for part in ("-c", one)]
        account, home = self._place.account, self._place.home
        with (home / "chaos.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._place.programs / "postgres", "-D", self._place.data, *options, "-c", "unix_socket_directories=",
                env=environment(), cwd="/", stdout=log, stderr=log,
                user=account.uid if os.geteuid() == 0 else None, group=account.gid if os.geteuid() == 0 else None,
            )  # fmt: skip
        await self.answers()

    async def answers(self) -> None:
        """Wait until a statement is answered."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self.url, connect_timeout=2) as connection:
                    await connection.execute("select 1")
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process is None or self._process.returncode is not None:
                    raise
                await asyncio.sleep(0.1)
            else:
                return

    async def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: in order, with whoever is connected thrown out; SIGQUIT: as by a loss of power."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(how)
            await self._process.wait()
        self._process = None

    async def kill_backend(self, chance: random.Random) -> None:
        """Kill the process of one session: the server throws everybody out and recovers."""
        sessions = "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            pids = [pid for (pid,) in await (await connection.execute(sessions)).fetchall()]
        if pids:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(pids), signal.SIGKILL)
            await self.answers()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs until the end of the block."""
        await self.start()
        try:
            yield
        finally:
            await self.stop()


@dataclass(slots=True, eq=False)
class Wire:
    """What one process has in place of the server: a port whose connections may be cut, held, or left hanging."""

    goal: int
    port: int = 0
    _server: asyncio.Server | None = None
    _pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = field(default_factory=set)
    _flows: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        self._flows.set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut(1.0, random.Random())  # noqa: S311  all of them
        for task in self._tasks:
            task.cancel()

    def cut(self, share: float, chance: random.Random) -> int:
        """End a share of the connections on both sides at once; how many."""
        chosen = [pair for pair in self._pairs if chance.random() < share]
        for ours, theirs in chosen:
            ours.transport.abort()
            theirs.transport.abort()
        return len(chosen)

    async def hold(self, seconds: float) -> None:
        """Nothing passes for a while, and nobody is told; then all of it comes at once."""
        self._flows.clear()
        await asyncio.sleep(seconds)
        self._flows.set()

    async def part(self, seconds: float) -> None:
        """The process loses its connections at once, while the server believes in them for a while."""
        pairs = list(self._pairs)
        self._pairs -= set(pairs)
        for ours, _ in pairs:
            ours.transport.abort()
        await asyncio.sleep(seconds)
        for _, theirs in pairs:
            theirs.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served inside a task")
        self._tasks.add(task)
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self.goal)
        except OSError:
            writer.transport.abort()
            self._tasks.discard(task)
            return
        pair = (writer, server)
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._pump(reader, server), self._pump(answers, writer))
        finally:
            if pair in self._pairs:
                self._pairs.discard(pair)
                server.transport.abort()
                writer.transport.abort()
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while content := await reader.read(CHUNK):
                await self._flows.wait()
                writer.write(content)
                await writer.drain()
        if not writer.is_closing():
            with suppress(OSError, RuntimeError):
                writer.write_eof()
