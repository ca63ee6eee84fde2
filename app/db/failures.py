"""What the driver raises when the server, the network or its own state has failed, in one place."""

from __future__ import annotations

import asyncpg
from asyncpg import InternalClientError

DRIVER_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, InternalClientError)
"""`InternalClientError`: the driver lost track of a server that died, or of itself after the process was frozen."""
