"""The group `gridkeeper embeds`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "release": Lazy(
        "app.cli.embeds.commands:release_command",
        "Release a chart or a badge and print its address: this is the only time, because only a digest of it is stored.",
    ),
    "list": Lazy("app.cli.embeds.commands:list_command", "List what is released, and what was."),
    "revoke": Lazy(
        "app.cli.embeds.commands:revoke_command",
        "Take a picture back; caches of browsers show it for another minute at most.",
    ),
}

embeds = lazy_typer(TABLE, no_args_is_help=True)
