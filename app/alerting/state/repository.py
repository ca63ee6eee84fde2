"""Silences and maintenance windows as rows; delivery and evaluation ask for those that are active."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from app.alerting.models import Schedule
from app.alerting.rules.schedules import EveryInterval
from app.alerting.state.silences import Matcher, Mute, Silence, Window, stored_matchers
from app.errors import ConfigurationError
from app.market.slots import parse_cron

if TYPE_CHECKING:
    from app.db.engine import Connection

_SILENCES = """
    select silence_id, matchers, starts_at, ends_at, author, comment
    from silences
    where starts_at <= $1 and ends_at > $1
    order by silence_id
"""
MAINTENANCE_WINDOWS = """
    select window_id, matchers, cron, zone, duration, author, comment
    from maintenance_windows
    where ended_at is null
    order by window_id
"""


async def active_quiets(connection: Connection, now: datetime) -> list[Mute]:
    """The silences and maintenance windows that are active; a row that another hand broke silences nothing."""
    quiets: list[Mute] = []
    silences, windows = await connection.fetch(_SILENCES, now), await connection.fetch(MAINTENANCE_WINDOWS)
    found: list[Mute] = [*map(silence_of, silences), *map(window_of, windows)]
    for quiet in found:
        if quiet.problem:
            structlog.get_logger().error("silence_ignored", silence=quiet.name, error=quiet.problem)
        elif quiet.active(now):
            quiets.append(quiet)
    return quiets


def silence_of(row: Any) -> Silence:
    """The silence of a row; one that cannot be used has a problem and silences nothing."""
    matchers, problem = _matchers_of(row)
    return Silence(
        matchers, row["starts_at"], row["ends_at"], row["author"], row["comment"], row["silence_id"], problem
    )


def window_of(row: Any) -> Window:
    """The maintenance window of a row; one that cannot be used has a problem and silences nothing."""
    matchers, problem = _matchers_of(row)
    slots: Schedule = EveryInterval(timedelta(days=1))
    try:
        slots = parse_cron(row["cron"], ZoneInfo(row["zone"]))
    except (ConfigurationError, ZoneInfoNotFoundError, ValueError) as error:
        problem = problem or str(error)
    return Window(matchers, slots, row["duration"], row["author"], row["comment"], row["window_id"], problem)


def _matchers_of(row: Any) -> tuple[tuple[Matcher, ...], str]:
    try:
        return stored_matchers(row["matchers"]), ""
    except ConfigurationError as error:
        return (), str(error)
