"""States of checks as rows of the database have them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.probes.websites.models import CheckState, WebsiteStatus

STATE_COLUMNS = (
    "version", "status", "changed_at", "latest_at", "checked_at", "known_until", "due_at", "failures", "first_failed_at",
    "successes", "first_succeeded_at", "breaks", "break_until", "unknown", "reason",
)  # fmt: skip
"""In the order of the statements."""


def state_values(found: CheckState) -> tuple[Any, ...]:
    return tuple(getattr(found, name) for name in STATE_COLUMNS)


def state_lists(states: Sequence[CheckState]) -> list[list[Any]]:
    """By column, for `unnest`."""
    return [[getattr(one, name) for one in states] for name in STATE_COLUMNS]


def state_of(row: Any, prefix: str = "") -> CheckState:
    """Of a row that has the columns, with a prefix before their names."""
    known = {name: row[f"{prefix}{name}"] for name in STATE_COLUMNS}
    return CheckState(**{**known, "status": WebsiteStatus(known["status"])})
