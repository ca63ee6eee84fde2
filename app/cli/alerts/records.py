"""How commands reach what operators keep of alerts: acknowledgements, pauses, silences, maintenance."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from app.cli.session import ask, begin

if TYPE_CHECKING:
    from app.alerting.administration import AlertAdministration

T = TypeVar("T")

By = Annotated[str | None, typer.Option("--by", help="Who does it; default: your user name at this machine.")]
Comment = Annotated[str, typer.Option("--comment", "-c", help="Why; people read it in the list and in the history.")]


def ask_records(act: Callable[[AlertAdministration], Awaitable[T]]) -> T:
    """What the records answer, with the database open for that long."""
    return ask(begin(), lambda wiring: act(wiring.alerting().administration()))
