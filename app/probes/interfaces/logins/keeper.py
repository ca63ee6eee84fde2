"""Keeps the token of a login: fetched once for all callers, renewed ahead of its end, held in memory only."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlencode

from app.clock import Clock
from app.errors import ConfigurationError
from app.probes.checking.conditions.parse import parse_condition
from app.probes.interfaces.logins.models import (
    FixedLogin,
    LoginFailed,
    RequestCredentials,
    ServiceLogin,
    SigningLogin,
    TokenLogin,
    TokenRequest,
)
from app.probes.interfaces.logins.refresh import RefreshTokens
from app.probes.interfaces.logins.signing import signed_credentials
from app.probes.interfaces.logins.tokens import Token, read_token
from app.probes.models import CheckRequest, CheckResult

LOGIN_TIMEOUT = 20.0
LOGIN_ANSWER = 1_000_000
"""Bytes of an answer to a login."""
PAUSE_FIRST, PAUSE_LONGEST = timedelta(seconds=5), timedelta(minutes=5)
"""After a login that failed; what callers are told meanwhile is what it said."""

REFUSED_AGAIN = timedelta(seconds=60)
"""A token that was fetched after a refusal is not fetched again within it."""


class RequestSender(Protocol):
    async def check(self, request: CheckRequest) -> CheckResult: ...


class TokenKeeper:
    """The token of one login."""

    def __init__(
        self, login: TokenLogin, sender: RequestSender, clock: Clock, tokens: RefreshTokens | None = None
    ) -> None:
        self._login = login
        self._tokens = tokens
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
        refresh = self._token.refresh if self._token is not None else ""
        kept = await self._tokens.last(self._login) if self._tokens is not None and not refresh else ""
        try:
            token = await self._fetched(now, refresh or kept, again=bool(kept))
        except LoginFailed as failed:
            pause = min(PAUSE_FIRST * 2 ** min(self._failures, 10), PAUSE_LONGEST)
            self._failures += 1
            self._failed = self._clock.now() + pause, failed
            raise
        self._failures, self._failed, self._token = 0, None, token
        if self._tokens is not None and token.refresh not in {"", refresh, kept}:
            await self._tokens.keep(self._login, token.refresh)
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
    headers = {"Accept": "application/json", **request.headers}
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

    def __init__(self, sender: RequestSender, clock: Clock, tokens: RefreshTokens | None = None) -> None:
        self._sender = sender
        self._clock = clock
        self._tokens = tokens
        self._logins: dict[str, ServiceLogin] = {}
        self._keepers: dict[str, TokenKeeper] = {}

    async def use(self, logins: Mapping[str, ServiceLogin]) -> None:
        """These logins from now on."""
        for name in [name for name in self._keepers if logins.get(name) != self._logins.get(name)]:
            await self._keepers.pop(name).close()
        self._logins = dict(logins)

    async def close(self) -> None:
        await self.use({})

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
            keeper = self._keepers[login.name] = TokenKeeper(login, self._sender, self._clock, self._tokens)
        return keeper
