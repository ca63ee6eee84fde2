"""What `--area`, `--item`, `--from` and `--to` choose; the configured areas and items where none is named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.cli.output import say
from app.clock import SystemClock
from app.collection.models import CollectionRequest
from app.collection.selection import Selection, select
from app.market.moments import parse_interval
from app.settings import Settings
from app.wiring.catalog import CATALOG


def selected(
    settings: Settings,
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    now: datetime,
) -> Selection:
    """ConfigurationError where one of them names nothing that is known."""
    return select(
        areas or settings.collection.areas,
        items or settings.collection.items,
        lambda place: parse_interval(start, end, place.zone, now),
        CATALOG.places,
    )


def chosen(
    settings: Settings, areas: Sequence[str] | None, items: Sequence[str] | None, start: str, end: str | None
) -> tuple[tuple[CollectionRequest, ...], datetime]:
    """What is chosen as requests, with the instant to which it refers; what is left out is said."""
    now = SystemClock().now()
    selection = selected(settings, areas, items, start, end, now)
    for reason in selection.skipped:
        say(f"skipped: {reason}")
    return selection.requests, now
