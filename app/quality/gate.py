"""From a soft score to an alarm: it must leave the series' own habit."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from app.quality.models import EvidenceRule, SoftScore
from app.timeseries.rolling import Flags, Values, habit

HABIT_DAYS = 56
HABIT_QUANTILE = 0.9
"""Not the maximum: an earlier fault would raise the gate and hide the next one."""
MOMENTARY = frozenset({EvidenceRule.STEP, EvidenceRule.FORECAST, EvidenceRule.SEASONAL, EvidenceRule.ROUGHNESS})
"""What speaks of hours: it comes again with a fault. A level, a clock or a relation that changes is a new habit in weeks."""
UPPER_QUARTILE, MOST_OF_QUARTILE = 0.75, 2.0
"""What one day in ten reaches counts at most twice what one day in four does: faults on every fifth day are no habit."""
HABIT_MINIMUM = 14
CERTAIN = 10.0
"""The score of a rule or signature, which has no degrees."""


def gated(found: SoftScore, per_day: int) -> Values:
    """The score in units of its limit; 0 while too little is known of the series' habit."""
    known = np.where(found.clean, found.score, np.nan)
    usual = habit(known, per_day, quantile=HABIT_QUANTILE, days=HABIT_DAYS, minimum=HABIT_MINIMUM)
    if found.rule in MOMENTARY and not found.lasting:
        often = habit(known, per_day, quantile=UPPER_QUARTILE, days=HABIT_DAYS, minimum=HABIT_MINIMUM)
        usual = np.minimum(usual, MOST_OF_QUARTILE * often)
    limit = np.where(np.isnan(usual), np.inf, np.fmax(found.limit.least, found.limit.times * usual))
    return np.nan_to_num(found.score / limit, posinf=CERTAIN)


def any_of(flags: Iterable[Flags], size: int) -> Flags:
    """The values that one of some flags marks."""
    found: Flags = np.logical_or.reduce([np.zeros(size, dtype=np.bool_), *flags])
    return found
