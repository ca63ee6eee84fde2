"""The embedded server on TCP: on loopback only, and only with passwords, which it makes once for its directory."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from app.db.dashboard_role import READER
from app.db.embedded import keeper
from app.db.embedded.location import ServerLocation, locate

if TYPE_CHECKING:
    from app.db.engine import Connection

OWNER = "gridkeeper"
LOOPBACK = "127.0.0.1"
SETTING = "GRIDKEEPER_DATABASE__PORT"
ROUNDS = 4096
"""PostgreSQL's own; more would protect a weak password, and these are 256 random bits."""

# The cluster's own file trusts TCP, which is harmless only while nobody listens.
_ADMISSION = f"""\
# Written by gridkeeper; counts while {SETTING} is set, in place of data/pg_hba.conf.
local all         all                 trust
local replication all                 trust
host  all         {OWNER},{READER} {LOOPBACK}/32 scram-sha-256
"""


def tcp_options(place: ServerLocation, port: int) -> tuple[str, ...]:
    """What the server is started with to listen on the port."""
    admission = place.home / "pg_hba.tcp.conf"
    if not admission.exists() or admission.read_text(encoding="utf-8") != _ADMISSION:
        admission.write_text(_ADMISSION, encoding="utf-8")
        admission.chmod(0o644)
    return f"listen_addresses={LOOPBACK}", f"port={port}", f"hba_file={admission}"


def tcp_url(data_dir: Path, login: str) -> str | None:
    """The address on TCP, with its password; None where the running server does not listen."""
    home = locate(data_dir).home
    port = keeper.tcp_port(home)
    return None if port is None else f"postgresql://{login}:{_password(home, login)}@{LOOPBACK}:{port}/{OWNER}"


async def admit_logins(connection: Connection, data_dir: Path) -> None:
    """Let those who may come over TCP have the passwords of this directory; the server learns their digests only."""
    home = locate(data_dir).home
    wanted = {login: scram_verifier(_password(home, login)) for login in (OWNER, READER)}
    known = await connection.fetch("select rolname, rolpassword from pg_authid where rolname = any($1)", list(wanted))
    for login, verifier in known:
        if verifier != wanted[login]:
            await connection.execute(f"alter role {login} password '{wanted[login]}'")


def scram_verifier(password: str) -> str:
    """What PostgreSQL stores of a password (RFC 5803), the same each time: of 256 random bits the salt adds nothing."""
    salt = hashlib.sha256(b"gridkeeper" + password.encode()).digest()[:16]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ROUNDS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _password(home: Path, login: str) -> str:
    """The login's password, made where there is none; of several processes that make one, the first wins."""
    file = home / f"{login}.password"
    if not file.exists():
        descriptor, scratch = tempfile.mkstemp(dir=home)  # readable by its owner only
        with os.fdopen(descriptor, "w", encoding="ascii") as handle:
            handle.write(secrets.token_urlsafe(32))
        with contextlib.suppress(FileExistsError):
            os.link(scratch, file)
        Path(scratch).unlink()
    return file.read_text(encoding="ascii")
