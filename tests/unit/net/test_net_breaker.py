from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.net.breaker import LONGEST_PAUSE, PATIENCE, THRESHOLD, Breaker
from tests.support.http_fakes import NOW

CLOSED = Breaker(pause=timedelta(seconds=2))
STEPS = st.lists(st.tuples(st.sampled_from(("success", "failure", "probe")), st.integers(0, 600)), max_size=80)


def failed(times: int, breaker: Breaker = CLOSED) -> Breaker:
    for _ in range(times):
        breaker = breaker.failure(NOW)
    return breaker


def probed(times: int) -> Breaker:
    breaker = failed(THRESHOLD)
    for _ in range(times):
        breaker = breaker.failure(NOW, probe=True)
    return breaker


def test_it_stays_closed_one_failure_below_the_threshold() -> None:
    assert not failed(THRESHOLD - 1).open


def test_it_opens_when_the_threshold_is_reached_without_a_success_between() -> None:
    breaker = failed(THRESHOLD)
    assert breaker.open
    assert breaker.next_probe == NOW + timedelta(seconds=2)
    assert breaker.failing_since == NOW


def test_a_success_starts_the_count_anew() -> None:
    assert not failed(THRESHOLD - 1, failed(THRESHOLD - 1).success()).open


def test_an_attempt_under_way_when_it_opened_is_no_probe() -> None:
    assert failed(THRESHOLD + 5).failed_probes == 0


def test_the_pause_doubles_with_each_failed_probe_up_to_the_longest() -> None:
    pauses = [probed(count).until_probe(NOW).total_seconds() for count in range(10)]
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_it_refuses_after_the_last_patient_probe_until_the_pause_is_over() -> None:
    breaker = probed(PATIENCE)
    assert not probed(PATIENCE - 1).refuses(NOW)
    assert breaker.refuses(NOW)
    assert not breaker.refuses(NOW + breaker.until_probe(NOW))


def test_a_clock_that_went_back_does_not_lengthen_the_pause() -> None:
    assert failed(THRESHOLD).until_probe(NOW - timedelta(days=1)) == timedelta(seconds=2)


def test_a_closed_breaker_has_nothing_to_wait_for() -> None:
    assert CLOSED.until_probe(NOW) == timedelta()
    assert not CLOSED.refuses(NOW)


@given(STEPS)
def test_it_is_open_exactly_when_a_whole_row_of_attempts_has_failed(steps: list[tuple[str, int]]) -> None:
    breaker, now, row = CLOSED, NOW, 0
    for kind, seconds in steps:
        now += timedelta(seconds=seconds)
        breaker = breaker.success() if kind == "success" else breaker.failure(now, probe=kind == "probe")
        row = 0 if kind == "success" else row + 1
        assert breaker.open == (row >= THRESHOLD)
        assert timedelta() <= breaker.until_probe(now) <= LONGEST_PAUSE
        assert not breaker.refuses(now) or breaker.failed_probes >= PATIENCE
        assert not breaker.refuses(now + LONGEST_PAUSE)


@given(STEPS)
def test_any_success_closes_it_and_forgets_everything(steps: list[tuple[str, int]]) -> None:
    breaker = CLOSED
    for kind, seconds in steps:
        breaker = breaker.failure(NOW + timedelta(seconds=seconds), probe=kind == "probe")
    assert breaker.success() == CLOSED
