"""Numbers that look random and are functions of their arguments: the same key and time always give the same number."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def key_of(*parts: object) -> int:
    """A 64-bit key of anything that has a text form; the same in every process."""
    text = "|".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def fraction(*parts: object) -> float:
    """One number in [0, 1) for anything that has a text form."""
    return (key_of(*parts) >> 11) * 2.0**-53


def uniform(key: int, counters: NDArray[np.int64]) -> NDArray[np.float64]:
    """A number in [0, 1) for each counter (the finaliser of SplitMix64)."""
    mixed = counters.astype(np.uint64) * _GOLDEN + np.uint64(key % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def steps(key: int, seconds: NDArray[np.int64], hold: int) -> NDArray[np.float64]:
    """A number in [0, 1) that stays for `hold` seconds."""
    return uniform(key, seconds // hold)


def smooth(key: int, seconds: NDArray[np.int64], knot: int) -> NDArray[np.float64]:
    """A curve in [-1, 1) through random knots that lie `knot` seconds apart."""
    index, rest = np.divmod(seconds, knot)
    way = rest / knot
    way = way * way * (3 - 2 * way)
    first, second = uniform(key, index), uniform(key, index + 1)
    return 2 * (first + (second - first) * way) - 1
