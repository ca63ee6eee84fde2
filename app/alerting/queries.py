"""Rows of the statements of rules, and who gives them; conditions and the evaluation share it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from app.errors import AppError

QueryRow = Mapping[str, object]


class QueryFailed(AppError):
    """A rule's statement gave no rows that can be judged; the message is short and holds no secret."""


class QueryRunner(Protocol):
    """Gives the rows of a statement that reads."""

    async def rows(self, database: str, sql: str, time_out: timedelta, *, shipped: bool = False) -> list[QueryRow]:
        """The rows by column; QueryFailed where there are none to judge.

        Statements that are `shipped` leave nothing behind, so that those that are asked for together may become one.
        """
        ...
