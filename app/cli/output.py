"""What commands write: resources as JSON to standard output, and sentences for people to standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from pydantic import BaseModel

from app.kit.json_text import dumps
from app.schemas import jsonable


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
    return dumps(jsonable(content), indent=indent, letters=letters) + "\n"
