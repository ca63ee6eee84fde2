"""Latencies by size: percentiles are right to a twentieth, and those of parts add up."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.probes.rollups.histogram import LAST, added, bucket_of, latency_at

TIMES = st.lists(st.floats(0.1, 60_000), min_size=1, max_size=60)


@given(TIMES, TIMES, st.sampled_from([0.5, 0.95, 0.99]))
def test_percentiles_are_right_to_a_twentieth(one: list[float], other: list[float], share: float) -> None:
    counts = added(Counter(map(bucket_of, one)), Counter(map(bucket_of, other)))
    times = sorted(one + other)
    exact = next(time for number, time in enumerate(times, start=1) if number >= share * len(times))
    assert latency_at(counts, share) == pytest.approx(exact, rel=0.051)


def test_nothing_has_no_percentile_and_ends_are_bounded() -> None:
    assert latency_at({}, 0.5) is None
    assert (bucket_of(0.0), bucket_of(1e9)) == (0, LAST)
