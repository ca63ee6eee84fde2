"""The group of commands about the REST API, declared: each imports what it needs when it runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import AreaOption, AsJson, ItemOption

HELP = {"help_option_names": ["-h", "--help"]}

api = typer.Typer(no_args_is_help=True, context_settings=HELP, help="The REST API of `serve`: its keys, its document.")
keys = typer.Typer(no_args_is_help=True, context_settings=HELP, help="Keys of the REST API: create, list, revoke.")
api.add_typer(keys, name="keys")


class ScopeChoice(StrEnum):
    """What a key may do, as `app.access.models` has it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


@api.command("openapi")
def openapi(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default: standard output.")
    ] = None,
) -> None:
    """Write the OpenAPI document of the REST API, without a server or a database.

    Example: gridkeeper api openapi -o openapi.json
    """
    from app.cli.api_document import openapi_command

    raise typer.Exit(openapi_command(output))


@keys.command("create")
def keys_create(
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
) -> None:
    """Make a key and print it: this is the only time, because only a digest of it is stored.

    With --area or --item it reads these only; an area stands for itself, borders are named as 'FR>DE_LU'.

    Example: gridkeeper api keys create notebook --scope read --area DE_LU --expires 90d

    Exit code: 0 made, 1 there is a key of this name.
    """
    from app.cli.api_keys import create_key_command

    raise typer.Exit(create_key_command(name, scope.value, area or [], item or [], expires, as_json=as_json))


@keys.command("list")
def keys_list(as_json: AsJson = False) -> None:
    """List the keys: what each may do, when it ends, its last use and its requests."""
    from app.cli.api_keys import list_keys_command

    raise typer.Exit(list_keys_command(as_json=as_json))


@keys.command("revoke")
def keys_revoke(
    name: Annotated[str, typer.Argument(help="Name of the key; `api keys list` shows them.")], as_json: AsJson = False
) -> None:
    """End a key: within a second no replica takes it any more.

    Exit code: 0 done, 1 there is no such key, or it was revoked before.
    """
    from app.cli.api_keys import revoke_key_command

    raise typer.Exit(revoke_key_command(name, as_json=as_json))
