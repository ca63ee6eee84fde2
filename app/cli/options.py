"""The options that commands share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from app.errors import ConfigurationError


def _flat(values: list[str] | None) -> list[str] | None:
    """The option given several times, each with one or several parts."""
    from app.market.text import listed

    try:
        return [part for value in values for part in listed(value)] if values is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


AreaOption = Annotated[
    list[str] | None,
    typer.Option(
        "--area",
        "-a",
        callback=_flat,
        help="Area by code or EIC, border as 'FR>DE_LU'; several with commas, or repeat it.",
        metavar="AREA",
    ),
]
ItemOption = Annotated[
    list[str] | None,
    typer.Option("--item", "-i", callback=_flat, help="Data item; several with commas, or repeat it.", metavar="ITEM"),
]
From = Annotated[
    str, typer.Option("--from", help="First moment: a date (midnight of the area), an instant, -7d, -12h, today.")
]
To = Annotated[str | None, typer.Option("--to", help="First moment after; default: the end of today in the area.")]
Sandbox = Annotated[
    bool, typer.Option("--sandbox", help="Use synthetic data from the built-in stand-in for the platform.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

LARGEST_NUMBER = 2**63 - 1
"""Of what the database numbers."""


def kind_by_name(output: Path | None, kinds: Mapping[str, str], usual: str) -> str:
    """The form that the name of a file asks for; ConfigurationError where its ending is none of a known form."""
    if output is None:
        return usual
    found = kinds.get(output.suffix.lower())
    if found is None:
        raise ConfigurationError(
            f"--output {output}: the ending {output.suffix!r} names no form; use {' or '.join(kinds)}, or say --format"
        )
    return found
