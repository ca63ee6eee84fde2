"""Latency histograms: fixed buckets that grow by an eighth of an octave, so that histograms of any periods add up. Pure.

Bucket `b` holds seconds in `(0.001 * 2^((b-1)/8), 0.001 * 2^(b/8)]`; the first also what is faster, the last what is
slower. A quantile is answered with the geometric middle of its bucket: at most `WORST_ERROR` from the true one.
In the database a histogram is one number, `DIGITS` decimal digits for the runs of each bucket: sums of these numbers are
sums of histograms.
"""

from __future__ import annotations

SHORTEST = 0.001
"""Seconds; the upper end of bucket 0."""
PER_OCTAVE = 8
LAST_BUCKET = 160
"""Its upper end is 0.001 * 2^20, a little more than 17 minutes."""
DIGITS = 12
WORST_ERROR = 2 ** (1 / (2 * PER_OCTAVE)) - 1

# A time on the end of a bucket belongs to it, also where its logarithm comes out a little too large.
BUCKET_SQL = (
    f"least({LAST_BUCKET}, greatest(0, ceil({PER_OCTAVE} * ln(greatest({{0}}, {SHORTEST}) / {SHORTEST}) / ln(2.0::float8)"
    " - 1e-9)))::integer"
)
"""The bucket of a number of seconds, as an expression of PostgreSQL; to be formatted with the column."""


def unpack_counts(number: str) -> dict[int, int]:
    """The runs of each bucket that has any, from the number in the database as decimal digits."""
    width = -(-len(number) // DIGITS) * DIGITS
    digits = number.rjust(width, "0")
    slots = (digits[place : place + DIGITS] for place in range(width - DIGITS, -1, -DIGITS))
    return {bucket: runs for bucket, slot in enumerate(slots) if (runs := int(slot))}


def quantile(counts: dict[int, int], share: float) -> float | None:
    """The seconds that so large a share of all runs did not exceed; None without runs."""
    total = sum(counts.values())
    upto = 0
    for bucket in sorted(counts):
        upto += counts[bucket]
        if upto >= share * total:
            return middle(bucket)
    return None


def middle(bucket: int) -> float:
    """The geometric middle of a bucket, in seconds."""
    return float(SHORTEST * 2 ** ((bucket - 0.5) / PER_OCTAVE))
