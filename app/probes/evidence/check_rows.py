"""Results of checks as rows of the database have them."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from app.probes.evidence.rows import seen_of
from app.probes.websites.models import CheckRecord
from app.probes.websites.sql import CHECK_NAMES

if TYPE_CHECKING:
    from asyncpg import Record

check_values = attrgetter(*CHECK_NAMES)
"""The values of a result in the order of the statements."""


def checked_row(row: Record) -> CheckRecord:
    """Of a row with what was seen of the other end then."""
    return CheckRecord(**{name: row[name] for name in CHECK_NAMES}, seen=seen_of(row))
