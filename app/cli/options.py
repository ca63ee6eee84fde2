"""The options that commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

Areas = Annotated[
    list[str] | None,
    typer.Option("--area", "-a", help="Area by code or EIC, border as 'FR>DE_LU'; repeat for several.", metavar="AREA"),
]
Items = Annotated[list[str] | None, typer.Option("--item", "-i", help="Data item; repeat for several.", metavar="ITEM")]
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
    """Why a value is missing, as `app.collection.gap_reasons` has it."""

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
