"""Sends the requests of a service with what lets them in."""

from __future__ import annotations

from app.probes.interfaces.logins.keeper import Logins, RequestSender
from app.probes.interfaces.logins.tokens import Token
from app.probes.interfaces.requests import with_credentials
from app.probes.models import CheckFailure, CheckRequest, CheckResult


class LetInSender:
    """Sends with the login of one service; a token that is refused is renewed once."""

    def __init__(self, sender: RequestSender, logins: Logins, auth: str) -> None:
        self._sender = sender
        self._logins = logins
        self._auth = auth

    async def check(self, request: CheckRequest, *, with_login: bool = True) -> CheckResult:
        """The answer to a request; LoginFailed where the service gives no token."""
        auth = self._auth if with_login else ""
        token = await self._logins.token(auth)
        result = await self._sender.check(self._let_in(request, auth, token))
        if result.status == 401 and result.failure is CheckFailure.STATUS and token is not None:
            renewed = await self._logins.after_refusal(auth, token)
            if renewed is not token:
                result = await self._sender.check(self._let_in(request, auth, renewed))
        return result

    def _let_in(self, request: CheckRequest, auth: str, token: Token | None) -> CheckRequest:
        credentials = self._logins.credentials(auth, token, method=request.method, url=request.url, body=request.body)
        return with_credentials(request, credentials)
