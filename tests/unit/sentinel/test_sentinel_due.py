from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from app.alerting.sqlsentinel.daemon.due_alerts import DueAlerts
from app.alerting.sqlsentinel.files.cron import parse_sentinel_cron
from app.alerting.sqlsentinel.models import SentinelAlert, SentinelFile

NOON, MINUTE = datetime(2026, 6, 1, 12, tzinfo=UTC), timedelta(minutes=1)
HALF = timedelta(seconds=30)


def alert(name: str, schedule: str = "* * * * *", **more: object) -> SentinelAlert:
    made = SentinelAlert(name, "select 1", parse_sentinel_cron(schedule, ZoneInfo("UTC")))
    return replace(made, **more)  # type: ignore[arg-type]


def file_of(*alerts: SentinelAlert) -> SentinelFile:
    return SentinelFile("f", alerts)


def names(due: DueAlerts, now: datetime) -> list[str]:
    return [one.name for one, _ in due.pop(now)]


def test_each_slot_is_given_once_and_passed_ones_as_one() -> None:
    due = DueAlerts()
    due.use(
        file_of(alert("a"), alert("b", "*/5 * * * *"), alert("off", enabled=False), alert("never", "0 0 30 2 *")),
        NOON,
        {},
    )
    assert (len(due), due.next_slot()) == (2, NOON + MINUTE)
    assert names(due, NOON + HALF) == []
    assert due.pop(NOON + MINUTE)[0][1] == NOON + MINUTE
    assert names(due, NOON + MINUTE) == []
    assert sorted(names(due, NOON + 20 * MINUTE)) == ["a", "b"]
    assert names(due, NOON + 20 * MINUTE + HALF) == []
    assert due.next_slot() == NOON + 21 * MINUTE


def test_what_was_due_while_nobody_looked_is_due_at_once() -> None:
    due = DueAlerts()
    last = {"a": NOON - timedelta(hours=2), "b": NOON - HALF, "future": NOON + timedelta(days=1)}
    due.use(file_of(alert("a", "0 * * * *"), alert("b", "0 13 * * *"), alert("future", "30 * * * *")), NOON, last)
    assert names(due, NOON) == ["a"]
    assert due.next_slot() == NOON + 30 * MINUTE


def test_an_edit_changes_what_it_changes_by_content() -> None:
    due = DueAlerts()
    due.use(file_of(alert("a"), alert("b"), alert("c")), NOON, {})
    edited = file_of(alert("a", line=7), alert("b", "0 * * * *"), alert("d", query="other"))
    change = due.use(edited, NOON + HALF, {})
    assert (change.added, change.changed, change.removed) == (("d",), ("b",), ("c",))
    assert sorted(names(due, NOON + MINUTE)) == ["a", "d"]
    assert due.next_slot() == NOON + 2 * MINUTE
    due.use(file_of(alert("b", "0 * * * *", enabled=False)), NOON + 2 * MINUTE, {})
    assert due.next_slot() is None


def test_an_edited_query_keeps_a_slot_that_is_still_to_come() -> None:
    due = DueAlerts()
    due.use(file_of(alert("a")), NOON, {})
    due.use(file_of(alert("a", query="other")), NOON + HALF, {})
    ((found, slot),) = due.pop(NOON + MINUTE)
    assert (found.query, slot) == ("other", NOON + MINUTE)
