"""The first weeks of a series, which nothing precedes: what follows them tells what is usual, read backwards in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from app.quality.detectors.patterns import signatures, stale_originals
from app.quality.models import EvidenceRule, Series
from app.timeseries.rolling import Flags, Values

EARLY_DAYS, JUDGES_DAYS = 42, 28
"""So many days are judged by those after them, each by this many at least."""
FOLLOWING_DAYS = (56, 84, 112)
"""How much of the series is read backwards: the most of these that is there, so that verdicts move twice and then stay."""


@dataclass(frozen=True, slots=True)
class EarlyWeeks:
    """Places of a series: `begin` to `end` is judged by what follows up to `known`."""

    begin: int
    end: int
    known: int

    @property
    def judged(self) -> slice:
        return slice(self.begin, self.end)

    @property
    def read(self) -> slice:
        return slice(self.begin, self.known)

    @property
    def size(self) -> int:
        return self.end - self.begin


def early_weeks(values: Values, per_day: int) -> EarlyWeeks | None:
    """The first weeks from the first known value on; None where too little follows them."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return None
    begin = int(known[0]) // per_day * per_day
    following = [days for days in FOLLOWING_DAYS if begin + days * per_day <= len(values)]
    if not following:
        return None
    judged = min(EARLY_DAYS, following[-1] - JUDGES_DAYS)
    return EarlyWeeks(begin, begin + judged * per_day, begin + following[-1] * per_day)


def backwards(series: Series, weeks: EarlyWeeks) -> Series:
    """What is read of the series, from the last value to the first."""
    peers = {name: _turned(peer[weeks.read]) for name, peer in series.peers.items()}
    return replace(series, values=_turned(series.values[weeks.read]), peers=peers)


def certain_backwards(
    certain: Mapping[EvidenceRule, Flags], turned: Series, weeks: EarlyWeeks
) -> dict[EvidenceRule, Flags]:
    """Rules and signatures, of which the latter know the habits of what follows; of two equal days the later is the copy."""
    found = {rule: flags[weeks.read][::-1] for rule, flags in certain.items()}
    for rule, flags in signatures(turned).items():
        if rule is not EvidenceRule.STALE_COPY:
            found[rule] = found.get(rule, np.zeros(len(flags), np.bool_)) | flags
    copies = np.zeros(len(turned.values), np.bool_)
    for lag, originals in stale_originals(turned):
        copies[: len(copies) - lag] |= originals[lag:]
    if copies.any():
        found[EvidenceRule.STALE_COPY] = found.get(EvidenceRule.STALE_COPY, False) | copies
    return found


def _turned(values: Values) -> Values:
    return np.ascontiguousarray(values[::-1])
