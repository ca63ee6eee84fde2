"""How old what a replica shows is, by places in the log of the primary."""

from __future__ import annotations

import pytest

from app.db.reading.lag import BLOCK, LogSample, PrimaryLog, end_of_written, log_position

NEVER = float("-inf")


def log_of(*samples: tuple[float, int], seconds: float = 60) -> PrimaryLog:
    log = PrimaryLog(seconds)
    for at, position in samples:
        log.add(LogSample(at, position))
    return log


def test_a_position_is_the_number_of_a_byte() -> None:
    assert log_position("16/B374D848") == 0x16B374D848


@pytest.mark.parametrize(("behind", "ends_at"), [(0, 0), (24, 0), (40, 0), (32, 32), (48, 48)])
def test_a_log_that_ends_with_a_page_ends_before_the_header_of_the_next(behind: int, ends_at: int) -> None:
    assert end_of_written(7 * BLOCK + behind) == 7 * BLOCK + ends_at


def test_a_replica_has_seen_what_was_there_at_the_last_sample_it_has_passed() -> None:
    log = log_of((1, 100), (2, 200), (3, 300))
    assert [log.seen_at(position) for position in (None, 99, 100, 250, 300, 999)] == [NEVER, NEVER, 1, 2, 3, 3]
    assert (log.began, log.newest_at) == (1, 3)


def test_a_replica_of_an_idle_primary_is_not_behind() -> None:
    assert log_of((1, 100), (2, 100), (3, 100)).seen_at(100) == 3


def test_a_sample_that_another_one_overtook_says_nothing() -> None:
    assert log_of((1, 100), (3, 300), (2, 200)).seen_at(250) == 1


def test_after_a_failover_only_what_the_new_primary_has_counts() -> None:
    log = log_of((1, 100), (2, 500), (3, 400))
    assert (log.seen_at(399), log.seen_at(400)) == (1, 3)


def test_old_samples_are_forgotten() -> None:
    log = log_of((1, 100), (2, 200), (100, 300), seconds=60)
    assert (log.seen_at(150), log.began) == (1, 1)
    assert log.seen_at(250) == 1, "of what is older than asked for, one a minute is kept"
    for at in range(101, 100 + 86400 * 2, 50):
        log.add(LogSample(at, at + 200))
    assert log.seen_at(250) == NEVER, "and for a day"
    assert log.seen_at(150_000) == pytest.approx(149_800, abs=100)
    log.add(LogSample(200_000, 150_000))
    assert log.seen_at(150_000) == 200_000, "after a failover what was sampled of the other server beyond says nothing"
    assert log.seen_at(149_999) < 149_800


def test_without_a_sample_nothing_is_known() -> None:
    log = PrimaryLog(60)
    assert (log.newest_at, log.seen_at(100)) == (NEVER, NEVER)
