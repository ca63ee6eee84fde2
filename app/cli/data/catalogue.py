"""`gridkeeper areas` and `gridkeeper items`: what is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.cli.exit_codes import OK
from app.cli.options import AsJson
from app.cli.output import print_json
from app.cli.tables import print_table

if TYPE_CHECKING:
    from app.schemas import Resource


def areas_command(as_json: AsJson = False) -> int:
    """List the known areas: code, EIC, kinds, zone, validity."""
    from app.entsoe.schemas import AreaResource
    from app.market.areas import areas

    return _print([AreaResource.of(area) for area in areas().values()], as_json=as_json)


def items_command(as_json: AsJson = False) -> int:
    """List the known data items: article, documents, limits, deadline, kinds of areas that have them."""
    from app.entsoe.items import ITEMS
    from app.entsoe.schemas import ItemResource

    return _print([ItemResource.of(spec) for spec in ITEMS.values()], as_json=as_json)


def _print(resources: Sequence[Resource], *, as_json: bool) -> int:
    from app.schemas import jsonable

    if as_json:
        print_json(resources)
        return OK
    rows = [jsonable(resource) for resource in resources]
    print_table(
        [name.replace("_", " ") for name in rows[0]],
        [tuple("" if cell is None else cell for cell in row.values()) for row in rows],
    )
    return OK
