from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from app.collection.backfill.models import (
    BackfillProgress,
    BackfillRetryPolicy,
    BackfillState,
    Holder,
    Reprocess,
    WindowDecision,
    WindowState,
    next_step,
)
from app.collection.models import CollectionRun, Outcome
from app.sources.source import FetchStatistics
from tests.support.backfill_factory import FR, LOAD, NOW, days

RUN = CollectionRun("fake", LOAD, FR, days(0, 1), NOW, NOW, Outcome.STORED, FetchStatistics())
PROGRESS = BackfillProgress(
    1, "", BackfillState.RUNNING, "", NOW, None, Reprocess.ALL, newest_first=True, concurrency=1,
    counts=dict.fromkeys(WindowState, 0), requests=0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "error", "attempts", "verdict"),
    [
        (Outcome.STORED, "", 1, WindowDecision.ENDED),
        (Outcome.EMPTY, "", 1, WindowDecision.ENDED),
        (Outcome.FAILED, "MalformedDocument", 1, WindowDecision.ENDED),
        (Outcome.FAILED, "SourceUnavailable", 1, WindowDecision.LATER),
        (Outcome.FAILED, "RateLimited", 4, WindowDecision.LATER),
        (Outcome.FAILED, "SourceUnavailable", 5, WindowDecision.ENDED),
        (Outcome.FAILED, "AnswerOutdated", 4, WindowDecision.LATER),
        (Outcome.FAILED, "AccessDenied", 1, WindowDecision.REFUSED),
    ],
)
def test_what_a_run_means_for_its_window(outcome: Outcome, error: str, attempts: int, verdict: WindowDecision) -> None:
    assert next_step(replace(RUN, outcome=outcome, error_class=error), attempts, BackfillRetryPolicy()) is verdict


def test_pauses_double_up_to_an_hour() -> None:
    patience = BackfillRetryPolicy(retry=timedelta(minutes=1))
    assert [patience.pause(n) for n in (0, 1, 2, 3)] == [timedelta(minutes=n) for n in (1, 1, 2, 4)]
    assert patience.pause(1000) == timedelta(hours=1)
    assert BackfillRetryPolicy(retry=timedelta(hours=2)).pause(5) == timedelta(hours=2)


def test_the_time_left_is_what_remains_at_the_rate_and_never_an_extrapolation_of_the_past() -> None:
    begun = replace(PROGRESS, counts={**PROGRESS.counts, WindowState.PENDING: 90, WindowState.CLAIMED: 10})
    assert begun.seconds_left(5.0) == 20.0
    halved = replace(begun, counts={**begun.counts, WindowState.STORED: 8, WindowState.EMPTY: 2}, requests=20)
    assert (halved.planned, halved.ended) == (110, 10)
    assert halved.seconds_left(5.0) == 40.0
    # As many as were under way, each two seconds long; then the pace of the last windows, where that is lower.
    assert replace(begun, window_seconds=2.0, concurrency=4).seconds_left(5.0) == 50.0
    assert replace(begun, recent_windows=21, recent_seconds=10.0).seconds_left(5.0) == 50.0
    assert replace(begun, recent_windows=9, recent_seconds=90.0).seconds_left(5.0) == 20.0


def test_the_pace_is_known_once_enough_windows_have_ended() -> None:
    assert replace(PROGRESS, recent_windows=21, recent_seconds=10.0).pace == 2.0
    assert replace(PROGRESS, recent_windows=9, recent_seconds=9.0).pace is None
    assert replace(PROGRESS, recent_windows=21).pace is None


def test_pending_and_claimed_windows_have_not_ended() -> None:
    assert {state for state in WindowState if not state.terminal} == {WindowState.PENDING, WindowState.CLAIMED}
    assert {state for state in BackfillState if state.terminal} == {BackfillState.CANCELLED, BackfillState.COMPLETED}


def test_a_worker_waits_for_others_only_while_no_window_is_free_for_it() -> None:
    dead = Holder("host:1", 2, NOW)
    full = replace(PROGRESS, concurrency=2, claimable=True, holders=(dead,))
    assert full.held_by_others("host:2") == (dead,)
    assert full.held_by_others("host:1") == ()
    assert replace(full, concurrency=3).held_by_others("host:2") == ()
    assert replace(full, concurrency=3, claimable=False).held_by_others("host:2") == (dead,)
    assert replace(full, holders=()).held_by_others("host:2") == ()


def test_a_completed_backfill_says_how_many_windows_were_empty() -> None:
    ended = replace(PROGRESS, state=BackfillState.COMPLETED, reason="")
    counts = dict.fromkeys(WindowState, 0)
    empty = replace(ended, counts=counts | {WindowState.STORED: 3, WindowState.EMPTY: 2})
    assert empty.explanation == "completed, 2 windows empty"
    assert replace(ended, counts=counts | {WindowState.STORED: 3}).explanation == ""


def simulated_ends(windows: int, *, rate: float, seconds: float, concurrency: int, seed: int) -> list[float]:
    """When each window ends: begun at the rate of the budget, as many at once as allowed, each taking about so long."""
    draw, free, ends = Random(seed), [0.0] * concurrency, []
    for number in range(windows):
        worker = min(range(concurrency), key=free.__getitem__)
        free[worker] = max(free[worker], number / rate) + seconds * draw.uniform(0.8, 1.2)
        ends.append(free[worker])
    return sorted(ends)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("seconds", "concurrency"), [(0.1, 4), (2.0, 4), (2.0, 16), (10.0, 4), (10.0, 64)])
def test_the_time_left_is_within_a_fifth_from_the_tenth_window_on(seconds: float, concurrency: int, seed: int) -> None:
    rate = 6.0
    ends = simulated_ends(600, rate=rate, seconds=seconds, concurrency=concurrency, seed=seed)
    for ended in range(10, 601):
        now = ends[ended - 1]
        recent = [end for end in ends[:ended] if end > now - 180][-200:]
        shown = replace(
            PROGRESS,
            counts={**PROGRESS.counts, WindowState.STORED: ended, WindowState.PENDING: 600 - ended},
            concurrency=concurrency,
            requests=ended,
            recent_windows=len(recent),
            recent_seconds=recent[-1] - recent[0],
            window_seconds=seconds,
        ).seconds_left(rate)
        left = ends[-1] - now
        # The last windows end together: what is under way is known to a window.
        assert abs(shown - left) <= max(left / 5, 1.2 * seconds), (ended, shown, left)
