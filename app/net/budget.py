"""What outgoing requests need from whoever counts them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Budget(Protocol):
    """The request limit that everybody who uses one token shares."""

    async def acquire(self) -> None:
        """Return when one more request may go out, never while the budget is blocked."""
        ...

    async def block(self, until: datetime) -> None:
        """Let no request of anybody go out before `until` (aware UTC)."""
        ...
