"""One session of a login for all processes, kept encrypted: one logs in, the others go on with what it got."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol

import structlog

from app.errors import DatabaseUnavailable
from app.probes.interfaces.logins.models import LoginFailed, RequestCredentials, TokenLogin
from app.probes.interfaces.logins.repository import SessionRow
from app.probes.interfaces.logins.tokens import Token
from app.probes.vault import Vault

HELD = timedelta(seconds=12)
"""So long after a process that logs in is gone, another one may."""
HELD_AGAIN_SECONDS = 4.0
LOOK_SECONDS = 0.25
WAIT_SECONDS = 60.0
"""For the login of another process."""


class SessionRows(Protocol):
    """Where sealed sessions stand; `LoginRepository` for one."""

    async def session(self, login: str) -> SessionRow: ...

    async def begin_login(self, login: str, holder: str, lasts: timedelta, known: str | None) -> bool: ...

    async def hold_login(self, login: str, holder: str, lasts: timedelta) -> None: ...

    async def keep_session(self, login: str, holder: str, sealed: str) -> None: ...

    async def login_failed(self, login: str, holder: str, problem: str, pause: timedelta) -> None: ...


class SharedSessions:
    """The sessions of logins that several processes use."""

    def __init__(self, rows: SessionRows, vault: Vault, *, holder: str, is_alone: Callable[[], bool]) -> None:
        self._rows = rows
        self._vault = vault
        self._holder = holder
        self._is_alone = is_alone
        self._log = structlog.get_logger()

    def shares(self, login: TokenLogin) -> bool:
        """As the file says; where it says nothing, logins of users are shared as soon as another process probes, too."""
        if login.shared is not None:
            return login.shared
        return not self._is_alone() and ("grant_type", "client_credentials") not in login.request.form

    async def newer(self, login: TokenLogin, known: Token | None, now: datetime) -> tuple[Token | None, bool]:
        """A token that another process fetched, else None and whether this process is the one that logs in now.

        It waits for a login that is under way; LoginFailed where the last one failed a moment ago. Without a database
        each process logs in for itself.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    row = await self._rows.session(login.name)
                    token = self._opened(login, row.sealed)
                    if token is not None and token.renew_at > now and (known is None or not _same(token, known)):
                        return token, False
                    if row.problem:
                        raise LoginFailed(row.problem)
                    if await self._rows.begin_login(login.name, self._holder, HELD, row.sealed):
                        return None, True
                    await asyncio.sleep(LOOK_SECONDS)
        except DatabaseUnavailable:
            return None, False
        except TimeoutError:
            raise LoginFailed("another process has been logging in for a minute") from None

    async def holding(self, login: TokenLogin, fetched: Awaitable[Token]) -> Token:
        """What the login gives, which is this process's alone for as long as it takes."""
        task = asyncio.ensure_future(fetched)
        try:
            while not task.done():
                await asyncio.wait([task], timeout=HELD_AGAIN_SECONDS)
                if not task.done():
                    await self._notified(self._rows.hold_login(login.name, self._holder, HELD), login)
        finally:
            task.cancel()
        token = await task
        await self._notified(self._rows.keep_session(login.name, self._holder, self._sealed(login, token)), login)
        return token

    async def failed(self, login: TokenLogin, problem: str, pause: timedelta) -> None:
        """The login failed; the others hear why, and try no sooner than after the pause."""
        await self._notified(self._rows.login_failed(login.name, self._holder, problem[:2000], pause), login)

    async def _notified(self, said: Awaitable[None], login: TokenLogin) -> None:
        try:
            await said
        except DatabaseUnavailable as error:
            self._log.warning("login_session_dropped", login=login.name, error=str(error))

    def _sealed(self, login: TokenLogin, token: Token) -> str:
        sent = token.credentials
        return self._vault.seal(
            json.dumps(
                {
                    "of": _digest(login),
                    "headers": dict(sent.headers),
                    "query": sent.query,
                    "secrets": sent.secrets,
                    "ends": token.ends.isoformat(),
                    "renew_at": token.renew_at.isoformat(),
                    "refresh": token.refresh,
                }
            )
        )

    def _opened(self, login: TokenLogin, sealed: str | None) -> Token | None:
        """None where there is none, or it was sealed with another key or for another login of the name."""
        try:
            kept: dict[str, Any] = json.loads(self._vault.open(sealed or ""))
            if kept["of"] != _digest(login):
                return None
            query = tuple((name, value) for name, value in kept["query"])
            sent = RequestCredentials(kept["headers"], query, tuple(kept["secrets"]))
            ends, renew_at = (datetime.fromisoformat(kept[name]) for name in ("ends", "renew_at"))
            return Token(sent, ends, renew_at, kept["refresh"])
        except (ValueError, KeyError, TypeError):
            return None


def _digest(login: TokenLogin) -> str:
    """Of all that the file says of a login: a session of another user or address is none of it."""
    said = asdict(login)
    said.pop("shared")
    return sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def _same(one: Token, other: Token) -> bool:
    return one.credentials.headers == other.credentials.headers and one.credentials.query == other.credentials.query
