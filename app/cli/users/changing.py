"""`gridkeeper users add|disable|enable|remove|password|sign-out`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.api.keys import ScopeChoice
from app.cli.exit_codes import OK
from app.cli.options import AreaOption, AsJson, ItemOption
from app.cli.output import print_json, say
from app.cli.session import ask, begin, person
from app.cli.users.reading import WhichUser
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.access.models import User
    from app.access.users.service import UserService

FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password and print it, this once.")]


def add_command(
    name: Annotated[str, typer.Argument(help="Name to sign in with; case does not matter.")],
    scope: Annotated[
        ScopeChoice, typer.Option(help="What the user may do; each scope includes those before it.")
    ] = ScopeChoice.READ,
    area: AreaOption = None,
    item: ItemOption = None,
    password_stdin: FromStdin = False,
    generate: Generate = False,
    by_proxy: Annotated[
        bool, typer.Option("--by-proxy", help="No password: a proxy that authenticates names the user.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Add a user, who signs in to the pages with a password; it is asked for without an echo.

    With --area or --item the user reads these only; an area stands for itself, borders are named as 'FR>DE_LU'.

    Example: gridkeeper users add anna --scope operate

    Exit code: 0 added, 1 there is a user of this name.
    """
    from app.access.keys import limited_to
    from app.access.models import AccessScope
    from app.access.users.models import UserRequest

    places, wanted = limited_to(area or [], item or [])
    request = UserRequest(name, AccessScope(scope), places, wanted)
    settings = begin()
    password = None if by_proxy else _password(password_stdin, generate)
    user = ask(settings, lambda wiring: wiring.access().users().add(request, password, person()), made=True)
    how = "a proxy names them" if by_proxy else "they sign in with their password at /sign-in"
    return _show(user, f"may {user.scope}; {how}", as_json, password if generate else None)


def disable_command(name: WhichUser, as_json: AsJson = False) -> int:
    """Let a user in no more, and sign them out everywhere; within a second no replica lets them in."""
    return _change(lambda users: users.disable(name, person()), "is disabled and signed out", as_json)


def enable_command(name: WhichUser, as_json: AsJson = False) -> int:
    """Let a disabled user in again."""
    return _change(lambda users: users.enable(name, person()), "may sign in again", as_json)


def remove_command(name: WhichUser, as_json: AsJson = False) -> int:
    """Remove a user with every session; the name is free again."""
    return _change(lambda users: users.remove(name, person()), "is removed", as_json)


def password_command(
    name: WhichUser, password_stdin: FromStdin = False, generate: Generate = False, as_json: AsJson = False
) -> int:
    """Give a user another password, which signs them out everywhere."""
    settings, password = begin(), _password(password_stdin, generate)
    user = ask(settings, lambda wiring: wiring.access().users().set_password(name, password, person()))
    return _show(user, "has another password and is signed out", as_json, password if generate else None)


def sign_out_command(name: WhichUser) -> int:
    """End every session of a user; within a second no replica takes one any more."""
    from app.market.text import counted

    ended = ask(begin(), lambda wiring: wiring.access().users().sign_out(name, person()))
    say(f"{name} is signed out of {counted(ended, 'browser')}")
    return OK


def _change(act: Callable[[UserService], Awaitable[User]], said: str, as_json: bool) -> int:
    return _show(ask(begin(), lambda wiring: act(wiring.access().users())), said, as_json, None)


def _show(user: User, said: str, as_json: bool, password: str | None) -> int:
    from app.access.users.schemas import NewUserResource, UserResource

    if as_json and password is None:
        print_json(UserResource.of(user))
    elif as_json:
        print_json(NewUserResource.with_password_shown(user, password or ""))
    else:
        if password is not None:
            typer.echo(password)
        say(f"{user.name} {said}" + ("; the password is shown this once" if password else ""))
    return OK


def _password(from_stdin: bool, generate: bool) -> str:
    """The password as it is typed twice, read or made; never an argument, which every process can see."""
    from app.access.users.models import new_password

    if from_stdin and generate:
        raise ConfigurationError("--password-stdin and --generate contradict each other")
    if generate:
        return new_password()
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise ConfigurationError("there is no terminal to ask at: say --password-stdin or --generate")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password
