"""What commands write: resources as JSON to standard output, and sentences for people to standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from app.kit.json_text import dumps
from app.schemas import Resource, as_json


def print_json(
    content: Resource | Sequence[Resource],
    *,
    indent: int | None = 2,
    letters: bool = False,
    out: TextIO | None = None,
) -> None:
    """Write a resource or a list of them; with `letters` those beyond ASCII stay as they are."""
    (out or sys.stdout).write(dumps(as_json(content), indent=indent, letters=letters) + "\n")
