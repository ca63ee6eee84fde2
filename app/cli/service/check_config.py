"""`gridkeeper check-config`: the settings and every file that people edit, read and checked; nothing is started."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK, USAGE
from app.cli.options import Sandbox
from app.cli.output import say
from app.cli.tables import printable
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.settings import Settings

Checker = Callable[["Settings"], str]
"""Reads what an operator edits; says what it found, or raises ConfigurationError naming file, line and remedy."""


def check_database(settings: Settings) -> str:
    from app.db.address import DatabaseAddress

    if settings.database.url is None:
        return f"database: embedded, below {settings.data_dir}"
    return f"database: {DatabaseAddress.parse(settings.database.url.get_secret_value()).name}"


def check_plan(settings: Settings) -> str:
    from app.scheduling.plan_file import PlanFile
    from app.wiring.catalog import CATALOG

    chosen = settings.scheduler
    file = PlanFile.of(settings, CATALOG)
    plan = file.load()
    where = file.name if chosen.plan_file.is_file() else f"built in, there is no file {file.name}"
    summary = f"plan: {len(plan.jobs())} jobs, {len(plan.areas)} areas, {len(plan.items)} items ({where})"
    return "\n".join([summary, *(f"note: {note}" for note in plan.notes)])


def check_rules(settings: Settings) -> str:
    from app.alerting.rules.reload import RuleBook

    chosen = settings.alerting
    book = RuleBook.of(chosen).check()
    return f"alert rules: {book.own} in {chosen.rules_dir}, {book.shipped} shipped"


def check_channels(settings: Settings) -> str:
    from app.alerting.delivery.config import ChannelFile

    book = ChannelFile.of(settings.notifications).load()
    names = ", ".join(f"{name} ({channel.kind})" for name, channel in book.channels.items())
    return f"channels: {names}" if book.reaches_people else f"channels: {names}; nobody is notified of alerts"


CHECKERS: tuple[Checker, ...] = (check_database, check_plan, check_rules, check_channels)
"""Whoever adds a file that people edit adds its checker here."""


def check_config_command(
    sandbox: Sandbox = False,
    syntax: Annotated[
        bool, typer.Option("--syntax", help="Check the files without the secrets they refer to, as in CI.")
    ] = False,
) -> int:
    """Validate the settings and the files that operators edit, without starting anything; show them without secrets.

    Exit code: 0 all is valid, 2 something is wrong, each named with file, line and remedy.
    """
    from app.secrets import without_secrets
    from app.settings import load_settings, variables
    from app.settings.shown import shown_setting

    settings = load_settings(**({"sandbox": True} if sandbox else {}))
    for name in variables():
        typer.echo(f"{name}={shown_setting(settings, name)}")
    wrong = 0
    for check in CHECKERS:
        try:
            with without_secrets() if syntax else nullcontext():
                say(printable(check(settings)))
        except ConfigurationError as error:
            wrong += 1
            say(printable(f"wrong: {error}"))
    say(f"{wrong} of {len(CHECKERS)} checks failed" if wrong else _verdict(settings))
    return USAGE if wrong else OK


def _verdict(settings: Settings) -> str:
    if settings.sandbox:
        return "the settings are valid; data will be synthetic (sandbox)"
    if settings.entsoe.token is None:
        from app.lifecycle import SIGN_UP

        return f"the settings are valid, but nothing can be collected yet: {SIGN_UP}"
    doubt = settings.entsoe.doubt
    return f"the settings are valid, but {doubt}" if doubt else "the settings are valid"
