"""The shards that this process holds: renewed every few seconds, and given up by its own clock where it cannot renew."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import timedelta

from app.probes.sharing.repository import ShardRepository
from app.probes.sharing.shares import SHARDS, turn_of

LASTS = timedelta(seconds=9)
"""How long shards are held without a word; with a round of the others they have moved within 15 seconds."""
RENEWED = 2 / 9
"""After this part of the time they are renewed."""
IDLE_LASTS = 2.9
"""So many times as long the shards of a process are held that is alone and has nothing to probe: nobody waits for them."""
WORKER = "worker "
"""What the name of a holder begins with that leaves the first shard to others."""
MARGIN = 1 / 6
"""In this last part nothing of them is begun any more: others may take them after it."""


class ShardLeases:
    """One process's part of a kind of work."""

    def __init__(
        self,
        rows: ShardRepository,
        *,
        holder: str,
        lasts: timedelta = LASTS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rows = rows
        self.holder = holder
        self._shortest = lasts
        self._monotonic = monotonic
        self._held: frozenset[int] = frozenset()
        self._until = self._renewed_at = float("-inf")
        self.alone = False
        """Whether no other process took part when they were renewed last."""
        self.idle = False
        """Whether nothing of them is to be probed; whoever probes says so before it renews."""
        self.leaving: frozenset[int] = frozenset()
        """Held beyond a fair share: nothing of them is begun, and they go once nothing of them is under way."""

    @property
    def held(self) -> frozenset[int]:
        """The shards whose work may be begun here now."""
        return self.kept - self.leaving

    @property
    def kept(self) -> frozenset[int]:
        """The shards whose work may be ended here, with those that are to leave."""
        return self._held if self._monotonic() < self._until else frozenset()

    def holds_first(self) -> bool:
        """Whether this process does what one of all does."""
        return 0 in self.held

    @property
    def _lasts(self) -> timedelta:
        return self._shortest * IDLE_LASTS if self.idle and self.alone else self._shortest

    @property
    def due(self) -> bool:
        return self._monotonic() - self._renewed_at >= self._lasts.total_seconds() * RENEWED

    async def renew(self, busy: Collection[int]) -> None:
        """Hold on for longer; shards of which something is under way (`busy`) are not let go yet."""
        begun, lasts = self._monotonic(), self._lasts
        self._renewed_at = begun
        found = await self._rows.renew(self.holder, lasts, let_go=self.leaving - set(busy))
        self._held, self._until = found.shards, begun + lasts.total_seconds() * (1 - MARGIN)
        self.alone = found.most == SHARDS
        beyond = max(0, len(found.shards) - found.most)
        # Those that were to leave already leave first.
        order = sorted(found.shards, key=lambda shard: (shard not in self.leaving, turn_of(shard)))
        self.leaving = frozenset(order[:beyond])

    async def leave(self) -> None:
        self._held, self.leaving = frozenset(), frozenset()
        await self._rows.leave(self.holder)


class SeveralLeases:
    """One process's parts of several kinds of work; the shards of each kind are numbered behind those of the one before."""

    def __init__(self, *kinds: ShardLeases) -> None:
        self._kinds = kinds

    @property
    def held(self) -> frozenset[int]:
        return frozenset(number * SHARDS + shard for number, one in enumerate(self._kinds) for shard in one.held)

    @property
    def idle(self) -> bool:
        return all(one.idle for one in self._kinds)

    @idle.setter
    def idle(self, idle: bool) -> None:
        for one in self._kinds:
            one.idle = idle

    @property
    def due(self) -> bool:
        return any(one.due for one in self._kinds)

    async def renew(self, busy: Collection[int]) -> None:
        for number, one in enumerate(self._kinds):
            first = number * SHARDS
            await one.renew({shard - first for shard in busy if first <= shard < first + SHARDS})

    async def leave(self) -> None:
        for one in self._kinds:
            await one.leave()
