"""The keeper's parts: locks that die with their holder, the pid file, the log's cap, the way it stops a server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db.embedded import keeper

# Stands for a server: leads a session, holds the lock it inherits, and ends on the one signal it is told.
STUBBORN = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL if sys.argv[1] == str(int(number)) else signal.SIG_IGN)
print("listening", flush=True)
while True: signal.pause()
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.fixture
def lock(home: Path) -> Iterator[int]:
    lock = keeper.open_lock(home, "server.lock")
    yield lock
    os.close(lock)


def write_pid(home: Path, process: int, state: str = "ready   ") -> None:
    lines = [str(process), "/data", "1700000000", "5432", "/tmp/sockets", "", " 1 2", state]
    (home / "data" / "postmaster.pid").write_text("\n".join(lines) + "\n")


def stubborn(home: Path, number: int) -> subprocess.Popen[str]:
    inherited = keeper.open_lock(home, "server.lock")
    assert keeper.seize(inherited)
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN, str(int(number))],
        pass_fds=(inherited,),
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(inherited)
    assert process.stdout
    assert process.stdout.readline() == "listening\n"
    process.stdout.close()
    write_pid(home, process.pid)
    return process


def test_a_lock_is_held_until_its_last_holder_is_gone(home: Path) -> None:
    process = stubborn(home, signal.SIGINT)
    assert keeper.held(home, "server.lock")

    process.kill()
    process.wait()

    assert not keeper.held(home, "server.lock")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_stopping_becomes_ruder_until_the_server_is_gone(
    home: Path, lock: int, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = stubborn(home, number)
    if number != signal.SIGINT:
        monkeypatch.setattr(keeper, "FAST", (signal.SIGINT, 0.1))
    if number == signal.SIGKILL:
        monkeypatch.setattr(keeper, "IMMEDIATE", (signal.SIGQUIT, 0.1))

    keeper.stop(home, lock)

    assert process.wait() == -number
    assert not keeper.seize(keeper.open_lock(home, "server.lock"))  # now the keeper's


def test_a_process_that_only_has_the_servers_number_is_left_alone() -> None:
    process = subprocess.Popen(["sleep", "600"])

    keeper.send(process.pid, signal.SIGKILL)

    assert process.poll() is None
    process.kill()
    process.wait()
    keeper.send(process.pid, signal.SIGKILL)  # gone by now: nothing to signal


@pytest.mark.parametrize("text", ["", "garbage\n", "0\n", "-5\n", "1\n"])
def test_a_pid_file_without_a_process_tells_nothing(home: Path, text: str) -> None:
    assert keeper.postmaster(home) is None
    (home / "data" / "postmaster.pid").write_text(text)

    assert keeper.postmaster(home) is None


def test_a_pid_file_tells_process_and_readiness(home: Path) -> None:
    write_pid(home, 4711)
    assert keeper.postmaster(home) == (4711, True)

    write_pid(home, 4711, "stopping")
    assert keeper.postmaster(home) == (4711, False)

    (home / "data" / "postmaster.pid").write_text("4711\n/data\n")
    assert keeper.postmaster(home) == (4711, False)


def test_what_a_killed_server_left_is_removed(home: Path) -> None:
    sockets = home / "sockets"
    sockets.mkdir()
    write_pid(home, 4711)
    for path in keeper.socket_files(sockets):
        path.write_text("4711")

    keeper.clear(home, sockets)
    assert not (home / "data" / "postmaster.pid").exists()
    assert not list(sockets.iterdir())

    keeper.tidy(sockets)
    keeper.tidy(sockets)
    assert not sockets.exists()


def test_a_server_is_started_once_its_pid_file_says_ready(home: Path, lock: int) -> None:
    pid_file = home / "data" / "postmaster.pid"
    lines = r"$$\n/data\n1\n5432\n/tmp\n\n1 2\nready\n"
    assert keeper.seize(lock)

    child = keeper.spawn(["/bin/sh", "-c", f"printf \"{lines}\" > '{pid_file}'; exec sleep 600"], lock)

    assert keeper.started(home, child)
    assert os.getsid(child) == child
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_server_that_ends_at_once_was_not_started(home: Path, lock: int) -> None:
    assert not keeper.started(home, keeper.spawn(["/bin/sh", "-c", "exit 1"], lock))
    assert not keeper.started(home, keeper.spawn([str(home / "missing")], lock))


def test_the_keeper_waits_for_the_last_user_and_looks_at_the_log(home: Path) -> None:
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    log = os.open(home / "server.log", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(log, b"x" * (keeper.LOG_CAP + 1))
    users = keeper.open_lock(home, "users.lock")
    try:
        keeper.watch(users, log)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGALRM)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert keeper.held(home, "users.lock")
    assert os.fstat(log).st_size == keeper.LOG_KEPT
    os.close(users)
    os.close(log)


def test_a_log_that_grew_too_long_keeps_its_end(home: Path) -> None:
    log = os.open(home / "server.log", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(log, b"x" * keeper.LOG_CAP)
    keeper.cap(log)
    assert os.fstat(log).st_size == keeper.LOG_CAP

    os.write(log, b"the end\n")
    keeper.cap(log)
    os.write(log, b"and more\n")
    os.close(log)

    assert (home / "server.log").stat().st_size == keeper.LOG_KEPT + len(b"and more\n")
    assert (home / "server.log").read_bytes().endswith(b"xthe end\nand more\n")
