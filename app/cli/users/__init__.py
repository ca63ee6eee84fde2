"""The group `gridkeeper users`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "add": Lazy(
        "app.cli.users.changing:add_command",
        "Add a user, who signs in to the pages with a password; it is asked for without an echo.",
    ),
    "list": Lazy("app.cli.users.reading:list_command", "List the users: what each may do, and the last sign-in."),
    "show": Lazy("app.cli.users.reading:show_command", "Show a user and the browsers that are signed in."),
    "disable": Lazy(
        "app.cli.users.changing:disable_command",
        "Let a user in no more, and sign them out everywhere; within a second no replica lets them in.",
    ),
    "enable": Lazy("app.cli.users.changing:enable_command", "Let a disabled user in again."),
    "remove": Lazy(
        "app.cli.users.changing:remove_command", "Remove a user with every session; the name is free again."
    ),
    "password": Lazy(
        "app.cli.users.changing:password_command", "Give a user another password, which signs them out everywhere."
    ),
    "sign-out": Lazy(
        "app.cli.users.changing:sign_out_command",
        "End every session of a user; within a second no replica takes one any more.",
    ),
}

users = lazy_typer(TABLE, no_args_is_help=True)
