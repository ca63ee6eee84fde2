"""Where each bidding zone stands on a map of tiles: a grid of our own, near enough to the places for a glance. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from app.market.areas import Area, areas

_GRID = """
.       .       .       .       NO_4    SE_1    FI      .       .
.       .       .       NO_3    .       SE_2    .       .       .
.       .       NO_5    NO_1    .       SE_3    EE      .       .
IE_SEM  GB      .       NO_2    .       SE_4    LV      .       .
.       .       .       DK_1    DK_2    .       LT      .       .
.       .       NL      DE_LU   .       PL      .       UA_IPS  .
.       BE      .       .       CZ      SK      HU      RO      MD
.       FR      CH      AT      SI      HR      RS      BG      .
PT      ES      .       IT_NORD .       BA      ME      XK      TR
.       .       IT_SARD IT_CNOR IT_CSUD .       AL      MK      GE
.       .       MT      IT_SICI IT_CALA IT_SUD  .       GR      CY
"""


@dataclass(frozen=True, slots=True)
class GridPlace:
    """A zone with its row and column, from 1."""

    zone: Area
    row: int
    column: int


@cache
def zone_grid() -> Sequence[GridPlace]:
    """Every zone of the map, row by row."""
    known = areas()
    return tuple(
        GridPlace(known[code], row, column)
        for row, line in enumerate(_GRID.strip().splitlines(), 1)
        for column, code in enumerate(line.split(), 1)
        if code != "."
    )
