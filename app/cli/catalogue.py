"""`gridkeeper areas` and `gridkeeper items`: what is known."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from app.cli.tables import print_table
from app.entsoe.items import ITEMS, ItemSpec
from app.kit.json_text import dumps
from app.market.areas import Area, areas

AREA_COLUMNS = ("code", "eic", "kinds", "zone", "name", "since", "until")
ITEM_COLUMNS = (
    "item",
    "article",
    "documents",
    "asked for",
    "areas",
    "limit",
    "window",
    "deadline",
    "source of the deadline",
)


def print_areas(*, as_json: bool) -> None:
    _print(AREA_COLUMNS, [_area_row(area) for area in areas().values()], as_json=as_json)


def print_items(*, as_json: bool) -> None:
    _print(ITEM_COLUMNS, [_item_row(spec) for spec in ITEMS.values()], as_json=as_json)


def _area_row(area: Area) -> tuple[str, ...]:
    kinds = "/".join(sorted(area.kinds))
    dates = (day.isoformat() if day else "" for day in (area.since, area.until))
    return (area.code, area.eic, kinds, area.zone.key, area.name, *dates)


def _item_row(spec: ItemSpec) -> tuple[str, ...]:
    documents = "/".join(filter(None, (spec.document_type, spec.process_type)))
    limit = spec.limit + (f", {spec.max_series} series" if spec.max_series else "") + (", paged" if spec.pages else "")
    window = f"{spec.months} months" if spec.months else f"{spec.days} days"
    return (
        spec.item,
        spec.article,
        documents,
        "border" if spec.border else "area",
        "/".join(sorted(spec.kinds)),
        limit,
        window.replace("1 months", "1 month").replace("1 days", "1 day"),
        str(spec.publication),
        spec.publication.article,
    )


def _print(columns: Sequence[str], rows: Sequence[tuple[str, ...]], *, as_json: bool) -> None:
    if as_json:
        names = [column.replace(" ", "_") for column in columns]
        sys.stdout.write(dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2) + "\n")
        return
    print_table(columns, rows)
