"""Guesses in one database, for all processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from app.access.guesses import sql
from app.access.guesses.models import Guesser

if TYPE_CHECKING:
    from app.db.engine import Database


class _TooManyError(Exception):
    """Ends the transaction, so that nothing was counted."""


class GuessRepository:
    """Counts guesses; every public method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, guessers: Sequence[Guesser]) -> Mapping[Guesser, float]:
        """Nothing where one more guess of all of them was counted; else who has to wait for how many seconds."""
        waits: dict[Guesser, float] = {}
        with suppress(_TooManyError):
            async with self._database.transaction() as connection:
                by_digest = {one.digest: one for one in guessers}
                for row in await connection.fetch(sql.TAKE, *_columns(guessers)):
                    one = by_digest[row["guesser"]]
                    if wait := one.wait(row["ahead"] - one.step):
                        waits[one] = wait
                if waits:
                    raise _TooManyError
        return waits

    async def give_back(self, guessers: Sequence[Guesser]) -> None:
        """What was counted ahead was no wrong guess."""
        async with self._database.connection() as connection:
            await connection.execute(sql.GIVE_BACK, *_columns(guessers))


def _columns(guessers: Sequence[Guesser]) -> tuple[list[bytes], list[float]]:
    return [one.digest for one in guessers], [one.step for one in guessers]
