"""One incident is one alarm: what lies between a leap and the way back is wrong, the right values after it are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from app.quality.gate import any_of
from app.quality.models import EvidenceRule, Series
from app.timeseries.rolling import Flags, Values, before

Scores = list[tuple[EvidenceRule, Values]]

NO_ALARM = 0.99
"""The score of what would be an alarm, were it not excused."""
LONGEST_HOURS = 72
"""From a leap to the way back: what stays longer is the new level."""
HOURS_AROUND = 24
UNLIKE = 0.5
"""Of the greater of two leaps: where they differ by more, the second does not lead back."""
LAGS = {EvidenceRule.STEP: 1, EvidenceRule.FORECAST: 3}
"""Evidence that compares a value with those just before it, and with how many."""


def one_alarm_each(series: Series, base: Values, scores: Scores, certain: Flags) -> Scores:
    """The scores with each incident's own values alarmed, and none of the values that are right again after it."""
    size = len(series.values)
    by_itself = certain | any_of((score >= 1.0 for rule, score in scores if rule not in LAGS), size)
    leaps = np.fmax.reduce([np.zeros(size), *(score for rule, score in scores if rule in LAGS)])
    between = _between(series.values - base, leaps, series.per_hour)
    wrong = by_itself | (between >= 1.0)
    found = [(rule, _excused(score, wrong, LAGS[rule]) if rule in LAGS else score) for rule, score in scores]
    return [*found, (EvidenceRule.STEP, between)]


def _between(departures: Values, leaps: Values, per_hour: int) -> Values:
    """The score of the lesser of two leaps for all values from the first to the last before the way back."""
    found = np.zeros(len(leaps))
    changes = departures - before(departures, 1)
    first = -1
    for last in _distinct(np.flatnonzero((leaps >= 1.0) & ~np.isnan(changes)).tolist(), np.abs(changes)):
        if first >= 0 and last - first <= LONGEST_HOURS * per_hour and _leads_back(departures, first, last, per_hour):
            found[first:last] = min(leaps[first], leaps[last])
            first = -1
        else:
            first = last
    return found


def _distinct(places: Sequence[int], sizes: Values) -> Iterator[int]:
    """The places of leaps without their echoes, lesser alarms just after a leap."""
    kept = -1
    for place in places:
        if kept < 0 or place - kept > max(LAGS.values()) or sizes[place] >= UNLIKE * sizes[kept]:
            kept = place
            yield place


def _leads_back(departures: Values, first: int, last: int, per_hour: int) -> bool:
    """Whether the second leap undoes the first, and what lies between them departs further than what lies around."""
    there, back = departures[first] - departures[first - 1], departures[last] - departures[last - 1]
    if abs(there + back) > UNLIKE * max(abs(there), abs(back)):
        return False
    day = HOURS_AROUND * per_hour
    around = np.concatenate([departures[max(0, first - day) : first], departures[last : last + day]])
    return bool(np.nanmedian(np.abs(departures[first:last])) > np.nanmedian(np.abs(around)))


def _excused(score: Values, wrong: Flags, lags: int) -> Values:
    """The score less alarms of values that only those just before them make look wrong."""
    beside = any_of((_later(wrong, lag) for lag in range(1, lags + 1)), len(wrong))
    return np.where(beside & ~wrong, np.fmin(score, NO_ALARM), score)


def _later(flags: Flags, count: int) -> Flags:
    moved = np.zeros(len(flags), np.bool_)
    moved[count:] = flags[:-count]
    return moved
