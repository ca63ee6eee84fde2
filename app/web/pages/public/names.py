"""Tells after the start which names of the public page nothing has."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from app.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from app.wiring.container import Container

SETTLED_SECONDS = 30.0
"""After the start, for what files name to be there."""


def unmatched_names(shown: Sequence[str], known: Mapping[str, Collection[str]]) -> list[str]:
    """What the owner chose and nothing has the name of; `known` are the names of each kind."""
    parts = ((text, *text.partition(":")[::2]) for text in shown)
    return [text for text, kind, name in parts if kind in known and name not in known[kind]]


async def tell_unmatched(container: Container, stop: asyncio.Event) -> None:
    """Warn of names that mean nothing, once files of websites and interfaces have been read."""
    shown = container.settings().web.status_shows
    while shown and not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), SETTLED_SECONDS)
            return
        try:
            known = await _known_names(container)
        except DatabaseUnavailable:
            continue  # health tells of it; the names are looked at as soon as it is back
        if found := unmatched_names(shown, known):
            structlog.get_logger().warning(
                "status_names_unmatched",
                names=found,
                setting="GRIDKEEPER_WEB__STATUS_SHOWS",
                remedy="/status says of these that nothing is known; mend the names, or add what they name",
            )
        return


async def _known_names(container: Container) -> Mapping[str, Collection[str]]:
    websites = await container.probes().websites().all()
    return {
        "website": {one.draft.name for one in websites},
        "websites": {one.draft.labels.get("group", "") for one in websites},
        "job": {one.job.name for one in await container.storage().job_runs().jobs()},
        "service": {one.name for one in await container.probes().interfaces().all()},
    }
