"""No transition of an alert is lost, whatever silences, intervals and errors lie in between."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.alerting.sqlsentinel.models import Behaviour, Compat
from app.alerting.sqlsentinel.results import QueryStatus
from app.alerting.sqlsentinel.transitions import Laws, SentinelNotice, SentinelState, follow_verdict, silence

START, MINUTE = datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=1)
ALERT, OK, ERROR = QueryStatus.ALERT, QueryStatus.OK, QueryStatus.ERROR
STATUSES = st.lists(st.sampled_from([ALERT, OK, ERROR]), max_size=30)
SILENCES = st.dictionaries(st.integers(0, 30), st.integers(0, 8), max_size=3)
"""For how many minutes, by the minute in which it is set."""


def run(
    statuses: list[QueryStatus], laws: Laws, silences: dict[int, int] | None = None
) -> tuple[SentinelState, list[SentinelNotice]]:
    state, notices = SentinelState("a"), []
    for minute, status in enumerate(statuses):
        now = START + minute * MINUTE
        if minutes := (silences or {}).get(minute):
            state = silence(state, now + minutes * MINUTE)
        state, notice = follow_verdict(state, status, now, laws)
        notices.append(notice)
    return state, notices


@given(STATUSES)
def test_without_silence_and_interval_both_laws_notify_on_each_transition(statuses: list[QueryStatus]) -> None:
    known = [status for status in statuses if status is not ERROR]
    begins = sum(now is ALERT and before is not ALERT for before, now in zip([None, *known], known, strict=False))
    for compat in Compat:
        state, notices = run(statuses, Laws(compat))
        assert notices.count(SentinelNotice.ALERT) == begins
        assert state.current_status is (known[-1] if known else None)
        tail = next((n for n, status in enumerate(reversed(known)) if status is not ALERT), len(known))
        assert state.consecutive_alerts == tail


@given(STATUSES, SILENCES, st.integers(0, 5))
def test_an_alert_that_lasts_is_told_once_nothing_stands_in_its_way(
    statuses: list[QueryStatus], silences: dict[int, int], interval: int
) -> None:
    laws = Laws(behaviour=Behaviour(min_interval=interval * MINUTE))
    state, _ = run([*statuses, *[ALERT] * 45], laws, silences)
    assert state.due_since is None
    assert state.notified


@given(STATUSES, SILENCES, st.integers(0, 5), st.sampled_from(Compat))
def test_nobody_is_told_in_a_silence_nor_more_often_than_the_interval(
    statuses: list[QueryStatus], silences: dict[int, int], interval: int, compat: Compat
) -> None:
    laws = Laws(compat, Behaviour(min_interval=interval * MINUTE))
    state, notified = SentinelState("a"), []
    for minute, status in enumerate(statuses):
        now = START + minute * MINUTE
        if minutes := silences.get(minute):
            state = silence(state, now + minutes * MINUTE)
        silent = state.silenced(now)
        state, notice = follow_verdict(state, status, now, laws)
        assert notice is SentinelNotice.NONE or not silent
        if notice is not SentinelNotice.NONE:
            notified.append(minute)
    assert all(later - earlier >= interval for earlier, later in itertools.pairwise(notified))


@given(STATUSES, SILENCES)
def test_who_was_told_of_an_alert_is_told_of_its_end(statuses: list[QueryStatus], silences: dict[int, int]) -> None:
    laws = Laws(behaviour=Behaviour(notify_recovery=True))
    state, notices = run([*statuses, *[OK] * 45], laws, silences)
    assert not state.notified
    said = [notice for notice in notices if notice is not SentinelNotice.NONE]
    assert all(
        before is SentinelNotice.ALERT for before, now in itertools.pairwise(said) if now is SentinelNotice.RECOVERY
    )
    assert not said or said[-1] is SentinelNotice.RECOVERY


@given(STATUSES)
def test_a_disabled_alert_tells_nobody_until_it_is_enabled(statuses: list[QueryStatus]) -> None:
    state, notices = run(statuses, Laws(enabled=False))
    assert set(notices) <= {SentinelNotice.NONE}
    assert follow_verdict(state, ALERT, START + timedelta(days=1), Laws())[1] is SentinelNotice.ALERT


def test_the_original_loses_what_the_reliable_laws_make_up_for() -> None:
    silenced = {1: 2}
    statuses = [OK, ALERT, ALERT, ALERT, ALERT]
    assert SentinelNotice.ALERT not in run(statuses, Laws(Compat.STRICT), silenced)[1]
    assert run(statuses, Laws(), silenced)[1].index(SentinelNotice.ALERT) == 3
    flapping = [ALERT, OK, ALERT, ALERT, ALERT, ALERT]
    behaviour = Behaviour(min_interval=4 * MINUTE)
    assert run(flapping, Laws(Compat.STRICT, behaviour))[1].count(SentinelNotice.ALERT) == 1
    assert run(flapping, Laws(behaviour=behaviour))[1] == [
        SentinelNotice.ALERT,
        *[SentinelNotice.NONE] * 3,
        SentinelNotice.ALERT,
        SentinelNotice.NONE,
    ]


def test_reminders_come_as_often_as_asked() -> None:
    notices = run([ALERT] * 7, Laws(behaviour=Behaviour(remind_every=3 * MINUTE)))[1]
    assert [minute for minute, notice in enumerate(notices) if notice is SentinelNotice.REMINDER] == [3, 6]
