"""Where the embedded database lives: the decisions, and what is said about them."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.embedded import location as place
from app.db.embedded import programs
from app.db.embedded.location import (
    Account,
    DirectoryAccess,
    ServerLocation,
    barrier,
    claim,
    locate,
    move_notice,
    passable,
    spare_home,
)
from app.db.embedded.programs import binaries, environment, version
from app.db.embedded.server import server_error
from app.errors import ConfigurationError, DatabaseUnavailable

NOBODY = Account("nobody", 65534, 65534)
HERE = Account(pwd.getpwuid(os.geteuid()).pw_name, os.geteuid(), os.getegid())


def entry(path: str, mode: int, uid: int = 0, gid: int = 0) -> DirectoryAccess:
    return DirectoryAccess(Path(path), stat.S_IFDIR | mode, uid, gid)


def some_place(**changes: object) -> ServerLocation:
    usual: dict[str, object] = {
        "asked": Path("/srv/data"),
        "home": Path("/srv/data/postgresql"),
        "programs": Path("/opt/bin"),
        "account": NOBODY,
        "drops_root": True,
    }
    return ServerLocation(**(usual | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("directory", "open_to_nobody"),
    [
        (entry("/a", 0o755), True),
        (entry("/a", 0o711), True),
        (entry("/a", 0o700), False),
        (entry("/a", 0o750, gid=65534), True),
        (entry("/a", 0o705, gid=65534), False),
        (entry("/a", 0o700, uid=65534), True),
        (entry("/a", 0o077, uid=65534), False),
    ],
)
def test_the_bits_of_the_first_class_that_fits_decide(directory: DirectoryAccess, *, open_to_nobody: bool) -> None:
    assert passable(directory, NOBODY) is open_to_nobody


def test_the_outermost_closed_directory_is_the_barrier() -> None:
    way = [entry("/", 0o755), entry("/root", 0o700), entry("/root/a", 0o700), entry("/root/a/b", 0o755)]

    assert barrier(way, NOBODY) == Path("/root")
    assert barrier(way[:1], NOBODY) is None


@given(st.lists(st.integers(0, 0o777), max_size=8))
def test_there_is_a_barrier_exactly_where_a_directory_is_closed(modes: list[int]) -> None:
    way = [entry(f"/{number}", mode) for number, mode in enumerate(modes)]

    found = barrier(way, NOBODY)

    assert (found is None) == all(mode & 0o001 for mode in modes)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), st.text(min_size=1, max_size=9))
def test_every_directory_asked_for_has_a_spare_home_of_its_own(one: str, other: str) -> None:
    shared = Path("/var/lib/gridkeeper")

    assert spare_home(Path("/x") / one, shared) == spare_home(Path("/x") / one, shared)
    assert (spare_home(Path("/x/y" + one), shared) == spare_home(Path("/x/z" + one), shared)) is False


def test_nothing_is_said_where_everything_is_as_asked() -> None:
    assert move_notice(some_place()) is None
    assert move_notice(some_place(drops_root=False)) is None


def test_the_notice_names_what_lives_elsewhere_and_the_directory_that_is_closed() -> None:
    moved = some_place(home=Path("/var/lib/gridkeeper/data-1"), data_barrier=Path("/root"))
    copied = some_place(programs=Path("/var/lib/gridkeeper/postgresql-18/bin"), programs_barrier=Path("/root/x"))

    assert move_notice(moved) == (
        "running as root: the embedded PostgreSQL runs as user nobody; /root is closed to it:"
        " the database lives in /var/lib/gridkeeper/data-1"
    )
    assert move_notice(copied) == (
        "running as root: the embedded PostgreSQL runs as user nobody; /root/x is closed to it:"
        " PostgreSQL's programs were copied to /var/lib/gridkeeper/postgresql-18/bin"
    )


def test_a_database_that_was_moved_stays_there_and_the_notice_says_so() -> None:
    """Its old reason may be gone by now."""
    assert move_notice(some_place(home=Path("/var/lib/gridkeeper/data-1"))) == (
        "running as root: the embedded PostgreSQL runs as user nobody: the database lives in /var/lib/gridkeeper/data-1"
    )


@pytest.mark.parametrize(
    ("output", "kind", "part"),
    [
        ("initdb: error: could not write: No space left on device\n", ConfigurationError, "no space left"),
        ("FATAL:  pre-existing shared memory block (key 1) is still in use\n", DatabaseUnavailable, "stop it"),
        ('FATAL:  lock file "/x/.s.PGSQL.5432.lock" already exists\n', DatabaseUnavailable, "another PostgreSQL"),
        ("one\ntwo\n\nthree\nfour\n", DatabaseUnavailable, "two / three / four (its log is /srv/data/postgresql/"),
        ("", DatabaseUnavailable, "it said nothing"),
    ],
)
def test_the_reason_a_server_gave_becomes_an_error_with_a_remedy(output: str, kind: type, part: str) -> None:
    error = server_error(output, some_place())

    assert type(error) is kind
    assert part in str(error)
    assert "/srv/data/postgresql" in str(error)


def test_a_missing_wheel_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "WHEEL", "no_such_wheel")

    with pytest.raises(ConfigurationError, match=r"pip install 'gridkeeper\[embedded\]', or set GRIDKEEPER_DATABASE"):
        binaries()


def test_programs_without_their_exec_bits_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "bare_wheel" / "pginstall18" / "bin"
    folder.mkdir(parents=True)
    (folder / "postgres").write_text("no program")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(programs, "WHEEL", "bare_wheel")

    with pytest.raises(ConfigurationError, match=r"bin/postgres is missing or not executable: pip install --force"):
        binaries()


def test_a_program_that_does_not_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "postgres").write_text("#!/bin/sh\necho broken >&2; exit 3\n")
    with pytest.raises(ConfigurationError, match=r"does not run here \(Permission denied\)"):
        version(tmp_path)

    (tmp_path / "postgres").chmod(0o755)
    with pytest.raises(ConfigurationError, match=r"does not run here \(broken\)"):
        version(tmp_path)


def test_the_server_gets_none_of_our_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__TOKEN", "secret")
    monkeypatch.setenv("PGPORT", "1")

    assert set(environment()) <= {"PATH", "LC_ALL", "TZ", "LD_LIBRARY_PATH"}


def test_a_link_in_place_of_the_socket_directory_is_refused(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.mkdir(mode=0o700)
    link.symlink_to(target)
    claim(target, HERE)

    with pytest.raises(ConfigurationError, match="is not a private directory"):
        claim(link, HERE)


def test_a_socket_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"make {tmp_path / 'missing'} writable"):
        claim(tmp_path / "missing" / "sockets", HERE)


def test_a_file_on_the_way_to_the_data_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match=f"GRIDKEEPER_DATA_DIR: {tmp_path / 'file'} is a file"):
        locate(tmp_path / "file" / "data")


def test_neither_postgres_nor_nobody_means_root_cannot_run_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(place, "SERVANTS", ("nobody-of-this-name",))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    with pytest.raises(ConfigurationError, match="neither a user postgres nor nobody"):
        locate(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a directory that belongs to somebody else")
def test_the_directory_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "postgresql").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 65534)

    with pytest.raises(ConfigurationError, match="belongs to user root, but the database would run as"):
        locate(tmp_path)


def test_a_user_id_without_a_name_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)

    with pytest.raises(ConfigurationError, match="user id 54321 has no name"):
        locate(tmp_path)


def test_a_file_in_place_of_the_database_is_named(make_folder: Callable[[], Path]) -> None:
    folder = make_folder()
    (folder / "postgresql").write_text("")

    with pytest.raises(ConfigurationError, match=f"{folder / 'postgresql'} is a file"):
        locate(folder)
