"""Runs statements of rules on databases of any kind: ours and PostgreSQL by the native driver, others in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from app.alerting.evaluation.query_rows import MOST_ROWS
from app.alerting.evaluation.query_runner import PostgresRunner
from app.alerting.queries import QueryFailed, QueryRow
from app.alerting.sqlsentinel.databases.dialects import is_postgres
from app.alerting.sqlsentinel.rules import DATABASE_OF_FILE
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.alerting.sqlsentinel.databases.pool import Databases


class AnyDatabaseRunner:
    """A QueryRunner; `urls` gives the databases at present, by name. `close` it after use."""

    def __init__(self, postgres: PostgresRunner, urls: Callable[[], Mapping[str, str]]) -> None:
        self._postgres = postgres
        self._urls = urls

    @cached_property
    def _others(self) -> Databases:
        """Made with the first rule that asks another kind of database: who has none needs no driver of it."""
        from app.alerting.sqlsentinel.databases.pool import Databases

        return Databases(most_rows=MOST_ROWS + 1)

    async def rows(self, database: str, sql: str, time_out: timedelta, *, shipped: bool = False) -> list[QueryRow]:
        urls = self._urls()
        url = urls.get(database, "")
        if not url or (is_postgres(url) and not database.startswith(DATABASE_OF_FILE)):
            return await self._postgres.rows(database, sql, time_out, shipped=shipped)
        try:
            self._others.keep(urls.values())
            answer = self._others.pool(url).submit(sql, time_out.total_seconds())
        except ConfigurationError as error:
            raise QueryFailed(str(error)) from error
        answered = await asyncio.wrap_future(answer)
        if answered.error:
            raise QueryFailed(answered.error)
        if len(answered.rows) > MOST_ROWS:
            raise QueryFailed(f"the statement returns more than {MOST_ROWS:,} rows: aggregate it, or add a limit")
        return list(answered.rows)

    async def login_warning(self, database: str, time_out: timedelta) -> str:
        return await self._postgres.login_warning(database, time_out)

    async def close(self) -> None:
        if "_others" in vars(self):
            await asyncio.to_thread(self._others.close)
        await self._postgres.close()
