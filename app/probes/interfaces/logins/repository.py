"""What logins keep for other processes and for restarts, sealed: refresh tokens, and sessions that processes share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.probes.interfaces.logins import sql

if TYPE_CHECKING:
    from app.db.engine import Database


@dataclass(frozen=True, slots=True)
class SessionRow:
    """The shared session of a login."""

    sealed: str | None = None
    problem: str = ""
    """Why the last login failed, until the next one is tried."""


class LoginRepository:
    """Every public method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def kept_token(self, login: str) -> str | None:
        """The sealed refresh token of a login."""
        async with self._database.connection() as connection:
            found: str | None = await connection.fetchval(sql.KEPT_REFRESH, login)
            return found

    async def keep_token(self, login: str, sealed: str) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(sql.KEEP_REFRESH, login, sealed)

    async def session(self, login: str) -> SessionRow:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.SESSION, login)
        return SessionRow(row["session"], row["problem"]) if row is not None else SessionRow()

    async def begin_login(self, login: str, holder: str, lasts: timedelta, known: str | None) -> bool:
        """Whether this process may log in: nobody else does, nor has since the session was read."""
        async with self._database.transaction() as connection:
            return bool(await connection.fetchval(sql.BEGIN_LOGIN, login, holder, lasts, known))

    async def hold_login(self, login: str, holder: str, lasts: timedelta) -> None:
        """The login takes longer."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.HOLD_LOGIN, login, holder, lasts)

    async def keep_session(self, login: str, holder: str, sealed: str) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(sql.KEEP_SESSION, login, holder, sealed)

    async def login_failed(self, login: str, holder: str, problem: str, pause: timedelta) -> None:
        """Nobody tries again within the pause."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.LOGIN_FAILED, login, holder, problem, pause)

    async def keep_only(self, logins: Iterable[str], now: datetime) -> None:
        """What is kept of logins that are not among these is erased after a day, unless they come back."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.MARK_OTHERS, list(logins), now)
