"""Keeps the token of a login: fetched once for all callers, renewed ahead of its end, held in memory."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self
from urllib.parse import urlencode

from app.clock import Clock
from app.errors import ConfigurationError
from app.probes.checking.conditions.parse import parse_condition
from app.probes.interfaces.logins.models import (
    MATCH,
    FixedLogin,
    LoginFailed,
    RequestCredentials,
    ServiceLogin,
    SigningLogin,
    TokenLogin,
    TokenRequest,
)
from app.probes.interfaces.logins.refresh import RefreshTokens, TokenRows
from app.probes.interfaces.logins.sessions import SessionRows, SharedSessions
from app.probes.interfaces.logins.signing import signed_credentials
from app.probes.interfaces.logins.tokens import Token, read_token
from app.probes.models import CheckRequest, CheckResult
from app.probes.vault import Vault

LOGIN_TIMEOUT = 20.0
LOGIN_ANSWER = 1_000_000
"""Bytes of an answer to a login."""
PAUSE_FIRST, PAUSE_LONGEST = timedelta(seconds=5), timedelta(minutes=5)
"""After a login that failed; what callers are told meanwhile is what it said."""

REFUSED_AGAIN = timedelta(seconds=60)
"""A token that was fetched after a refusal is not fetched again within it."""


class RequestSender(Protocol):
    async def check(self, request: CheckRequest) -> CheckResult: ...


class LoginRows(TokenRows, SessionRows, Protocol):
    """Where what is kept of logins stands; `LoginRepository` for one."""

    async def keep_only(self, logins: Iterable[str], now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class KeptLogins:
    """What of logins outlives the process, or is shared with others."""

    rows: LoginRows
    refresh: RefreshTokens
    sessions: SharedSessions

    @classmethod
    def of(cls, rows: LoginRows, vault: Vault, *, holder: str, is_alone: Callable[[], bool]) -> Self:
        sessions = SharedSessions(rows, vault, holder=holder, is_alone=is_alone)
        return cls(rows, RefreshTokens(rows, vault), sessions)


class TokenKeeper:
    """The token of one login."""

    def __init__(self, login: TokenLogin, sender: RequestSender, clock: Clock, kept: KeptLogins | None = None) -> None:
        self._login = login
        self._kept = kept
        self._sender = sender
        self._clock = clock
        self._token: Token | None = None
        self._renewal: asyncio.Task[Token] | None = None
        self._failures = 0
        self._failed: tuple[datetime, LoginFailed] | None = None
        self._trusted_until = datetime.min.replace(tzinfo=UTC)

    async def token(self) -> Token:
        """A token that holds; LoginFailed where the service gives none."""
        now = self._clock.now()
        token = self._token
        if token is None or not token.holds(now):
            return await self._renewed(now)
        if now >= token.renew_at and self._may_ask(now):
            # Whoever asks is not kept waiting while the old one holds.
            self._begin(now)
        return token

    async def after_refusal(self, used: Token) -> Token:
        """Another token than the one that was refused, fetched once however many callers were refused.

        The same one where it was fetched a moment ago because of a refusal: another would be refused, too.
        """
        now = self._clock.now()
        if self._token is not None and (self._token is not used or now < self._trusted_until):
            return self._token
        if self._renewal is None:
            self._trusted_until = now + REFUSED_AGAIN
        return await self._renewed(now)

    async def close(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    def _may_ask(self, now: datetime) -> bool:
        return self._failed is None or now >= self._failed[0]

    async def _renewed(self, now: datetime) -> Token:
        if self._renewal is None and self._failed is not None and now < self._failed[0]:
            raise self._failed[1]
        return await asyncio.shield(self._begin(now))

    def _begin(self, now: datetime) -> asyncio.Task[Token]:
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew(now), name=f"login {self._login.name}")
            self._renewal.add_done_callback(self._ended)
        return self._renewal

    def _ended(self, task: asyncio.Task[Token]) -> None:
        self._renewal = None
        if not task.cancelled():
            task.exception()  # told to whoever waits, and by the state of the service

    async def _renew(self, now: datetime) -> Token:
        try:
            token = await self._own_or_shared(now)
        except LoginFailed as failed:
            self._failed = self._clock.now() + self._pause(), failed
            self._failures += 1
            raise
        self._failures, self._failed, self._token = 0, None, token
        return token

    def _pause(self) -> timedelta:
        """After one more failure."""
        return min(PAUSE_FIRST * (1 << min(self._failures, 10)), PAUSE_LONGEST)

    async def _own_or_shared(self, now: datetime) -> Token:
        """The token that another process fetched for all, else one of this process's own login."""
        login, sessions = self._login, self._kept.sessions if self._kept is not None else None
        if sessions is None or not sessions.shares(login):
            return await self._logged_in(now)
        token, is_mine = await sessions.newer(login, self._token, now)
        if token is not None:
            # It may be as old as the one that was refused.
            self._trusted_until = now
            return token
        if not is_mine:
            return await self._logged_in(now)
        try:
            return await sessions.holding(login, self._logged_in(now))
        except LoginFailed as failed:
            await sessions.failed(login, str(failed), self._pause())
            raise

    async def _logged_in(self, now: datetime) -> Token:
        tokens = self._kept.refresh if self._kept is not None else None
        refresh = self._token.refresh if self._token is not None else ""
        kept = await tokens.last(self._login) if tokens is not None and not refresh else ""
        token = await self._fetched(now, refresh or kept, again=bool(kept))
        if tokens is not None and token.refresh not in {"", refresh, kept}:
            await tokens.keep(self._login, token.refresh)
        return token

    async def _fetched(self, now: datetime, refresh: str, *, again: bool) -> Token:
        """`again`: where the refresh token is refused, it is tried with that of the file."""
        request = self._login.request
        if refresh:
            try:
                return await self._asked(_refreshing(request, refresh), now, refresh)
            except LoginFailed:
                if not again and not _grants_anew(request):
                    raise
        return await self._asked(request, now, "")

    async def _asked(self, request: TokenRequest, now: datetime, refresh: str) -> Token:
        try:
            result = await self._sender.check(_check_of(self._login, request, refresh))
        except ConfigurationError as error:
            raise LoginFailed(str(error)) from None
        if not result.ok:
            said = result.detail
            raise LoginFailed(said if said.startswith(str(result.failure)) else f"{result.failure}: {said}")
        token = read_token(self._login, result.body, result.headers, now, random.random())  # noqa: S311
        if token.refresh or not refresh:
            return token
        return Token(token.credentials, token.ends, token.renew_at, refresh)


def _refreshing(request: TokenRequest, refresh: str) -> TokenRequest:
    """The request that exchanges a refresh token for the next token."""
    kept = [pair for pair in request.form if pair[0] in {"client_id", "client_secret", "scope", "audience", "resource"}]
    form = (("grant_type", "refresh_token"), ("refresh_token", refresh), *kept)
    return TokenRequest(request.url, request.method, request.headers, form, secrets=(*request.secrets, refresh))


def _grants_anew(request: TokenRequest) -> bool:
    return dict(request.form).get("grant_type") == "password"


def _check_of(login: TokenLogin, request: TokenRequest, refresh: str) -> CheckRequest:
    accept = "*/*" if login.token.startswith(MATCH) else "application/json"
    headers = {"Accept": accept, **request.headers}
    body = request.body
    if request.form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(request.form)
    return CheckRequest(
        request.url,
        request.method,
        headers,
        b"" if request.method.reads else body.encode(),
        LOGIN_TIMEOUT,
        # The page that a form leads to after a login is not asked for: the redirect sets the cookies.
        redirects=3 if login.token else 0,
        conditions=() if login.token else (parse_condition("status 200-399"),),
        body_cap=LOGIN_ANSWER,
        keeps_answer=True,
        secrets=(*request.secrets, *([refresh] if refresh else [])),
    )


class Logins:
    """The logins of a file of interfaces; one that stays the same keeps its token when the file changes."""

    def __init__(self, sender: RequestSender, clock: Clock, kept: KeptLogins | None = None) -> None:
        self._sender = sender
        self._clock = clock
        self._kept = kept
        self._logins: dict[str, ServiceLogin] = {}
        self._keepers: dict[str, TokenKeeper] = {}

    async def use(self, logins: Mapping[str, ServiceLogin]) -> None:
        """These logins from now on."""
        for name in [name for name in self._keepers if logins.get(name) != self._logins.get(name)]:
            await self._keepers.pop(name).close()
        self._logins = dict(logins)

    async def close(self) -> None:
        await self.use({})

    async def forget_others(self, names: Iterable[str]) -> None:
        """Nothing is kept for long of logins that are not among these."""
        if self._kept is not None:
            await self._kept.rows.keep_only(names, self._clock.now())

    async def token(self, name: str) -> Token | None:
        """The token of a login; None where it needs none. LoginFailed where the service gives none."""
        login = self._logins.get(name)
        return await self._keeper(login).token() if isinstance(login, TokenLogin) else None

    async def after_refusal(self, name: str, used: Token) -> Token:
        login = self._logins.get(name)
        if not isinstance(login, TokenLogin):
            return used
        return await self._keeper(login).after_refusal(used)

    def credentials(self, name: str, token: Token | None, *, method: str, url: str, body: bytes) -> RequestCredentials:
        """What a request of this login carries; nothing where the name is none."""
        login = self._logins.get(name)
        if token is not None:
            return token.credentials
        if isinstance(login, FixedLogin):
            return login.credentials
        if isinstance(login, SigningLogin):
            return signed_credentials(login, method, url, body, now=self._clock.now(), nonce=secrets.token_hex(16))
        return RequestCredentials()

    def _keeper(self, login: TokenLogin) -> TokenKeeper:
        keeper = self._keepers.get(login.name)
        if keeper is None:
            keeper = self._keepers[login.name] = TokenKeeper(login, self._sender, self._clock, self._kept)
        return keeper
