"""The options that commands share."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.errors import ConfigurationError
from app.market.text import listed


def _flat(values: list[str] | None) -> list[str] | None:
    """The option given several times, each with one or several parts."""
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


class Profile(StrEnum):
    """How much `serve` asks for."""

    NORMAL = "normal"
    CAUTIOUS = "cautious"


class GapReason(StrEnum):
    """Why a value is missing, as `app.collection.gaps.classification` has it."""

    LATE = "late"
    MISSING_AT_SOURCE = "missing_at_source"
    OURS = "ours"
    NOT_DUE = "not_due"


class ParseFormat(StrEnum):
    """How `parse` writes."""

    CSV = "csv"
    JSON = "json"


class ExportFormat(StrEnum):
    """How `export` writes."""

    CSV = "csv"
    PARQUET = "parquet"


class AggregationOption(StrEnum):
    """What `export` makes of shorter units."""

    MEAN = "mean"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    LAST = "last"
    COUNT = "count"


class AuctionChoice(StrEnum):
    """Which day-ahead prices `export` writes."""

    PREFERRED = "preferred"
    SDAC = "sdac"
    EXAA = "exaa"
    ALL = "all"


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
