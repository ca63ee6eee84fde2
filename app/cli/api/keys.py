"""`gridkeeper api keys`: who may use the REST API."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.lazy_group import Lazy, lazy_typer
from app.cli.options import AreaOption, AsJson, ItemOption
from app.cli.output import print_json, say
from app.cli.session import ask, begin, person
from app.cli.tables import print_table
from app.clock import SystemClock

if TYPE_CHECKING:
    from app.access.models import ApiKey

COLUMNS = ("key", "begins", "scope", "areas", "items", "expires", "last use", "from", "requests", "state")
TABLE = {
    "create": Lazy(
        "app.cli.api.keys:create_command",
        "Make a key and print it: this is the only time, because only a digest of it is stored.",
    ),
    "list": Lazy(
        "app.cli.api.keys:list_command",
        "List the keys: what each may do, when it ends, its last use and its requests.",
    ),
    "revoke": Lazy("app.cli.api.keys:revoke_command", "End a key: within a second no replica takes it any more."),
}

keys = lazy_typer(TABLE, no_args_is_help=True)


class ScopeChoice(StrEnum):
    """What a key may do, as `app.access.models` has it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


def create_command(
    name: Annotated[str, typer.Argument(help="Name of the person or program that will use it.")],
    scope: Annotated[
        ScopeChoice, typer.Option(help="What it may do; each scope includes those before it.")
    ] = ScopeChoice.READ,
    area: AreaOption = None,
    item: ItemOption = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: an instant, a date, or after how long as 90d.", metavar="90d")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Make a key and print it: this is the only time, because only a digest of it is stored.

    With --area or --item it reads these only; an area stands for itself, borders are named as 'FR>DE_LU'.

    Example: gridkeeper api keys create notebook --scope read --area DE_LU --expires 90d

    Exit code: 0 made, 1 there is a key of this name.
    """
    from app.access.keys import ends_at, limited_to
    from app.access.models import AccessScope, KeyRequest
    from app.access.schemas import NewApiKeyResource
    from app.market.time import iso

    settings, now = begin(), SystemClock().now()
    places, wanted = limited_to(area or [], item or [])
    request = KeyRequest(name, AccessScope(scope), places, wanted, ends_at(expires, now))
    key, token = ask(settings, lambda wiring: wiring.access().service().create(request, person()), made=True)
    if as_json:
        print_json(NewApiKeyResource.with_token(key, token, now))
        return OK
    typer.echo(token)
    until = f", until {iso(key.expires_at)}" if key.expires_at else ""
    say(f"this is the key {key.name}, of scope {key.scope}{until}; it is shown this once, only a digest is stored")
    return OK


def list_command(as_json: AsJson = False) -> int:
    """List the keys: what each may do, when it ends, its last use and its requests."""
    from app.access.schemas import ApiKeyResource

    found, now = ask(begin(), lambda wiring: wiring.access().service().keys()), SystemClock().now()
    if as_json:
        print_json([ApiKeyResource.of(key, now) for key in found])
    else:
        print_table(COLUMNS, [_row(key, now) for key in found], right={"requests"})
    return OK


def revoke_command(
    name: Annotated[str, typer.Argument(help="Name of the key; `api keys list` shows them.")], as_json: AsJson = False
) -> int:
    """End a key: within a second no replica takes it any more.

    Exit code: 0 done, 1 there is no such key, or it was revoked before.
    """
    from app.access.schemas import ApiKeyResource

    key = ask(begin(), lambda wiring: wiring.access().service().revoke(name, person()))
    if as_json:
        print_json(ApiKeyResource.of(key, SystemClock().now()))
    else:
        say(f"{key.name} is revoked; within a second no replica takes it any more")
    return OK


def _row(key: ApiKey, now: datetime) -> tuple[str, ...]:
    from app.market.areas import label

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


def _instant(instant: datetime | None) -> str:
    from app.market.time import iso

    return iso(instant) if instant else ""
