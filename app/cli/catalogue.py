"""`gridkeeper areas` and `gridkeeper items`: what is known."""

from __future__ import annotations

from collections.abc import Sequence

from app.cli.output import print_json
from app.cli.tables import print_table
from app.entsoe.items import ITEMS
from app.entsoe.schemas import AreaResource, ItemResource
from app.market.areas import areas
from app.schemas import Resource, jsonable


def print_areas(*, as_json: bool) -> None:
    _print([AreaResource.of(area) for area in areas().values()], as_json=as_json)


def print_items(*, as_json: bool) -> None:
    _print([ItemResource.of(spec) for spec in ITEMS.values()], as_json=as_json)


def _print(resources: Sequence[Resource], *, as_json: bool) -> None:
    if as_json:
        print_json(resources)
        return
    rows = [jsonable(resource) for resource in resources]
    print_table([name.replace("_", " ") for name in rows[0]], [tuple(row.values()) for row in rows])
