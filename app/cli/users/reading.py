"""`gridkeeper users list|show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.options import AsJson
from app.cli.output import print_json
from app.cli.session import ask, begin
from app.cli.tables import print_table

if TYPE_CHECKING:
    from app.access.models import User
    from app.access.users.models import BrowserSession
    from app.wiring.container import Container

WhichUser = Annotated[str, typer.Argument(help="Name of the user; `users list` shows them.", metavar="NAME")]
COLUMNS = ("user", "scope", "areas", "items", "signs in", "password of", "last sign-in", "from", "state")
SESSIONS = ("since", "last here", "from", "ends", "browser")


def list_command(as_json: AsJson = False) -> int:
    """List the users: what each may do, and the last sign-in."""
    from app.access.users.schemas import UserResource

    found = ask(begin(), lambda wiring: wiring.access().users().users())
    if as_json:
        print_json([UserResource.of(user) for user in found])
    else:
        print_table(COLUMNS, [_row(user) for user in found])
    return OK


def show_command(name: WhichUser, as_json: AsJson = False) -> int:
    """Show a user and the browsers that are signed in.

    Exit code: 0 shown, 1 there is no such user.
    """
    from app.access.users.schemas import SignedInUserResource
    from app.market.time import iso

    async def found(wiring: Container) -> tuple[User, list[BrowserSession]]:
        user = await wiring.access().users().one(name)
        return user, await wiring.access().users().sessions(user)

    user, sessions = ask(begin(), found)
    if as_json:
        print_json(SignedInUserResource.with_sessions(user, sessions))
        return OK
    print_table(COLUMNS, [_row(user)])
    rows = [(iso(one.created_at), iso(one.seen_at), one.address, iso(one.valid_until), one.browser) for one in sessions]
    if rows:
        print_table(SESSIONS, rows)
    return OK


def _row(user: User) -> tuple[str, ...]:
    from app.market.areas import label
    from app.market.time import iso

    return (
        user.name,
        user.scope.value,
        ", ".join(map(label, user.areas)) or "all",
        ", ".join(user.items) or "all",
        "password" if user.with_password else "proxy",
        iso(user.password_at) if user.password_at else "",
        iso(user.signed_in_at) if user.signed_in_at else "",
        user.signed_in_from,
        "disabled" if user.disabled_at else "may sign in",
    )
