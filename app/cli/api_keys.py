"""`gridkeeper api keys`: who may use the REST API."""

from __future__ import annotations

import asyncio
import getpass
import socket
from collections.abc import Sequence
from datetime import datetime

import typer

from app.access.keys import ends_at, limited_to
from app.access.models import AccessScope, ApiKey, Caller, KeyRequest
from app.access.schemas import ApiKeyResource, NewApiKeyResource
from app.cli.exit_codes import OK
from app.cli.output import print_json
from app.cli.tables import print_table
from app.clock import SystemClock
from app.lifecycle import services
from app.logging import configure_logging
from app.market.areas import label
from app.market.time import iso
from app.settings import Settings, load_settings

COLUMNS = ("key", "begins", "scope", "areas", "items", "expires", "last use", "from", "requests", "state")


def create_key_command(
    name: str, scope: str, areas: Sequence[str], items: Sequence[str], expires: str | None, *, as_json: bool
) -> int:
    settings, now = _settings(), SystemClock().now()
    places, wanted = limited_to(areas, items)
    request = KeyRequest(name, AccessScope(scope), places, wanted, ends_at(expires, now))
    key, token = asyncio.run(_create(settings, request))
    if as_json:
        print_json(NewApiKeyResource.with_token(key, token, now))
        return OK
    typer.echo(token)
    until = f", until {iso(key.expires_at)}" if key.expires_at else ""
    _say(f"this is the key {key.name}, of scope {key.scope}{until}; it is shown this once, only a digest is stored")
    return OK


async def _create(settings: Settings, request: KeyRequest) -> tuple[ApiKey, str]:
    async with services(settings, _say, made=True) as wiring:
        return await wiring.access().service().create(request, _person())


def list_keys_command(*, as_json: bool) -> int:
    keys, now = asyncio.run(_list(_settings())), SystemClock().now()
    if as_json:
        print_json([ApiKeyResource.of(key, now) for key in keys])
    else:
        print_table(COLUMNS, [_row(key, now) for key in keys], right={"requests"})
    return OK


async def _list(settings: Settings) -> list[ApiKey]:
    async with services(settings, _say) as wiring:
        return await wiring.access().service().keys()


def revoke_key_command(name: str, *, as_json: bool) -> int:
    key, now = asyncio.run(_revoke(_settings(), name)), SystemClock().now()
    if as_json:
        print_json(ApiKeyResource.of(key, now))
    else:
        _say(f"{key.name} is revoked; within a second no replica takes it any more")
    return OK


async def _revoke(settings: Settings, name: str) -> ApiKey:
    async with services(settings, _say) as wiring:
        return await wiring.access().service().revoke(name, _person())


def _row(key: ApiKey, now: datetime) -> tuple[str, ...]:
    state = "revoked" if key.revoked_at else "usable" if key.usable(now) else "expired"
    return (
        key.name,
        key.hint,
        key.scope.value,
        ", ".join(map(label, key.areas)) or "all",
        ", ".join(key.items) or "all",
        _instant(key.expires_at),
        _instant(key.last_used_at),
        key.last_used_from,
        str(key.requests),
        state,
    )


def _person() -> Caller:
    """Whoever sits at this machine, as the record of changes names them."""
    return Caller(f"{getpass.getuser()}@{socket.gethostname()}", "", AccessScope.ADMIN)


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(settings.log)
    return settings


def _instant(instant: datetime | None) -> str:
    return iso(instant) if instant else ""


def _say(text: str) -> None:
    typer.echo(text, err=True)
