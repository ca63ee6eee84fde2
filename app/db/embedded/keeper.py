"""The process that starts the embedded server and stops it after its last user.

`server.py` runs this file by its path (`python -I -S keeper.py …`), so it imports nothing but a few modules of
the standard library and stays small. Four locks (flock) in the directory of the database carry the protocol; the
kernel drops each of them with its last holder, whatever that died of:

    users.lock   shared: every user of the server; exclusive: the keeper while it stops the server
    start.lock   exclusive: the user who looks after a running server and a keeper
    keeper.lock  exclusive: the keeper, whose process id it contains; a second one waits behind it
    server.lock  exclusive: inherited by the server and all its children, or by initdb: held = something runs here
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

LOG_CAP = 8_000_000
LOG_KEPT = 1_000_000
SOCKET_FILES = ".s.PGSQL.*"
READY = b"ready"
FAST, IMMEDIATE, KILL = (signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)


def open_lock(home: Path, name: str) -> int:
    return os.open(home / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def seize(lock: int) -> bool:
    """Take the lock exclusively if nobody holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def held(home: Path, name: str) -> bool:
    """Whether another open file holds the lock exclusively."""
    lock = open_lock(home, name)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def postmaster(home: Path) -> tuple[int, bool] | None:
    """Process id and readiness as `postmaster.pid` tells them; only true while server.lock is held."""
    try:
        lines = (home / "data" / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].strip().isdecimal() or int(lines[0]) < 2:
        return None
    # The eighth line is the state: starting, ready, stopping (src/include/utils/pidfile.h).
    return int(lines[0]), len(lines) > 7 and lines[7].strip() == "ready"


def tcp_port(home: Path) -> int | None:
    """The port on which the running server takes connections over TCP; None where it takes none."""
    try:
        lines = (home / "data" / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    return int(lines[3]) if len(lines) > 5 and lines[5].strip() else None


def name_socket(home: Path, sockets: Path) -> None:
    """Let the socket have the same name whatever the port of the server is, so that its address stays."""
    name, port = socket_files(sockets)[0], tcp_port(home)
    if port is not None and not name.exists():
        name.unlink(missing_ok=True)
        name.symlink_to(f".s.PGSQL.{port}")


def cap(log: int) -> None:
    """Keep the end of a log that grew too long; the server appends to it, so it may be cut underneath."""
    size = os.fstat(log).st_size
    if size > LOG_CAP:
        tail = os.pread(log, LOG_KEPT, size - LOG_KEPT)
        os.ftruncate(log, 0)
        os.write(log, tail)


def socket_files(sockets: Path) -> tuple[Path, Path]:
    return sockets / ".s.PGSQL.5432", sockets / ".s.PGSQL.5432.lock"


def clear(home: Path, sockets: Path) -> None:
    """Remove what a killed server left: its process id may belong to somebody else by now.

    Only for the holder of server.lock. A server started by hand is still safe: the new one finds its shared
    memory by the directory's inode and gives up.
    """
    for path in (home / "data" / "postmaster.pid", *sockets.glob(SOCKET_FILES)):
        path.unlink(missing_ok=True)


def detach(log: int) -> None:
    """Hold nothing of the user's: neither terminal, nor pipe, nor directory."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for mine, theirs in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(mine, theirs)
    os.close(nothing)
    os.chdir("/")
    os.umask(0o077)


def become(uid: int, gid: int) -> None:
    """Give root up for good: the process ids read later come from files of the other account."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def spawn(command: list[str], lock: int) -> int:
    """Run the server in a session of its own; it inherits the lock, and this process's log as output."""
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            os.set_inheritable(lock, True)
            os.execv(command[0], command)  # noqa: S606  a program of ours, and no shell on purpose
        finally:
            os._exit(127)
    return child


def started(home: Path, child: int) -> bool:
    """Wait until the server is ready, or gone."""
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if postmaster(home) == (child, True):
            return True
        time.sleep(0.01)
    return False


def send(process: int, number: signal.Signals) -> None:
    """Signal the server; `spawn` made it lead a session, which somebody else with its number hardly does."""
    with contextlib.suppress(ProcessLookupError):
        if os.getsid(process) == process:
            os.kill(process, number)


def stop(home: Path, lock: int, known: int | None = None) -> None:
    """Stop whatever holds server.lock: fast, then immediately, then by force.

    `known` is the process that was started; where its directory has another name by now, no file tells it.
    """
    for number, patience in (FAST, IMMEDIATE, KILL):
        until = time.monotonic() + patience
        signalled = False
        while time.monotonic() < until:
            if seize(lock):
                return
            found = postmaster(home)
            process = found[0] if found else known
            if process and not signalled:
                send(process, number)
                signalled = True
            time.sleep(0.02)


def leads_session(process: int) -> bool:
    try:
        return os.getsid(process) == process
    except ProcessLookupError:
        return False


def stop_unlocked(home: Path, sockets: Path) -> None:
    """Stop a server of ours that runs though nobody holds server.lock: somebody has deleted the file."""
    found = postmaster(home)
    if found is None or not is_ours(found[0], home / "data", sockets):
        return
    for number, patience in (FAST, IMMEDIATE, KILL):
        send(found[0], number)
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if not leads_session(found[0]):
                return
            time.sleep(0.02)


def is_ours(process: int, data: Path, sockets: Path) -> bool:
    """Whether the process works in this directory and was started with these sockets; where the system does not tell, no."""
    about = Path(f"/proc/{process}")
    try:
        listens = os.fsencode(f"unix_socket_directories={sockets}") in (about / "cmdline").read_bytes().split(b"\0")
        return leads_session(process) and listens and (about / "cwd").samefile(data)
    except OSError:
        return False


def watch(users: int, log: int) -> None:
    """Wait until nobody uses the server; look at its log once a minute.

    A polite signal does not end the keeper: at a shutdown the users go first, and then it stops the server.
    """

    def look(_number: int, _frame: FrameType | None) -> None:
        cap(log)

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 60, 60)
    fcntl.flock(users, fcntl.LOCK_EX)
    signal.setitimer(signal.ITIMER_REAL, 0)


def tidy(sockets: Path) -> None:
    for path in sockets.glob(SOCKET_FILES):
        path.unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        sockets.rmdir()


def sign(keeper: int) -> None:
    os.pwrite(keeper, b"%-20d\n" % os.getpid(), 0)


def keep(home: Path, sockets: Path, command: list[str], account: tuple[int, int], report: int) -> None:
    """Start the server unless it runs, tell `report`, then stop it when the last user is gone."""
    keeper, users, server, probe = (
        open_lock(home, name) for name in ("keeper.lock", "users.lock", "server.lock", "server.lock")
    )
    log = os.open(home / "server.log", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    detach(log)
    become(*account)
    first = seize(keeper)
    if first:
        sign(keeper)
    if seize(server):
        cap(log)
        stop_unlocked(home, sockets)
        clear(home, sockets)
        if not started(home, spawn(command, server)):
            tidy(sockets)
            return
        name_socket(home, sockets)
    found = postmaster(home)
    os.close(server)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the server
    os.write(report, READY)
    os.close(report)
    if not first:
        fcntl.flock(keeper, fcntl.LOCK_EX)
        sign(keeper)
    watch(users, log)
    stop(home, probe, found[0] if found else None)
    tidy(sockets)
    # A newcomer waits for users.lock and then looks for a keeper: it must not find this one.
    os.close(keeper)
    os.close(users)


def main(arguments: list[str]) -> int:
    """`keeper.py HOME SOCKETS UID GID POSTGRES [OPTION…]`: 0 once the server is ready, 1 if it gave up."""
    home, sockets, uid, gid, *command = arguments
    listen, report = os.pipe()
    if os.fork() == 0:
        try:
            os.close(listen)
            keep(Path(home), Path(sockets), command, (int(uid), int(gid)), report)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            raise
        finally:
            os._exit(0)
    os.close(report)
    return 0 if os.read(listen, len(READY)) == READY else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
