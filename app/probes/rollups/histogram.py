"""Latencies counted by size, so that those of any times and websites can be taken together. Pure.

A bucket is a tenth wider than the one below it, so a percentile is right to about five in a hundred.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

SMALLEST_MS, GROWTH, LAST = 0.1, 1.1, 180
"""The last bucket begins above 45 minutes."""
SHOWN = (0.5, 0.95, 0.99)


def bucket_of(milliseconds: float) -> int:
    """As the statements of the rollup have it."""
    return min(LAST, math.floor(math.log(max(milliseconds, SMALLEST_MS) / SMALLEST_MS) / math.log(GROWTH)))


def latency_at(counts: Mapping[int, int], share: float) -> float | None:
    """The latency under which a share of the checks lies; None where there were none."""
    total, seen = sum(counts.values()), 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= share * total and seen:
            return float(SMALLEST_MS * GROWTH ** (bucket + 0.5))
    return None


def added(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {bucket: one.get(bucket, 0) + other.get(bucket, 0) for bucket in {*one, *other}}
