"""Reads what became of the reports that were handed to channels, and their text as it was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.db.engine import Database

# Messages are deleted when they are old: of old reports nothing is left here.
_MAILED = """
    select
        channel, recipients, status, created_at, ended_at, error,
        coalesce(content->>'subject', '') as subject, coalesce(content->>'text', '') as text
    from notifications
    where content is not null and starts_with(group_key, $1)
    order by created_at, notification_id
"""


@dataclass(frozen=True, slots=True)
class MailedReport:
    """A report as it was handed to a channel; `ended_at` is when it was sent or given up."""

    channel: str
    recipients: tuple[str, ...]
    status: str
    created_at: datetime
    ended_at: datetime | None
    error: str
    subject: str
    text: str


class MailedReports:
    """Reads them; `name` and `when` are those of the job that sends them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, name: str, when: str) -> list[MailedReport]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_MAILED, f"message:{report_key(name, when)}:")
        return [MailedReport(**{**row, "recipients": tuple(row["recipients"])}) for row in rows]


def report_key(name: str, when: str) -> str:
    """Under which a report is announced, once for each day or week."""
    return f"report:{name}:{when}"
