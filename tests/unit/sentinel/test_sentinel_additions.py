"""What a file may say beyond the original: calendars, dependencies, attempts, lateness, priorities."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from app.alerting.sqlsentinel.daemon.turns import LateAnswers, WaitingAlerts
from app.alerting.sqlsentinel.databases.jobs import Answered, JobQueue
from app.alerting.sqlsentinel.databases.pool import DatabasePool
from app.alerting.sqlsentinel.dependencies import blocking
from app.alerting.sqlsentinel.file_watch import late_row
from app.alerting.sqlsentinel.files.reading import read_sentinel_file
from app.alerting.sqlsentinel.models import SentinelFile
from app.alerting.sqlsentinel.results import QueryStatus
from app.alerting.sqlsentinel.service import SentinelService
from app.clock import FixedClock
from app.kit.yaml.tree import FileProblems

NOW = datetime(2026, 12, 24, 6, tzinfo=UTC)


def read(alerts: str, head: str = "") -> SentinelFile:
    text = f"{head}\ndatabase: {{url: 'sqlite://'}}\nalerts:\n"
    text += "".join(
        f"  - {{query: {line.split(',')[0]}, schedule: '0 9 * * *', name: {line}}}\n"
        for line in alerts.split("\n")
        if line
    )
    return read_sentinel_file(text.encode(), "a.yaml", {})


def problems(alerts: str, head: str = "") -> str:
    with pytest.raises(FileProblems) as caught:
        read(alerts, head)
    return "\n".join(str(problem) for problem in caught.value.problems)


def runs(file: SentinelFile, name: str, count: int) -> list[str]:
    alert = file.alert(name)
    assert alert is not None
    return [f"{slot:%m-%d}" for slot in alert.schedule.next_slots(NOW, count)]


def test_schedules_count_on_the_days_of_a_calendar() -> None:
    head = "calendars: {shop: {country: DE, subdivision: BY, holidays: ['2026-12-24'], weekend: sunday}}\nonly: business_days"
    file = read("a\nb, calendar: DE\nc, calendar: shop\nd, only: holidays, calendar: DE\ne, only: all", head)
    assert runs(file, "a", 4) == ["12-24", "12-25", "12-28", "12-29"]
    assert runs(file, "b", 3) == ["12-24", "12-28", "12-29"]
    assert runs(file, "c", 3) == ["12-28", "12-29", "12-30"]
    assert runs(file, "d", 3) == ["12-25", "12-26", "01-01"]
    assert runs(file, "e", 3) == ["12-24", "12-25", "12-26"]
    assert "only business_days of shop" in str(file.alerts[2].schedule)


def test_what_is_wrong_in_additions_says_what_helps() -> None:
    assert "no holidays are known of country 'XX'" in problems("a, only: weekend, calendar: XX")
    assert "'work' is none of all, business_days" in problems("a, only: work")
    assert "says nothing without `only`" in problems("a, calendar: DE")
    assert "this must be a mapping of names" in problems("a", "calendars: [DE]")
    head = "calendars: {x: {country: ZZ, holidays: [soon, 2026-12-24], weekend: [free, [1]], days: 1}, y: DE}"
    said = problems("a, only: holidays, calendar: z", head)
    for part in (
        "no holidays are known of country 'ZZ'",
        "'soon' is no date",
        "'free' is no day of the week",
        "this is no text",
        "there is no such field; known are country",
        "calendars.y: this must be a mapping",
        "or name one of `calendars`",
    ):
        assert part in said
    assert "'21' is no whole number from 0 to 20" in problems("a, retries: 21")
    assert "'x' is no number from 1 to 10" in problems("a, retry_backoff: x")
    assert "'top' is none of high, normal, low" in problems("a, priority: top")
    assert "there is no alert 'bb'" in problems("a, depends_on: bb\nb")
    assert "alerts depend on each other: a -> c -> b -> a" in problems(
        "a, depends_on: [c]\nb, depends_on: a\nc, depends_on: b"
    )


CHAIN = read(
    "last, depends_on: middle\nmiddle, depends_on: [first, other]\nfirst\nother\nalone\nafter, depends_on: first, upstream: wait"
)


def test_alerts_wait_for_those_that_they_depend_on() -> None:
    running: set[str] = set()
    waiting = WaitingAlerts()

    def begin(alerts: Any) -> list[str]:
        found = []
        for alert in alerts:
            running.add(alert.name)
            found.append(alert.name)
        return found

    assert begin(waiting.admit(CHAIN.alerts, CHAIN.upstreams, running)) == ["first", "other", "alone"]
    assert set(waiting.names) == {"middle", "last", "after"}
    running.remove("first")
    assert begin(waiting.freed(CHAIN.upstreams, running)) == ["after"]
    running.remove("other")
    assert begin(waiting.freed(CHAIN.upstreams, running)) == ["middle"]
    running.remove("middle")
    assert begin(waiting.freed(CHAIN.upstreams, running)) == ["last"]


@pytest.mark.parametrize(
    ("name", "statuses", "blocker"),
    [
        ("middle", {"first": QueryStatus.ALERT}, "first"),
        ("last", {"first": QueryStatus.ERROR}, "first"),
        ("last", {"first": QueryStatus.OK}, ""),
        ("after", {"first": QueryStatus.ALERT}, ""),
        ("alone", {"first": QueryStatus.ALERT}, ""),
    ],
)
def test_an_upstream_that_is_not_well_holds_back(name: str, statuses: dict[str, QueryStatus], blocker: str) -> None:
    alert = CHAIN.alert(name)
    assert alert is not None
    assert blocking(alert, CHAIN.upstreams, statuses) == blocker


def test_late_answers_are_news_once_and_so_is_their_end() -> None:
    file = read("slow, late_after: 10\nplain")
    slow, plain = file.alerts
    late = LateAnswers()
    later = [NOW + timedelta(seconds=seconds) for seconds in range(0, 100, 6)]
    late.began(slow, NOW)
    late.began(plain, NOW)
    assert late.overdue(later[1]) == []
    assert late.overdue(later[2]) == [(slow, 12.0)]
    assert late.overdue(later[3]) == []
    assert late.ended(slow, later[4]) is None
    late.began(slow, later[5])
    assert late.ended(slow, later[6]) == 6.0
    assert late.ended(plain, later[6]) is None
    late.began(slow, later[7])
    assert late.ended(slow, later[9]) == 12.0
    assert late_row(12.04, slow) == {"status": "ALERT", "actual_value": 12.0, "threshold": 10.0}
    assert set(file.notifying) == {"slow", "plain", "slow: late", "sqlsentinel: file"}
    assert (file.receivers("slow: late"), file.receivers("gone")) == ((), None)


class FailingPool:
    """Fails so often, then answers; remembers what was asked."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.asked: list[str] = []

    def submit(self, query: str, _seconds: float, _priority: str) -> Future[Answered]:
        self.asked.append(query)
        answer: Future[Answered] = Future()
        failed = len(self.asked) <= self.failures
        answer.set_result(Answered(error="away") if failed else Answered([{"status": "OK"}]))
        return answer


def test_what_fails_is_asked_again_so_often_as_the_file_says() -> None:
    (alert,) = read("a, retries: 2, retry_wait: 0").alerts
    for failures, error in ((2, ""), (3, "away")):
        pool = FailingPool(failures)
        service = SentinelService(cast("DatabasePool", pool), None, FixedClock(NOW))
        assert service.ask(alert).result(10).error == error
        assert len(pool.asked) == 3
    (patient,) = read("a, retry_wait: 10, retry_backoff: 3").alerts
    assert [patient.behaviour.wait_before(retry) for retry in range(3)] == [10, 30, 90]
    assert patient.behaviour.wait_before(20) == 3600


def test_a_run_leaves_out_what_is_behind_an_alert_that_is_not_well() -> None:
    service = SentinelService(cast("DatabasePool", FailingPool(1)), None, FixedClock(NOW))
    (first, second, third) = [run for runs in service.run(CHAIN, CHAIN.alerts[:3], "MANUAL") for run in runs]
    assert (first.alert.name, first.verdict.status, first.skipped) == ("first", QueryStatus.ERROR, "")
    assert [(one.alert.name, one.skipped) for one in (second, third)] == [("middle", "first"), ("last", "first")]


def test_urgent_statements_come_first_and_keep_a_place() -> None:
    jobs, answer = JobQueue(2), Future[Answered]()
    for priority in ("low", "low", "normal", "normal", "high"):
        jobs.put((priority, 1.0, answer), priority)
    taken = [jobs.get(), jobs.get()]
    assert [one[1] for one in taken if one] == ["high", "normal"]
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(jobs.get()))
    thread.start()
    jobs.done("high")
    jobs.put(("again", 1.0, answer), "high")
    thread.join(10)
    assert got[0][0][0] == "again"
    assert [job[0] for job in jobs.close()] == ["normal", "low", "low"]
    assert jobs.get() is None
