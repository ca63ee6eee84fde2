"""Work that a job hands to any process and waits for, beside windows: what is to be done, and what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

ItemContent = Mapping[str, Any]
"""What can be written as JSON."""
ItemHandler = Callable[[ItemContent], Awaitable[ItemContent]]
"""Does the work of one kind; done twice it changes nothing more."""


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """Work that this process has claimed."""

    item_id: int
    kind: str
    wanted: ItemContent
    lease: UUID


@dataclass(frozen=True, slots=True)
class EndedItem:
    """What came of an item; `error` says why nothing did."""

    item_id: int
    result: ItemContent
    error: str
