"""From evidence to alarms: rules and signatures speak alone; a soft score must leave the series' own habit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from app.quality.evidence import own_evidence
from app.quality.models import Evidence, Flags, Rule, Series, Values, Verdict
from app.quality.peers import peer_evidence
from app.quality.signatures import signatures
from app.quality.validity import violations
from app.timeseries.rolling import habit

HABIT_DAYS = 56
HABIT_QUANTILE = 0.9
"""Not the maximum: an earlier fault would raise the gate and hide the next one."""
HABIT_MINIMUM = 14
PASSES = 2
UTMOST = 1e4
"""Times the usual size of a series: greater values are alarms anyway."""
CERTAIN = 10.0
"""The score of a rule or signature, which has no degrees."""


def detect(series: Series) -> Verdict:
    """The verdict on every value.

    What the first pass flags is distrusted by the second: no reference, spread or habit is learned from it.
    """
    if not len(series.values):
        return Verdict(np.zeros(0), np.zeros(0, dtype=np.str_))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        certain = violations(series) | signatures(series)
        distrusted = np.logical_or.reduce([np.zeros(len(series.values), dtype=bool), *certain.values()])
        bounded = _bounded(series)
        scores: list[tuple[Rule, Values]] = []
        flagged = doubted = distrusted
        for _ in range(PASSES):
            trusted = np.where(flagged, np.nan, bounded.values)
            scores = [(found.rule, gated(found, series.per_day)) for found in _evidence(bounded, trusted, doubted)]
            doubted = distrusted | _any_alarm(
                [one for one in scores if one[0] is not Rule.ROUGHNESS], len(series.values)
            )
            flagged = distrusted | _any_alarm(scores, len(series.values))
    return _verdict(certain, scores, len(series.values))


def _bounded(series: Series) -> Series:
    """The series without magnitudes whose rounding errors would stay behind in running sums."""
    known = np.abs(series.values[~np.isnan(series.values)])
    if not len(known):
        return series
    bound = UTMOST * np.quantile(known, 0.9)
    return replace(series, values=np.clip(series.values, -bound, bound) if bound > 0 else series.values)


def _evidence(series: Series, trusted: Values, doubted: Flags) -> Iterator[Evidence]:
    yield from own_evidence(series, trusted, doubted)
    yield from peer_evidence(series, trusted)


def gated(found: Evidence, per_day: int) -> Values:
    """The score in units of its limit; 0 while too little is known of the series' habit."""
    known = np.where(found.clean, found.score, np.nan)
    usual = habit(known, per_day, quantile=HABIT_QUANTILE, days=HABIT_DAYS, minimum=HABIT_MINIMUM)
    limit = np.where(np.isnan(usual), np.inf, np.fmax(found.limit.least, found.limit.times * usual))
    return np.nan_to_num(found.score / limit, posinf=CERTAIN)


def _any_alarm(scores: Iterable[tuple[Rule, Values]], size: int) -> Flags:
    alarm = np.zeros(size, dtype=bool)
    for _, score in scores:
        alarm |= score >= 1.0
    return alarm


def _verdict(certain: dict[Rule, Flags], scores: Iterable[tuple[Rule, Values]], size: int) -> Verdict:
    """The strongest evidence of every value; among rules and signatures the first named."""
    strongest = np.zeros(size)
    rules = np.zeros(size, dtype="U20")
    for rule, score in scores:
        stronger = score > strongest
        strongest[stronger] = np.minimum(score[stronger], CERTAIN)
        rules[stronger] = rule
    rules[strongest < 1.0] = Rule.NONE
    for rule, flags in reversed(certain.items()):
        strongest[flags], rules[flags] = CERTAIN, rule
    return Verdict(strongest, rules)
