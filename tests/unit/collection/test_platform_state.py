"""What the latest windows say of the platform."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.collection.models import Outcome
from app.collection.source_health import (
    LastWindow,
    PlatformCondition,
    PlatformState,
    SourceHealth,
    condition_of,
    state_after,
)
from tests.support.web_factory import NOW

STORED = LastWindow(NOW, Outcome.STORED, "", "")
CLASSES = ("SourceUnavailable", "RateLimited", "AccessDenied", "MalformedDocument", "RequestRejected")
FAILING = {PlatformCondition.DOWN, PlatformCondition.REFUSED_TOKEN}
WINDOWS = st.one_of(
    st.sampled_from((Outcome.STORED, Outcome.EMPTY)).map(lambda outcome: LastWindow(NOW, outcome, "", "")),
    st.sampled_from(CLASSES).map(lambda name: LastWindow(NOW, Outcome.FAILED, name, "why")),
)


def failed(error_class: str, message: str = "why") -> LastWindow:
    return LastWindow(NOW, Outcome.FAILED, error_class, message)


@pytest.mark.parametrize(
    ("window", "condition"),
    [
        (STORED, PlatformCondition.ANSWERING),
        (LastWindow(NOW, "empty", "", ""), PlatformCondition.ANSWERING),
        (failed("AccessDenied"), PlatformCondition.REFUSED_TOKEN),
        (failed("SourceUnavailable"), PlatformCondition.DOWN),
        (failed("RateLimited"), PlatformCondition.DOWN),
        (failed("MalformedDocument"), PlatformCondition.ANSWERING),
        (failed("RequestRejected"), PlatformCondition.ANSWERING),
    ],
)
def test_a_window_says_how_the_platform_is(window: LastWindow, condition: PlatformCondition) -> None:
    assert condition_of(window) is condition


@given(st.lists(WINDOWS, max_size=12))
def test_the_state_is_that_of_the_last_window_and_counts_failures_since_the_last_answer(
    windows: list[LastWindow],
) -> None:
    state = state_after(windows)
    conditions = [condition_of(one) for one in windows]
    assert state.condition is (conditions[-1] if conditions else PlatformCondition.UNKNOWN)
    trailing = next((n for n, one in enumerate(reversed(conditions)) if one not in FAILING), len(conditions))
    assert state.failures == trailing
    assert (state.answered_at is None) is (PlatformCondition.ANSWERING not in conditions)
    assert bool(state.warning) is (state.condition in FAILING)


def test_a_warning_names_the_error_and_the_setting() -> None:
    assert PlatformState().warning == ""
    assert "GRIDKEEPER_ENTSOE__TOKEN" in PlatformState().after(failed("AccessDenied")).warning
    assert "503 again" in PlatformState().after(failed("SourceUnavailable", "503 again")).warning


def test_what_is_known_or_older_says_nothing_new() -> None:
    watch = SourceHealth()
    watch.learn(failed("SourceUnavailable"))
    watch.learn(failed("SourceUnavailable"))
    watch.learn(LastWindow(NOW - timedelta(minutes=1), "stored", "", ""))
    assert (watch.state.condition, watch.state.failures) == (PlatformCondition.DOWN, 1)
    watch.learn(LastWindow(NOW + timedelta(minutes=1), "stored", "", ""))
    assert watch.state.condition is PlatformCondition.ANSWERING
