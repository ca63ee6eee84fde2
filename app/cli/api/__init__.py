"""The group `gridkeeper api`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "openapi": Lazy(
        "app.cli.api.document:openapi_command",
        "Write the OpenAPI document of the REST API, without a server or a database.",
    ),
    "keys": Lazy("app.cli.api.keys:keys", "Keys of the REST API: create, list, revoke."),
}

api = lazy_typer(TABLE, no_args_is_help=True)
