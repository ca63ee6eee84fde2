"""Where the embedded database lives, and under which account its server runs."""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.db.embedded.programs import URL_REMEDY, binaries, copy_for
from app.errors import ConfigurationError

SHARED = Path("/var/lib/gridkeeper")
SOCKETS = Path("/tmp")  # noqa: S108  a path below the 107 bytes of a socket; `claim` refuses a squatter's directory
SERVANTS = ("postgres", "nobody")
SETTING = "GRIDKEEPER_DATA_DIR"


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the operating system under which the server runs."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class DirectoryAccess:
    """What decides whether an account may pass a directory."""

    path: Path
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class ServerLocation:
    """Directory, programs and account of one embedded server."""

    asked: Path
    home: Path
    programs: Path
    account: Account
    drops_root: bool = False
    data_barrier: Path | None = None
    programs_barrier: Path | None = None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"


def passable(entry: DirectoryAccess, account: Account) -> bool:
    """Whether the account may go through the directory, by its mode bits."""
    if entry.uid == account.uid:
        return bool(entry.mode & stat.S_IXUSR)
    if entry.gid == account.gid:
        return bool(entry.mode & stat.S_IXGRP)
    return bool(entry.mode & stat.S_IXOTH)


def barrier(entries: Iterable[DirectoryAccess], account: Account) -> Path | None:
    """The outermost directory that is closed to the account."""
    return next((entry.path for entry in entries if not passable(entry, account)), None)


def way_to(path: Path) -> list[DirectoryAccess]:
    """The existing directories from the root down to `path`."""
    steps = [step for step in (*reversed(path.parents), path) if step.is_dir()]
    return [
        DirectoryAccess(step, status.st_mode, status.st_uid, status.st_gid)
        for step in steps
        for status in (step.stat(),)
    ]


def spare_home(asked: Path, shared: Path) -> Path:
    """The home of a database whose data directory the server's account cannot reach."""
    return shared / f"data-{hashlib.sha256(os.fsencode(asked)).hexdigest()[:12]}"


def locate(data_dir: Path) -> ServerLocation:
    """Decide place and account, and create the directories the decision needs."""
    asked = data_dir.expanduser().absolute()
    _make_asked(asked)
    asked = asked.resolve()
    home = asked / "postgresql"
    if os.geteuid() != 0:
        account = _own_account()
        _make_home(home, 0o700)
        _check_owner(home, (account,))
        return ServerLocation(asked, home, binaries(), account)
    return _locate_for_root(asked, home, SHARED)


def has_database(data_dir: Path) -> bool:
    """Whether there is a database of this directory; nothing is made."""
    asked = data_dir.expanduser().absolute().resolve()
    homes = (asked / "postgresql", spare_home(asked, SHARED))
    # A folder that this user may not enter is for `locate` to name.
    return any((home / "data").exists() or (home.exists() and not os.access(home, os.X_OK)) for home in homes)


def _locate_for_root(asked: Path, home: Path, shared: Path) -> ServerLocation:
    spare, servants = spare_home(asked, shared), _servants()
    moved = (spare / "data").exists()
    account = _check_owner(spare if moved else home, servants) or servants[0]
    data_barrier = barrier(way_to(home), account)
    if data_barrier and (home / "data").exists():
        raise ConfigurationError(
            f"{SETTING}: {data_barrier} is closed to {account.name}, who runs the database in {home}:"
            f" chmod o+x {data_barrier}, {URL_REMEDY}"
        )
    if data_barrier or moved:
        home = spare
        _make_home(shared, 0o755)
    _make_home(home, 0o711)
    programs = binaries()
    programs_barrier = barrier(way_to(programs), account)
    if programs_barrier:
        _make_home(shared, 0o755)
        programs = copy_for(programs, shared)
    return ServerLocation(asked, home, programs, account, True, data_barrier, programs_barrier)


def move_notice(place: ServerLocation) -> str | None:
    """What the user should know about the place; None where everything is where it was asked for."""
    moved = [f"the database lives in {place.home}"] if place.home.parent != place.asked else []
    copied = [f"PostgreSQL's programs were copied to {place.programs}"] if place.programs_barrier else []
    if not moved + copied:
        return None
    closed = " and ".join(sorted({str(path) for path in (place.data_barrier, place.programs_barrier) if path}))
    why = f"; {closed} is closed to it" if closed else ""
    return (
        f"running as root: the embedded PostgreSQL runs as user {place.account.name}{why}:"
        f" {', and '.join(moved + copied)}"
    )


def socket_dir(home: Path, account: Account) -> Path:
    """A short directory for the server's socket, the same for every user of this home."""
    status = home.stat()
    identity = f"{home}\0{status.st_dev}:{status.st_ino}\0{account.uid}"
    return SOCKETS / f"gridkeeper-{hashlib.sha256(os.fsencode(identity)).hexdigest()[:12]}"


def claim(directory: Path, account: Account) -> None:
    """Make the directory ours alone; refuse one that somebody else has put there."""
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        status = directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != account.uid or status.st_mode & 0o077:
            raise ConfigurationError(
                f"{directory} is not a private directory of {account.name}, so the database's socket cannot live"
                f" there: remove it, {URL_REMEDY}"
            ) from None
    except OSError as error:
        raise ConfigurationError(
            f"cannot create {directory} for the database's socket ({error.strerror}): make {directory.parent}"
            f" writable, {URL_REMEDY}"
        ) from error
    else:
        give(directory, account)


def give(directory: Path, account: Account) -> None:
    """Hand a directory of ours over to the server's account."""
    if os.geteuid() == 0:
        os.chown(directory, account.uid, account.gid)


def _make_asked(asked: Path) -> None:
    new = not os.access(asked, os.F_OK)
    _make_directory(asked)
    if new and os.geteuid() == 0:
        asked.chmod(0o755)


def _make_home(home: Path, mode: int) -> None:
    _make_directory(home)
    status = home.stat()
    try:
        if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != mode:
            home.chmod(mode)
    except OSError as error:
        raise _cannot_write(home, error.strerror) from error
    if status.st_uid == os.geteuid() and not os.access(home, os.W_OK | os.X_OK):
        raise _cannot_write(home / "users.lock", "it is on a read-only disk")


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ConfigurationError(
            f"{SETTING}: {_deepest(path)} is a file: move it away or choose another directory"
        ) from error
    except OSError as error:
        raise _cannot_write(path, error.strerror) from error


def _deepest(path: Path) -> Path:
    """The deepest part of the path that exists and can be looked at."""
    return next((step for step in (path, *path.parents) if os.access(step, os.F_OK)), path)


def _cannot_write(path: Path, reason: str | None) -> ConfigurationError:
    return ConfigurationError(
        f"{SETTING}: cannot create {path} ({reason}): make {_deepest(path)} accessible and writable, choose another"
        f" directory, {URL_REMEDY}"
    )


def _check_owner(home: Path, accounts: tuple[Account, ...]) -> Account | None:
    """The account that owns the database in `home`; None where there is none yet."""
    data = home / "data"
    path = data if os.access(home, os.X_OK) and data.exists() else home
    if not path.exists():
        return None
    owner = path.stat().st_uid
    found = next((account for account in accounts if account.uid == owner), None)
    if found is None and (path is data or owner != os.geteuid()):
        raise ConfigurationError(
            f"{SETTING}: {path} belongs to {_name(owner)}, but the database would run as {accounts[0].name}:"
            f" run as its owner or choose another directory"
        )
    return found


def _name(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user id {uid}"


def _own_account() -> Account:
    uid = os.geteuid()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise ConfigurationError(
            f"user id {uid} has no name, and PostgreSQL does not run without one: add it to /etc/passwd, {URL_REMEDY}"
        ) from None
    return Account(entry.pw_name, uid, os.getegid())


def _servants() -> tuple[Account, ...]:
    found = []
    for name in SERVANTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            found.append(Account(name, entry.pw_uid, entry.pw_gid))
    if not found:
        raise ConfigurationError(
            f"PostgreSQL does not run as root, and there is neither a user postgres nor nobody: run as another user,"
            f" {URL_REMEDY}"
        )
    return tuple(found)
