"""Start or join the embedded server; several processes may use it, the last one out stops it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from app.db.embedded import keeper
from app.db.embedded.location import SETTING, ServerLocation, claim, give, locate, move_notice, socket_dir
from app.db.embedded.programs import URL_REMEDY, environment, version
from app.db.embedded.tcp import OWNER, tcp_options
from app.db.embedded.tcp import SETTING as PORT_SETTING
from app.errors import AppError, ConfigurationError, DatabaseUnavailable

PATIENCE = 120.0
ATTEMPTS = 5
# A laptop's share: written to postgresql.conf, where a user may change them.
SETTINGS = MappingProxyType(
    {
        "listen_addresses": "",
        "max_connections": "100",
        "shared_buffers": "128MB",
        "max_wal_size": "1GB",
        "min_wal_size": "80MB",
        "wal_compression": "on",
        "jit": "off",
        "log_checkpoints": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
)
NO_TUNING: Mapping[str, str] = MappingProxyType({})


class Hold:
    """A shared lock on users.lock: as long as it lasts, nobody stops the server.

    A plain descriptor, so that a forgotten handle keeps the server until the process ends.
    """

    def __init__(self, place: ServerLocation) -> None:
        self.place = place
        self._lock: int | None = keeper.open_lock(place.home, "users.lock")
        fcntl.flock(self._lock, fcntl.LOCK_SH)  # waits while a keeper stops the server
        _HOLDS.add(self)

    def drop(self) -> None:
        """Let go; where the keeper was killed, a new one takes over."""
        home = self.place.home
        try:
            if self._lock is not None and keeper.held(home, "server.lock") and not keeper.held(home, "keeper.lock"):
                _launch(self.place, ())
        except FileNotFoundError:
            # The directory has another name by now; its keeper knows the server all the same.
            return
        finally:
            self.close()

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
            _HOLDS.discard(self)


_HOLDS: set[Hold] = set()


def _let_go_after_fork() -> None:
    """The lock belongs to the parent and must not outlive it in a forked child."""
    for hold in tuple(_HOLDS):
        hold.close()


os.register_at_fork(after_in_child=_let_go_after_fork)


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """The handle of one user of the running server."""

    url: str
    data_dir: Path
    _hold: Hold = field(repr=False, compare=False)
    _socket: Path = field(repr=False, compare=False)
    _options: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def port(self) -> int | None:
        """Where it listens on TCP: whoever started it has decided."""
        return keeper.tcp_port(self.data_dir)

    @property
    def runs(self) -> bool:
        """Whether server and keeper live and can be reached; looks at two locks and a file, so it may be asked often."""
        try:
            alive = keeper.held(self.data_dir, "server.lock") and keeper.held(self.data_dir, "keeper.lock")
        except FileNotFoundError:
            return False
        return alive and self._socket.exists()

    def revive(self) -> None:
        """Start again what was killed while we use it; the address stays the same. Blocks: call it in a thread."""
        place = self._hold.place
        try:
            with _alone(place):
                _run(place, self._options)
        except OSError as error:
            raise server_error(str(error), place) from error

    def release(self) -> None:
        """Stop using the server; the keeper stops it after its last user."""
        self._hold.drop()


def start_embedded(data_dir: Path, *, tuning: Mapping[str, str] = NO_TUNING, port: int | None = None) -> EmbeddedServer:
    """Join the server of this directory, started (and made) first where needed. Blocks: call it in a thread.

    Safe against other processes doing the same. `tuning` adds server settings, and `port` TCP on loopback, if this call
    starts the server.
    """
    place = locate(data_dir)
    options = tuple(f"{name}={value}" for name, value in tuning.items())
    try:
        if port is not None:
            options += tcp_options(place, port)
        with contextlib.ExitStack() as undo:
            hold = Hold(place)
            undo.callback(hold.drop)
            with _alone(place):
                sockets = _run(place, options)
            undo.pop_all()
    except OSError as error:
        raise server_error(str(error), place) from error
    url = f"postgresql://{OWNER}@/{OWNER}?host={sockets}&port=5432"
    return EmbeddedServer(url, place.home, hold, keeper.socket_files(sockets)[0], options)


def embedded_notice(data_dir: Path) -> str | None:
    """What to tell the user about where the database lives: once, then None."""
    place = locate(data_dir)
    text, noticed = move_notice(place), place.home / "told"
    if text is None or (noticed.exists() and noticed.read_text(encoding="utf-8") == text):
        return None
    noticed.write_text(text, encoding="utf-8")
    return text


@contextlib.contextmanager
def _alone(place: ServerLocation) -> Iterator[None]:
    lock = keeper.open_lock(place.home, "start.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _run(place: ServerLocation, options: tuple[str, ...]) -> Path:
    """Bring server and keeper up; the caller holds users.lock shared and start.lock alone.

    A second look, because either may be killed just after it has come up.
    """
    sockets = socket_dir(place.home, place.account)
    for _ in range(ATTEMPTS):
        running = _ready(place)
        if running and not keeper.socket_files(sockets)[0].exists():
            _stop_deaf(place)
            running = False
        if running and keeper.held(place.home, "keeper.lock"):
            return sockets
        if not running:
            _make_database(place, options)
            _check_version(place)
        claim(sockets, place.account)
        _launch(place, options)
    raise server_error(_log_since(place.log, 0), place)


def _launch(place: ServerLocation, options: tuple[str, ...]) -> None:
    """Run a keeper, which starts the server unless it runs; raises if no server came of it."""
    sockets = socket_dir(place.home, place.account)
    server = [str(place.programs / "postgres"), "-D", str(place.data)]
    fixed = ("listen_addresses=", f"unix_socket_directories={sockets}", "unix_socket_permissions=0700", "port=5432")
    chosen = [part for option in (*fixed, *options) for part in ("-c", option)]
    account = [str(place.account.uid), str(place.account.gid)]
    said_before = place.log.stat().st_size if place.log.exists() else 0
    run = [sys.executable, "-I", "-S", keeper.__file__, str(place.home), str(sockets), *account, *server, *chosen]
    try:
        result = subprocess.run(  # noqa: S603  our own program
            run,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            env=environment(),
            start_new_session=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise _too_slow(place) from None
    if result.returncode and not keeper.held(place.home, "server.lock"):
        raise server_error(_log_since(place.log, said_before) + result.stderr.decode(errors="replace"), place)


def _ready(place: ServerLocation) -> bool:
    """Whether a server runs here; waits for one that is starting or stopping, and for a left-over initdb."""
    until = time.monotonic() + PATIENCE
    while keeper.held(place.home, "server.lock"):
        running = keeper.postmaster(place.home)
        if running and running[1]:
            return True
        if time.monotonic() > until:
            raise _too_slow(place)
        time.sleep(0.02)
    return False


def _stop_deaf(place: ServerLocation) -> None:
    """Stop a server whose socket somebody has removed: it listens on, and nobody can reach it."""
    lock = keeper.open_lock(place.home, "server.lock")
    try:
        keeper.stop(place.home, lock)
    finally:
        os.close(lock)


def _too_slow(place: ServerLocation) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"the embedded PostgreSQL in {place.home} was not ready within {PATIENCE:.0f} s: try again later,"
        f" its log is {place.log}"
    )


def _log_since(log: Path, size: int) -> str:
    with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
        file.seek(max(size, log.stat().st_size - 20_000))
        return file.read().decode(errors="replace")
    return ""


def server_error(output: str, place: ServerLocation) -> AppError:
    """The error behind what initdb or the server wrote before it gave up."""
    if "No space left on device" in output:
        return ConfigurationError(
            f"{SETTING}: no space left for the database in {place.home}: free some, or choose a directory elsewhere"
        )
    if "could not create any TCP/IP sockets" in output:
        reason = re.search(r"could not bind .*: (.+)", output)
        return ConfigurationError(
            f"{PORT_SETTING}: the embedded PostgreSQL cannot listen there ({reason[1] if reason else 'see its log'}):"
            f" choose another port, or none (its log is {place.log})"
        )
    if "is still in use" in output or 'lock file "' in output:
        return DatabaseUnavailable(
            f"another PostgreSQL, not started by gridkeeper, uses {place.data}: stop it and try again"
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = " / ".join(lines[-3:]) or "it said nothing"
    return DatabaseUnavailable(
        f"the embedded PostgreSQL did not start in {place.home}: {said} (its log is {place.log}); mend that, {URL_REMEDY}"
    )


def _check_version(place: ServerLocation) -> None:
    ours = version(place.programs).partition(".")[0]
    theirs = (place.data / "PG_VERSION").read_text(encoding="ascii").strip()
    if theirs != ours:
        raise ConfigurationError(
            f"{SETTING}: {place.data} was made by PostgreSQL {theirs}, but PostgreSQL {ours} is installed: dump it"
            f" with the old one, or move {place.home} away to collect anew, {URL_REMEDY}"
        )


def _make_database(place: ServerLocation, options: tuple[str, ...]) -> None:
    """Make cluster and database aside and rename them into place: what a killed process left is made anew.

    initdb inherits server.lock, so that one whose parent was killed is waited for.
    """
    lock = keeper.open_lock(place.home, "server.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.data.exists():
            fresh = place.home / "data.new"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            give(fresh, place.account)
            _initdb(place, fresh, lock, "fsync=off" not in options)
            fresh.rename(place.data)
    finally:
        os.close(lock)


def _initdb(place: ServerLocation, fresh: Path, lock: int, durable: bool) -> None:
    settings = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
    # Trust is enough: only the server's account and root reach a socket in its 0700 directory, and both could read
    # the files anyway. "peer" would add nothing and needs a name for every user id.
    kind = ["--username", OWNER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--data-checksums"]
    sync = [] if durable else ["--no-sync"]
    _as_server(place, ["initdb", "-D", str(fresh), "--no-instructions", *kind, *sync, *settings], "", lock)
    single = ["postgres", "--single", "-D", str(fresh), "-c", f"fsync={'on' if durable else 'off'}", "postgres"]
    _as_server(place, single, f"CREATE DATABASE {OWNER};\n", lock)


def _as_server(place: ServerLocation, command: list[str], text: str, lock: int) -> None:
    account = place.account
    result = subprocess.run(  # noqa: S603  our own program
        [str(place.programs / command[0]), *command[1:]],
        check=False,
        input=text,
        capture_output=True,
        text=True,
        cwd="/",
        env=environment(),
        umask=0o077,
        pass_fds=(lock,),
        start_new_session=True,
        user=account.uid if place.drops_root else None,
        group=account.gid if place.drops_root else None,
        extra_groups=[] if place.drops_root else None,
    )
    # The single-user server returns 0 after a failed statement.
    if result.returncode or "ERROR:" in result.stderr or "FATAL:" in result.stderr:
        raise server_error(result.stderr, place)
