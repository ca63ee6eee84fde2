"""A streaming replica of the embedded server, made and run with the programs of the same wheel."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

from app.db.embedded import EmbeddedServer
from app.db.embedded.location import Account, locate
from app.db.embedded.programs import environment

PATIENCE = 60.0


def wait_for(found: object, what: str, deadline: float) -> bool:
    """False while it is not found, and time is left."""
    if not found:
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.02)
    return bool(found)


class StreamingReplica:
    """Runs below a folder, with its socket there; `kill` and `start` it as often as you like."""

    def __init__(self, primary: EmbeddedServer, folder: Path) -> None:
        place = locate(primary.data_dir)
        self._programs, self._account = place.programs, place.account
        self._data, self._sockets = folder / "data", folder
        self._sockets_of_primary = parse_qs(urlsplit(primary.url).query)["host"][0]
        self._running: subprocess.Popen[bytes] | None = None
        _give(folder, self._account)
        self._run(
            "pg_basebackup", "-h", self._sockets_of_primary, "-p", "5432", "-U", "gridkeeper",
            "-D", str(self._data), "-X", "stream", "-c", "fast", "-R", "--no-sync",
        )  # fmt: skip

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments], check=False, capture_output=True, text=True,
            env=environment(), cwd="/", user=self._account.uid, group=self._account.gid,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def url(self, database: str) -> str:
        return f"postgresql://gridkeeper@/{database}?host={self._sockets}&port=5432"

    def url_like(self, primary_url: str) -> str:
        """The same database, here."""
        return self.url(urlsplit(primary_url).path.lstrip("/"))

    def start(self) -> None:
        options = {
            "listen_addresses": "", "unix_socket_directories": str(self._sockets), "port": "5432", "fsync": "off",
            # A read that keeps the server from replaying is ended at once.
            "max_standby_streaming_delay": "0", "hot_standby_feedback": "off", "wal_retrieve_retry_interval": "100ms",
        }  # fmt: skip
        chosen = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._running = subprocess.Popen(
            [str(self._programs / "postgres"), "-D", str(self._data), *chosen], env=environment(), cwd="/",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=self._account.uid, group=self._account.gid,
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not wait_for(self._answers(), "the replica", deadline):
            assert self._running.poll() is None, "the replica ended at its start"

    def _answers(self) -> bool:
        try:
            with self.connected("postgres") as connection:
                return connection.execute("select pg_is_in_recovery()").fetchone() == (True,)
        except psycopg.OperationalError:
            return False

    @contextmanager
    def connected(self, database: str) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            yield connection

    def kill(self) -> None:
        """As a machine that is lost: nobody says goodbye."""
        if self._running is not None:
            self._running.kill()
            self._running.wait(PATIENCE)
            self._running = None
            deadline = time.monotonic() + PATIENCE
            # Its children notice by themselves, and until then hold its memory.
            while not wait_for(not self._answers(), "the end of the replica", deadline):
                pass

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """As a machine that hangs, or a network that swallows all: connections stand, and nothing answers."""
        assert self._running is not None
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._running.pid)], check=True, capture_output=True, text=True
        )
        pids = [self._running.pid, *map(int, listed.stdout.split())]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def promote(self) -> None:
        """It becomes a primary beside its own: a split brain."""
        self._run("pg_ctl", "promote", "-D", str(self._data), "-w", "-t", str(int(PATIENCE)))

    def stand_by_alone(self) -> None:
        """Once promoted, it becomes a standby again, with its own history; it follows nobody."""
        self.kill()
        signal_file = self._data / "standby.signal"
        signal_file.touch()
        _give(signal_file, self._account)
        self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It receives the log meanwhile, and replays nothing."""
        with self.connected("postgres") as connection:
            connection.execute("select pg_wal_replay_pause()")
            deadline = time.monotonic() + PATIENCE
            while not wait_for(self._is_paused(connection), "the pause", deadline):
                pass
            try:
                yield
            finally:
                connection.execute("select pg_wal_replay_resume()")

    @staticmethod
    def _is_paused(connection: psycopg.Connection) -> bool:
        return connection.execute("select pg_get_wal_replay_pause_state()").fetchone() == ("paused",)


def _give(folder: Path, account: Account) -> None:
    """Let the account of the server write there, where we may decide that."""
    if folder.stat().st_uid != account.uid:
        os.chown(folder, account.uid, account.gid)
