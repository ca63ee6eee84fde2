"""What the drivers raise when the server, the network or their own state has failed, why in words, and how it is waited for."""

from __future__ import annotations

import asyncio
import time

import asyncpg
from asyncpg import InternalClientError

from app.errors import ConnectionsRefused
from app.kit.periodic import pause
from app.logging import OutageLog

AGAIN_SECONDS = 1.0
"""Between two attempts of a process for a further connection, while the server refuses them."""
LATELY_SECONDS = 60.0
"""So long after the last refusal it says something of the present; who needs no connection does not ask again."""

DRIVER_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, InternalClientError)
"""`InternalClientError`: the driver lost track of a server that died, or of itself after the process was frozen."""

# libpq keeps the code of an error to itself while it connects, so that only words are left; poolers have their own.
_FULL = ("too many clients", "remaining connection slots", "too many connections", "no more connections allowed")
_OWN_LIMIT = ("connections for role", "connections for database")


def refuses_connections(error: BaseException) -> bool:
    """Whether the server answers, and has no room for one more connection."""
    if isinstance(error, asyncpg.TooManyConnectionsError):
        return True
    text = str(error)
    return any(words in text for words in _FULL)


def connect_failure(error: BaseException) -> str:
    """Why a connection could not be had, with the remedy where it is known."""
    text = " ".join(str(error).split()) or type(error).__name__
    if not refuses_connections(error):
        return text
    if any(words in text for words in _OWN_LIMIT):
        limit, raised = "CONNECTION LIMIT of the role or database", "raise that limit (alter role, alter database)"
    else:
        limit, raised = "max_connections", "raise max_connections of the server"
    return (
        f"PostgreSQL refuses further connections ({limit}): {text}; {raised}, run fewer processes, or lower "
        "GRIDKEEPER_DATABASE__POOL_SIZE"
    )


class Admission:
    """Whether the server takes further connections of this process; said once when it does not, and once when it does."""

    def __init__(self) -> None:
        self._said = OutageLog("connections_failed", "connections_recovered")
        self._why = ""
        self._again_at = float("-inf")
        self._freed = asyncio.Event()

    @property
    def refusal(self) -> str:
        """Why the server lately took no further connection; empty where it did, or nobody asked for one."""
        return self._why if time.monotonic() < self._again_at + LATELY_SECONDS else ""

    def check(self) -> None:
        """ConnectionsRefused where one was refused a moment ago: many that ask keep the server from its work."""
        if time.monotonic() < self._again_at:
            raise ConnectionsRefused(self._why)

    def refused(self, why: str) -> ConnectionsRefused:
        """The server has no room: the error to raise."""
        self._why, self._again_at = why, time.monotonic() + AGAIN_SECONDS
        return ConnectionsRefused(why)

    def granted(self) -> None:
        """The server gave a connection."""
        self._again_at = float("-inf")
        self._said.over()

    def freed(self) -> None:
        """A connection of this process is not in use any more."""
        self._freed.set()

    async def wait(self, error: ConnectionsRefused) -> None:
        """Return when a connection of this process becomes free, or the server may be asked again."""
        self._said.met(error)
        self._freed.clear()
        await pause(self._freed, AGAIN_SECONDS)
