"""What is to be done for backfills: windows that can be claimed, those of dead workers, what people are told of it."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from app.collection.backfill.models import BackfillState, Opening
from app.collection.backfill.repository import BackfillRepository
from app.collection.life_signs import dead_workers
from app.errors import DatabaseUnavailable
from app.logging import OutageLog


class BackfillWatch:
    """Looks at the rows of backfills for whoever submits their windows; a database that is down is asked again later."""

    def __init__(self, repository: BackfillRepository, away: OutageLog | None = None) -> None:
        self._repository = repository
        self._begun: set[int] = set()
        self.any_open = True
        self._log = structlog.get_logger()
        self._away = away or OutageLog("backfill_database_failed", "backfill_database_recovered")

    async def openings(
        self, only: int | None = None, *, held: str | None = None, working: Callable[[], bool] = lambda: False
    ) -> list[Opening]:
        """How many windows of which backfill can be claimed now; `held` is why fewer are, and is noted in their rows."""
        try:
            openings = await self._repository.openings(only)
            if held:
                await self._repository.slowed(held, only)
            await self._tell_of_changes({opening.backfill_id for opening in openings})
            self.any_open = bool(openings or working()) or await self._repository.any_open()
        except DatabaseUnavailable as error:
            self.any_open = True
            self._away.met(error)
            return []
        self._away.over()
        return openings

    async def _tell_of_changes(self, open_now: set[int]) -> None:
        """Log which backfills began, and in which state those are that have no window left to begin."""
        for backfill_id in sorted(open_now - self._begun):
            self._log.info("backfill_started", backfill=backfill_id)
        self._begun |= open_now
        if not (quiet := self._begun - open_now):
            return
        states = await self._repository.states(quiet)
        for backfill_id in sorted(quiet):
            state, reason = states.get(backfill_id, (BackfillState.CANCELLED, "it is not there any more"))
            if state is BackfillState.RUNNING:
                continue  # its windows are all under way, or wait for another attempt
            self._begun.discard(backfill_id)
            details = {"backfill": backfill_id, "state": state.value} | ({"reason": reason} if reason else {})
            if state.terminal:
                self._log.info("backfill_ended", **details)
            else:
                self._log.info("backfill_paused", **details)

    async def sweep(self) -> None:
        """Free the windows of workers that are known to be dead, and give up those that took too many along."""
        try:
            if freed := await self._repository.free_dead(dead_workers):
                self._log.info("backfill_windows_freed", windows=freed)
            if given_up := await self._repository.give_up_lost():
                self._log.error("backfill_windows_abandoned", windows=given_up)
        except DatabaseUnavailable as error:
            self._away.met(error)
