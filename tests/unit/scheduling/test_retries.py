from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.errors import AccessDenied, SourceUnavailable
from app.scheduling.retries import RetryPolicy, error_chain

NOW = datetime(2024, 3, 1, tzinfo=UTC)
POLICY = RetryPolicy(3, timedelta(seconds=60))


def test_the_pause_doubles_up_to_the_limit_of_attempts() -> None:
    pauses = [POLICY.next_attempt(SourceUnavailable("x"), attempt, NOW) for attempt in (1, 2, 3, 4)]
    assert pauses == [NOW + timedelta(seconds=60), NOW + timedelta(seconds=120), NOW + timedelta(seconds=240), None]


def test_the_pause_has_an_end() -> None:
    assert RetryPolicy(99, timedelta(hours=1)).next_attempt(OSError(), 50, NOW) == NOW + timedelta(hours=6)


def test_what_only_a_person_can_mend_is_not_tried_again() -> None:
    assert POLICY.next_attempt(AccessDenied("x"), 1, NOW) is None


def test_a_chain_names_every_cause_once() -> None:
    error = SourceUnavailable("no answer")
    error.__cause__ = TimeoutError()
    error.__cause__.__context__ = SourceUnavailable("no answer")
    assert error_chain(error) == "SourceUnavailable: no answer\nTimeoutError"
