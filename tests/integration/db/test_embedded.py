"""The embedded server on the real thing: several processes, killed in every place, as root and as a mere user."""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.db.embedded import binaries, keeper
from app.db.embedded.location import Account, barrier, way_to
from app.db.embedded.programs import copy_for, environment

ROOT = Path(__file__).resolve().parents[3]
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc, which is Linux only")
# One user of the server: prints the URL, or the error it met; leaves politely when its input ends.
USER = """
import sys, pathlib
from app.db.embedded import start_embedded
from app.errors import AppError
try:
    server = start_embedded(pathlib.Path(sys.argv[1]), tuning={"fsync": "off"})
except AppError as error:
    print(type(error).__name__, error, flush=True)
    sys.exit(1)
print(server.url, flush=True)
{then}
sys.stdin.read()
server.release()
"""


@dataclass(slots=True)
class Machine:
    """Runs users of embedded servers under one account, and ends what they leave behind."""

    folder: Path
    python: str
    path: list[Path]
    account: Account
    users: list[subprocess.Popen[str]] = field(default_factory=list)
    data: Path = field(init=False)

    def __post_init__(self) -> None:
        self.data = self.folder / "data dir"

    @property
    def home(self) -> Path:
        return self.data / "postgresql"

    def begin(self, data: Path | None = None, then: str = "", cwd: Path | None = None) -> subprocess.Popen[str]:
        user: subprocess.Popen[str] = subprocess.Popen(
            [self.python, "-S", "-c", USER.replace("{then}", then), str(data or self.data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=cwd or "/",
            env={"PYTHONPATH": os.pathsep.join(map(str, self.path)), "GRIDKEEPER_ENTSOE__TOKEN": "a-secret"},
            **identity(self.account),
        )
        self.users.append(user)
        return user

    def start(self, data: Path | None = None) -> subprocess.Popen[str]:
        """A user that has got its server."""
        user = self.begin(data)
        assert self.url(user).startswith("postgresql://")
        return user

    def url(self, user: subprocess.Popen[str]) -> str:
        assert user.stdout
        return user.stdout.readline().strip()

    def refusal(self, data: Path | None = None) -> str:
        user = self.begin(data)
        told = self.url(user)
        self.leave(user)
        return told

    def leave(self, user: subprocess.Popen[str], number: int | None = None) -> None:
        """Let the user go: politely, or by a signal."""
        if number is not None:
            user.send_signal(number)
        user.communicate()

    def postmaster(self) -> int:
        told = keeper.postmaster(self.home)
        assert told
        return told[0]

    def keeper(self) -> int:
        return int((self.home / "keeper.lock").read_text())

    def sql(self, statement: str) -> str:
        """Ask the running server."""
        lines = (self.home / "data" / "postmaster.pid").read_text().splitlines()
        command = [binaries() / "psql", "-h", lines[4], "-U", "gridkeeper", "-qAtc", statement]
        done = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True, env=environment())
        return done.stdout.strip()

    def runs(self) -> bool:
        return keeper.held(self.home, "server.lock")

    def rest(self) -> None:
        """Kill the users that are left and whatever survives them; the database stays for the next test."""
        for user in self.users:
            if user.poll() is None:
                user.kill()
            user.communicate()
        self.users.clear()
        for home in self.folder.rglob("postgresql"):
            told = keeper.postmaster(home)
            if told and keeper.held(home, "server.lock") and not keeper.held(home, "keeper.lock"):
                keeper.send(told[0], signal.SIGQUIT)
            eventually(functools.partial(at_rest, home))
        self.__post_init__()

    @contextlib.contextmanager
    def changed(self, path: Path, text: str) -> Iterator[None]:
        """Another text in a file of the resting database, for a while."""
        self.leave(self.start())
        eventually(lambda: not self.runs())
        before = path.read_text()
        path.write_text(text)
        yield
        path.write_text(before)


def identity(account: Account) -> dict[str, Any]:
    """What makes a subprocess run under the account."""
    if account.uid == os.geteuid():
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def server_identity(home: Path) -> dict[str, Any]:
    owner = pwd.getpwuid((home / "data").stat().st_uid)
    return identity(Account(owner.pw_name, owner.pw_uid, owner.pw_gid))


def eventually(happened: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def at_rest(home: Path) -> bool:
    return not keeper.held(home, "server.lock") and not keeper.held(home, "keeper.lock")


def lives(process: int) -> bool:
    """Whether the process runs; one that nobody has reaped yet does not."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def python_for(account: Account) -> str:
    """An interpreter that the account can run; one below a closed home is of no use to it."""
    for candidate in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        command = [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        with contextlib.suppress(OSError):
            if subprocess.run(command, check=False, capture_output=True, cwd="/", **identity(account)).returncode == 0:
                return candidate
    pytest.skip(f"no Python >= 3.11 that {account.name} may run")


def ordinary_machine(home: Path, code: Path) -> Machine:
    """A machine of somebody who is not root, with a copy of our code where the account can read it."""
    entry = pwd.getpwnam("nobody")
    account = Account("nobody", entry.pw_uid, entry.pw_gid)
    python = python_for(account)
    shutil.copytree(ROOT / "app", code / "app", ignore=shutil.ignore_patterns("__pycache__"))
    wheel = binaries()
    if barrier(way_to(wheel), account):
        wheel = copy_for(wheel, code)
    os.chown(home, account.uid, account.gid)
    return Machine(home, python, [code, wheel.parents[2]], account)


@pytest.fixture(scope="module")
def present_machine(make_folder: Callable[[], Path]) -> Machine:
    entry = pwd.getpwuid(os.geteuid())
    account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    return Machine(make_folder(), sys.executable, [ROOT, binaries().parents[2]], account)


@pytest.fixture(scope="module")
def other_machine(make_folder: Callable[[], Path]) -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("not root: the present user is an ordinary one already")
    with tempfile.TemporaryDirectory(prefix="gridkeeper-test-", dir="/tmp") as code:
        Path(code).chmod(0o755)
        yield ordinary_machine(make_folder(), Path(code))


@pytest.fixture
def present(present_machine: Machine) -> Iterator[Machine]:
    yield present_machine
    present_machine.rest()


@pytest.fixture
def ordinary(other_machine: Machine) -> Iterator[Machine]:
    yield other_machine
    other_machine.rest()


@pytest.fixture(params=["present", pytest.param("ordinary", marks=pytest.mark.long)])
def machine(request: pytest.FixtureRequest) -> Machine:
    found: Machine = request.getfixturevalue(request.param)
    return found


def test_two_users_share_one_server_and_the_last_one_out_stops_it(machine: Machine) -> None:
    first, second = machine.start(), machine.begin()

    assert machine.url(second).startswith("postgresql://gridkeeper@/gridkeeper?host=/tmp/gridkeeper-")
    assert (
        machine.sql(
            "select current_database(), pg_encoding_to_char(encoding), datcollate from pg_database"
            " where datname = 'gridkeeper'"
        )
        == "gridkeeper|UTF8|C"
    )
    assert machine.sql("show data_checksums") == "on"
    server = machine.postmaster()
    machine.leave(first)
    assert machine.postmaster() == server
    assert machine.runs()
    machine.leave(second)
    eventually(lambda: not machine.runs())
    assert not lives(server)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_server_outlives_a_user_that_was_killed(machine: Machine, number: signal.Signals) -> None:
    first, second = machine.start(), machine.start()
    sockets = Path((machine.home / "data" / "postmaster.pid").read_text().splitlines()[4])

    machine.leave(first, number)
    assert machine.sql("select 1") == "1"
    machine.leave(second, number)

    eventually(lambda: not machine.runs())
    eventually(lambda: not sockets.exists())


@pytest.mark.long
def test_six_users_at_once_start_one_server(machine: Machine) -> None:
    machine.data = machine.folder / "six"
    users = [machine.begin() for _ in range(6)]

    urls = {machine.url(user) for user in users}

    assert len(urls) == 1
    assert urls.pop().startswith("postgresql://")
    assert (machine.home / "server.log").read_text().count("ready to accept connections") == 1
    for user in users:
        machine.leave(user, signal.SIGKILL)
    eventually(lambda: not machine.runs())


@pytest.mark.long
def test_a_start_while_the_keeper_stops_the_server_begins_anew(machine: Machine) -> None:
    for _ in range(4):
        user = machine.start()
        machine.leave(user, signal.SIGKILL)

    machine.start()

    assert machine.sql("select 1") == "1"


def test_the_last_user_ends_the_server_although_the_keeper_was_killed(machine: Machine) -> None:
    user = machine.start()
    killed = machine.keeper()
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: not keeper.held(machine.home, "keeper.lock"))
    assert machine.sql("select 1") == "1"

    machine.leave(user)

    eventually(lambda: not machine.runs())


def test_the_next_user_brings_a_new_keeper_after_one_was_killed(machine: Machine) -> None:
    first, killed = machine.start(), machine.keeper()
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: not keeper.held(machine.home, "keeper.lock"))

    second = machine.start()
    eventually(lambda: keeper.held(machine.home, "keeper.lock") and machine.keeper() != killed)
    machine.leave(first, signal.SIGKILL)
    machine.leave(second, signal.SIGKILL)

    eventually(lambda: not machine.runs())


def test_a_keeper_ignores_polite_signals_while_somebody_uses_the_server(machine: Machine) -> None:
    user = machine.start()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(machine.keeper(), number)

    assert machine.sql("select 1") == "1"
    assert keeper.held(machine.home, "keeper.lock")
    machine.leave(user, signal.SIGKILL)
    eventually(lambda: not machine.runs())


def test_a_killed_server_is_started_again_with_its_data(machine: Machine) -> None:
    machine.start()
    machine.sql("create table kept as select 7 as value")
    killed = machine.postmaster()
    os.kill(killed, signal.SIGKILL)

    user = machine.start()

    assert machine.postmaster() != killed
    assert machine.sql("select value from kept") == "7"
    for other in machine.users:
        machine.leave(other, signal.SIGKILL)
    assert user.returncode == -signal.SIGKILL
    eventually(lambda: not machine.runs())


def test_a_server_whose_socket_folder_was_removed_is_replaced(machine: Machine) -> None:
    machine.start()
    machine.sql("create table if not exists reached as select 5 as value")
    deaf = machine.postmaster()
    shutil.rmtree((machine.home / "data" / "postmaster.pid").read_text().splitlines()[4])

    machine.start()

    assert machine.postmaster() != deaf
    assert machine.sql("select value from reached") == "5"
    for other in machine.users:
        machine.leave(other, signal.SIGKILL)
    eventually(lambda: not lives(deaf) and not machine.runs())


def test_a_server_whose_lock_was_deleted_is_replaced_and_none_is_left(machine: Machine) -> None:
    machine.start()
    unlocked = machine.postmaster()
    (machine.home / "server.lock").unlink()

    machine.start()

    replaced = machine.postmaster()
    assert replaced != unlocked
    assert machine.sql("select 1") == "1"
    for other in machine.users:
        machine.leave(other, signal.SIGKILL)
    eventually(lambda: not lives(unlocked) and not lives(replaced) and not machine.runs())


def test_no_server_is_left_where_its_directory_has_another_name(machine: Machine) -> None:
    machine.data = machine.folder / "renamed from"
    user = machine.start()
    server, aside = machine.postmaster(), machine.folder / "renamed to"
    machine.data.rename(aside)
    machine.leave(user)
    eventually(lambda: not lives(server))
    assert user.returncode == 0


def test_a_stale_pid_file_whose_number_belongs_to_somebody_else_is_no_obstacle(machine: Machine) -> None:
    user = machine.start()
    owner = machine.postmaster()
    stale = (machine.home / "data" / "postmaster.pid").read_text()
    os.kill(machine.keeper(), signal.SIGKILL)
    os.kill(owner, signal.SIGKILL)
    machine.leave(user, signal.SIGKILL)
    eventually(lambda: not machine.runs())
    foreign = subprocess.Popen(["sleep", "600"], cwd="/", **server_identity(machine.home))
    (machine.home / "data" / "postmaster.pid").write_text(stale.replace(str(owner), str(foreign.pid), 1))

    machine.leave(machine.start())

    eventually(lambda: not machine.runs())
    assert foreign.poll() is None
    foreign.kill()
    foreign.wait()


@pytest.mark.long
def test_an_initdb_that_was_killed_halfway_is_made_anew(machine: Machine) -> None:
    machine.data = machine.folder / "halfway"
    user = machine.begin()
    eventually((machine.home / "data.new" / "PG_VERSION").exists)
    machine.leave(user, signal.SIGKILL)

    machine.start()

    assert machine.sql("select current_database()") == "gridkeeper"
    assert not (machine.home / "data.new").exists()


def test_a_user_killed_while_the_server_starts_leaves_none(machine: Machine) -> None:
    machine.leave(machine.start())
    eventually(lambda: not machine.runs())

    user = machine.begin()
    eventually(machine.runs)
    machine.leave(user, signal.SIGKILL)

    eventually(lambda: not machine.runs())
    eventually(lambda: not keeper.held(machine.home, "keeper.lock"))


def test_children_of_a_user_do_not_keep_the_server(machine: Machine) -> None:
    forks = """
import os, subprocess, time
subprocess.Popen(["sleep", "600"], close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
if os.fork() == 0:
    os.close(0)
    os.close(1)
    os.fork()
    time.sleep(600)
print("forked", flush=True)
"""
    user = machine.begin(then=forks)
    assert machine.url(user).startswith("postgresql://")
    assert machine.url(user) == "forked"
    eventually(lambda: len(children_of(user.pid)) == 3)
    children = children_of(user.pid)

    machine.leave(user, signal.SIGKILL)

    eventually(lambda: not machine.runs())
    assert len(children) == 3
    assert all(lives(child) for child in children)
    for child in children:
        os.kill(child, signal.SIGKILL)


def children_of(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children")
    if not found.exists():
        pytest.skip("this kernel does not list the children of a process")
    direct = [int(text) for text in found.read_text().split()]
    return direct + [grandchild for child in direct for grandchild in children_of(child)]


def test_a_pipeline_ends_with_the_command_although_the_server_goes_on(machine: Machine) -> None:
    first = machine.start()
    second = machine.start()

    told, _ = first.communicate(timeout=60)

    assert told == ""
    assert machine.runs()
    machine.leave(second)


@NEEDS_PROC
def test_the_server_sees_no_secret_and_the_keeper_stays_small(machine: Machine) -> None:
    machine.start()

    for process in (machine.postmaster(), machine.keeper()):
        assert b"a-secret" not in Path(f"/proc/{process}/environ").read_bytes()
    status = dict(line.split(":", 1) for line in Path(f"/proc/{machine.keeper()}/status").read_text().splitlines())
    assert int(status["VmRSS"].split()[0]) < 15_000
    assert set(status["Uid"].split()) == {str((machine.home / "data").stat().st_uid)}


def test_a_long_path_with_odd_characters_is_fine(present: Machine) -> None:
    present.data = present.folder / ("d" * 120) / """it's "$HOME" `x` \\ ü"""

    present.start()

    assert present.sql("select 1") == "1"


def test_a_file_in_place_of_the_directory_is_named(machine: Machine) -> None:
    (machine.folder / "taken").write_text("")

    told = machine.refusal(machine.folder / "taken" / "data")

    assert told.startswith("ConfigurationError GRIDKEEPER_DATA_DIR")
    assert f"{machine.folder / 'taken'} is a file" in told


def test_a_database_of_another_postgresql_is_refused_with_the_remedy(machine: Machine) -> None:
    with machine.changed(machine.home / "data" / "PG_VERSION", "15\n"):
        told = machine.refusal()

    assert "made by PostgreSQL 15" in told
    assert "GRIDKEEPER_DATABASE__URL" in told
    assert not machine.runs()


def test_a_server_started_by_hand_is_not_disturbed(machine: Machine, make_folder: Callable[[], Path]) -> None:
    machine.leave(machine.start())
    eventually(lambda: not machine.runs())
    sockets = make_folder()
    os.chown(sockets, (machine.home / "data").stat().st_uid, -1)
    command = [
        str(binaries() / "postgres"),
        "-D",
        str(machine.home / "data"),
        "-c",
        "listen_addresses=",
        "-k",
        str(sockets),
    ]
    log = subprocess.DEVNULL
    by_hand = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, **server_identity(machine.home))
    eventually(lambda: (keeper.postmaster(machine.home) or (0, False))[1])

    told = machine.refusal()

    assert "another PostgreSQL, not started by gridkeeper" in told
    assert by_hand.poll() is None
    by_hand.send_signal(signal.SIGINT)
    by_hand.wait()


def test_a_server_that_cannot_start_says_why_and_where_its_log_is(machine: Machine) -> None:
    with machine.changed(machine.home / "data" / "postgresql.auto.conf", "shared_buffers = nonsense\n"):
        told = machine.refusal()

    assert told.startswith("DatabaseUnavailable")
    assert "shared_buffers" in told
    assert str(machine.home / "server.log") in told
    eventually(lambda: not keeper.held(machine.home, "keeper.lock"))


@pytest.mark.long
def test_a_squatted_socket_directory_is_refused(machine: Machine) -> None:
    machine.leave(machine.start())
    sockets = Path(machine.url(machine.begin()).partition("host=")[2].partition("&")[0])
    machine.leave(machine.users[-1])
    eventually(lambda: not sockets.exists())
    sockets.mkdir(mode=0o777)
    sockets.chmod(0o777)

    told = machine.refusal()

    sockets.rmdir()
    assert f"{sockets} is not a private directory" in told


@NEEDS_ROOT
def test_a_directory_that_cannot_be_written_is_named(ordinary: Machine) -> None:
    closed = ordinary.folder / "read only"
    closed.mkdir()
    closed.chmod(0o555)

    told = ordinary.refusal(closed)

    assert told.startswith(f"ConfigurationError GRIDKEEPER_DATA_DIR: cannot create {closed / 'postgresql'}")
    assert f"make {closed} accessible and writable" in told


@pytest.mark.long
@NEEDS_ROOT
def test_the_database_of_another_user_is_refused(present: Machine, ordinary: Machine) -> None:
    ordinary.leave(ordinary.start())
    eventually(lambda: not ordinary.runs())
    os.chown(ordinary.home / "data", 4711, 4711)
    told = [machine.refusal(ordinary.data) for machine in (present, ordinary)]
    os.chown(ordinary.home / "data", ordinary.account.uid, ordinary.account.gid)

    assert all(f"{ordinary.home / 'data'} belongs to user id 4711" in text for text in told)
    assert all("choose another directory" in text for text in told)


@NEEDS_ROOT
def test_a_user_without_a_name_is_told_the_remedy(ordinary: Machine, make_folder: Callable[[], Path]) -> None:
    open_folder = make_folder()
    open_folder.chmod(0o777)
    nameless = Machine(open_folder, ordinary.python, ordinary.path, Account("", 54321, 54321))

    assert "user id 54321 has no name" in nameless.refusal()


@NEEDS_ROOT
def test_root_may_stand_in_a_directory_that_the_server_cannot_enter(present: Machine) -> None:
    closed = present.folder / "closed"
    closed.mkdir(mode=0o700)

    user = present.begin(cwd=closed)

    assert present.url(user).startswith("postgresql://")


@NEEDS_ROOT
def test_root_changes_no_directory_that_was_there(present: Machine) -> None:
    present.data = present.folder / "was there"
    present.data.mkdir()
    present.data.chmod(0o711)

    present.start()

    assert present.data.stat().st_mode & 0o777 == 0o711
    assert present.data.stat().st_uid == 0
    assert (present.home / "data").stat().st_uid != 0


def test_the_socket_is_closed_to_others(ordinary: Machine) -> None:
    url = ordinary.url(ordinary.begin())
    sockets = Path(url.partition("host=")[2].partition("&")[0])
    other = (
        "import os, socket, sys; os.setgid(54321); os.setuid(54321)\n"
        "try: socket.socket(socket.AF_UNIX).connect(sys.argv[1])\n"
        "except PermissionError: print('refused')"
    )

    command = [sys.executable, "-W", "ignore", "-c", other, str(sockets / ".s.PGSQL.5432")]
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")

    assert told.stdout == "refused\n"
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert ordinary.sql("show listen_addresses") == ""
