"""Refresh tokens that a service exchanges for new ones, kept encrypted: the old one is spent, also after a restart."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Protocol

import structlog

from app.errors import DatabaseUnavailable
from app.probes.interfaces.logins.models import TokenLogin
from app.probes.vault import Vault


class TokenRows(Protocol):
    """Where sealed tokens stand; `LoginRepository` for one."""

    async def kept_token(self, login: str) -> str | None: ...

    async def keep_token(self, login: str, sealed: str) -> None: ...


class RefreshTokens:
    """The newest refresh tokens of logins of one database, for whichever process leads."""

    def __init__(self, rows: TokenRows, vault: Vault) -> None:
        self._rows = rows
        self._vault = vault
        self._log = structlog.get_logger()

    async def last(self, login: TokenLogin) -> str:
        """The one that was handed out last for the token of the file; empty where there is none, or it cannot be read."""
        begun = _begun(login)
        if not begun:
            return ""
        try:
            sealed = await self._rows.kept_token(login.name)
        except DatabaseUnavailable:
            return ""
        try:
            kept = json.loads(self._vault.open(sealed or ""))
            return str(kept["refresh"]) if kept["of"] == begun else ""
        except (ValueError, KeyError, TypeError):
            return ""

    async def keep(self, login: TokenLogin, refresh: str) -> None:
        begun = _begun(login)
        if not begun:
            return
        sealed = self._vault.seal(json.dumps({"of": begun, "refresh": refresh}))
        try:
            await self._rows.keep_token(login.name, sealed)
        except DatabaseUnavailable as error:
            self._log.warning("refresh_token_dropped", login=login.name, error=str(error))


def _begun(login: TokenLogin) -> str:
    """A digest of the token that the file gives; empty where the login needs none to begin with."""
    given = dict(login.request.form)
    first = given.get("refresh_token", "") if given.get("grant_type") == "refresh_token" else ""
    return sha256(first.encode()).hexdigest() if first else ""
