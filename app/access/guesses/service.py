"""Holds back whoever guesses, in all processes alike."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from app.access.guesses.models import Guesser
from app.access.guesses.repository import GuessRepository

MOST_HELD = 10_000
"""Whom one remembers: the memory of a limit must not be what an attack fills."""


class GuessService:
    """Counts guesses in the database and remembers who has to wait, so that a flood of them asks it nothing."""

    def __init__(self, repository: GuessRepository) -> None:
        self._repository = repository
        self._held: OrderedDict[bytes, float] = OrderedDict()

    def held(self, guessers: Sequence[Guesser]) -> float:
        """Seconds that one of them has to wait, as far as this process knows."""
        now = time.monotonic()
        return max(0.0, *(self._held.get(one.digest, now) - now for one in guessers))

    def hold(self, waits: Mapping[Guesser, float]) -> None:
        """Remembers who has to wait."""
        for one, wait in waits.items():
            self._held[one.digest] = time.monotonic() + wait
            self._held.move_to_end(one.digest)
        while len(self._held) > MOST_HELD:
            self._held.popitem(last=False)

    async def take(self, guessers: Sequence[Guesser]) -> float:
        """0 where one more guess was counted, else the seconds to wait."""
        if wait := self.held(guessers):
            return wait
        waits = await self._repository.take(guessers)
        self.hold(waits)
        return max(waits.values(), default=0.0)

    async def give_back(self, guessers: Sequence[Guesser]) -> None:
        await self._repository.give_back(guessers)
