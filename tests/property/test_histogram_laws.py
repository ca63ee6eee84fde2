"""Laws of latency histograms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.monitoring.histogram import DIGITS, LAST_BUCKET, SHORTEST, WORST_ERROR, middle, quantile, unpack_counts

LATENCIES = st.lists(st.floats(SHORTEST, 1000.0), min_size=1, max_size=200)
HISTOGRAMS = st.dictionaries(st.integers(0, LAST_BUCKET), st.integers(1, 10**DIGITS - 1), max_size=30)


def bucket_of(seconds: float) -> int:
    return max(0, math.ceil(8 * math.log2(seconds / SHORTEST) - 1e-9))


def packed(counts: dict[int, int]) -> str:
    return str(sum(count * 10 ** (DIGITS * bucket) for bucket, count in counts.items()))


@given(LATENCIES, st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_lies_within_the_documented_error_of_the_true_one(latencies: list[float], share: float) -> None:
    counts: dict[int, int] = {}
    for seconds in latencies:
        counts[bucket_of(seconds)] = counts.get(bucket_of(seconds), 0) + 1
    true = sorted(latencies)[math.ceil(share * len(latencies)) - 1]
    found = quantile(counts, share)
    assert found is not None
    assert abs(found - true) <= true * (WORST_ERROR + 1e-6)


@given(HISTOGRAMS)
def test_a_histogram_is_read_back_as_it_was_written(counts: dict[int, int]) -> None:
    assert unpack_counts(packed(counts)) == counts


@given(
    HISTOGRAMS.map(lambda one: {b: c % 10**6 + 1 for b, c in one.items()}),
    HISTOGRAMS.map(lambda one: {b: c % 10**6 + 1 for b, c in one.items()}),
)
def test_the_sum_of_the_numbers_is_the_sum_of_the_histograms(one: dict[int, int], other: dict[int, int]) -> None:
    together = {bucket: one.get(bucket, 0) + other.get(bucket, 0) for bucket in {*one, *other}}
    assert unpack_counts(str(int(packed(one)) + int(packed(other)))) == together


def test_no_runs_have_no_quantile() -> None:
    assert quantile(unpack_counts("0"), 0.95) is None


def test_the_middle_of_a_bucket_is_as_far_from_both_its_ends() -> None:
    assert middle(8) / (SHORTEST * 2 ** (7 / 8)) == pytest.approx((SHORTEST * 2) / middle(8))
