"""From a soft score to an alarm: it must leave the series' own habit."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from app.quality.models import SoftScore
from app.timeseries.rolling import Flags, Values, habit

HABIT_DAYS = 56
HABIT_QUANTILE = 0.9
"""Not the maximum: an earlier fault would raise the gate and hide the next one."""
HABIT_MINIMUM = 14
CERTAIN = 10.0
"""The score of a rule or signature, which has no degrees."""


def gated(found: SoftScore, per_day: int) -> Values:
    """The score in units of its limit; 0 while too little is known of the series' habit."""
    known = np.where(found.clean, found.score, np.nan)
    usual = habit(known, per_day, quantile=HABIT_QUANTILE, days=HABIT_DAYS, minimum=HABIT_MINIMUM)
    limit = np.where(np.isnan(usual), np.inf, np.fmax(found.limit.least, found.limit.times * usual))
    return np.nan_to_num(found.score / limit, posinf=CERTAIN)


def any_of(flags: Iterable[Flags], size: int) -> Flags:
    """The values that one of some flags marks."""
    found: Flags = np.logical_or.reduce([np.zeros(size, dtype=np.bool_), *flags])
    return found
