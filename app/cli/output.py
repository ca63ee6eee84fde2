"""What commands write: resources as JSON to standard output, and sentences for people to standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import typer

from app.cli.tables import single_line

if TYPE_CHECKING:
    from pydantic import BaseModel


def say(text: str) -> None:
    typer.echo(text, err=True)


def say_line(text: str) -> None:
    """A sentence that quotes what others wrote: one line of it, without what steers a terminal."""
    say(single_line(text))


def print_json(
    content: BaseModel | Sequence[BaseModel],
    *,
    indent: int | None = 2,
    letters: bool = False,
    out: TextIO | None = None,
) -> None:
    """Write a resource or a list of them; with `letters` those beyond ASCII stay as they are."""
    (out or sys.stdout).write(json_text(content, indent=indent, letters=letters))


def json_text(content: BaseModel | Sequence[BaseModel], *, indent: int | None = 2, letters: bool = False) -> str:
    from app.kit.json_text import dumps
    from app.schemas import jsonable

    return dumps(jsonable(content), indent=indent, letters=letters) + "\n"
