"""The group `gridkeeper database`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "url": Lazy(
        "app.cli.database.url:url_command",
        "Print the URL of the database, with its password, for psql, notebooks and other programs.",
    ),
}

database_group = lazy_typer(TABLE, no_args_is_help=True)
