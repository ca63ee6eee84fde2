"""What outgoing requests need from whoever counts them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Budget(Protocol):
    """The request limit that everybody who uses one token shares."""

    async def acquire(self) -> int | None:
        """Return when one more request may go out, never while the budget is blocked.

        What it returns numbers the requests of all who share the token in the order in which they go out.
        """
        ...

    async def block(self, until: datetime) -> None:
        """Let no request of anybody go out before `until` (aware UTC)."""
        ...
