"""How often somebody may do something: a bucket for each, which fills again with time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MOST = 10_000
"""Whom one remembers: the memory of a limit must not be what an attack fills."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class RateLimit:
    """So many a minute for each name, `burst` of them at once; a rate of 0 is no limit. `now` is any clock of seconds."""

    def __init__(self, per_minute: float, burst: float) -> None:
        self._rate = per_minute / 60
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, name: str, now: float) -> float:
        """Seconds until the name may go on; 0 where it may now."""
        if not self._rate:
            return 0.0
        bucket = self._filled(name, now)
        return 0.0 if bucket.tokens >= 1 else (1 - bucket.tokens) / self._rate

    def take(self, name: str, now: float) -> None:
        """It did it once."""
        if self._rate:
            bucket = self._filled(name, now)
            bucket.tokens = max(bucket.tokens - 1, 0.0)

    def _filled(self, name: str, now: float) -> _Bucket:
        bucket = self._buckets.setdefault(name, _Bucket(self._burst, now))
        bucket.tokens = min(self._burst, bucket.tokens + max(0.0, now - bucket.at) * self._rate)
        bucket.at = now
        self._buckets.move_to_end(name)
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return bucket
