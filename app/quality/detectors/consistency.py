"""What other series say: parts and their sum, the balance of an area, opposite flows, neighbours' prices.

A relation is learned before it is held against a value: what usually lacks is a bias, what usually scatters is a
spread, and an alarm must leave the relation's own habit. Each result names who spoke and what they suggest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from app.quality.blame import companion, departure_of, upheld
from app.quality.detectors.related_series import Role
from app.quality.detectors.residuals import SHORTEST_DAY
from app.quality.gate import CERTAIN, gated
from app.quality.models import DetectionResult, EvidenceRule, Limit, Series, SoftScore
from app.timeseries.rolling import (
    Flags,
    Values,
    all_known,
    before,
    by_day,
    moving_mean,
    run_lengths,
    trailing_median,
    whole_runs,
)

BIAS_DAYS = 14
HEARINGS = 4
"""Each frees the limits after one more fault from what it made of them."""
HOURS_OF_IMBALANCE = 3
PARTS_LIMIT = Limit(0.001, 3.0)
"""Of the whole: the four control areas of DE added up to its load within 0.03 % all through 2019."""
BALANCE_LIMIT = Limit(0.12, 2.0)
"""Of the load: the balance of DE in 2025 stayed below 10.8 % in 99 hours of 100."""
MIRROR_LIMIT = Limit(0.25, 1.6)
HOURS_OF_ISOLATION = 2
NEIGHBOUR_SHARE, NEIGHBOUR_TIMES = 0.3, 3.0

DOUBTFUL = 0.5
"""Of an alarm: a witness that departs so far from its own history, and further than the series, is itself in doubt. A
balance has too many witnesses: one of them is unusual nearly always."""
_WITNESSES = {
    EvidenceRule.PARTS: (Role.PART,),
    EvidenceRule.NEIGHBOURS: (Role.NEIGHBOUR,),
    EvidenceRule.MIRROR: (Role.OPPOSITE,),
}

LONGEST_RULE = "U20"

RelatedValues = Mapping[Role, Mapping[str, Values]]
"""Other series on the same grid, by their role and name."""
ConsistencyCheck = Callable[["Series", Values, RelatedValues], "ConsistencyResult | None"]


@dataclass(frozen=True, slots=True, eq=False)
class ConsistencyResult:
    """What other series say about each value: how strongly against it (alarm from 1 on), and what they suggest."""

    rule: EvidenceRule
    score: Values
    suggested: Values
    witnesses: tuple[str, ...]
    relation: str

    @property
    def flags(self) -> Flags:
        return self.score >= 1.0


def testimonies(series: Series, trusted: Values, company: RelatedValues) -> list[ConsistencyResult]:
    """What the company of a series says; those who have nothing to compare are silent.

    `trusted` are the values that nothing else speaks against. What one check objects to is distrusted by the next:
    nothing is learned from it.
    """
    if series.per_day < SHORTEST_DAY or not len(series.values):
        return []
    with np.errstate(invalid="ignore", divide="ignore"):
        heard = [_heard_again(hear, series, trusted, company) for hear in (parts, balance, opposite, neighbours)]
    return [one for one in heard if one is not None]


def heard(
    series: Series, verdict: DetectionResult, distrusted: Flags, company: RelatedValues
) -> tuple[DetectionResult, list[ConsistencyResult]]:
    """The verdict with what other series say more strongly, and what they say."""
    score, rules = verdict.score.copy(), verdict.rule.astype(LONGEST_RULE)
    said = testimonies(series, np.where(distrusted, np.nan, series.values), company)
    for one in said:
        stronger = one.flags & (one.score > score) & ~np.isnan(series.values)
        score[stronger], rules[stronger] = np.minimum(one.score[stronger], CERTAIN), one.rule
    return DetectionResult(score, rules), said


def excused(series: Series, company: RelatedValues) -> Flags:
    """Zero in one direction of a border while energy flows in the other: that is no outage, however long it lasts."""
    found = np.zeros(len(series.values), np.bool_)
    for other in company.get(Role.OPPOSITE, {}).values():
        found |= (series.values == 0) & (other > 0)
    return found


def _heard_again(
    hear: ConsistencyCheck, series: Series, trusted: Values, company: RelatedValues
) -> ConsistencyResult | None:
    heard = hear(series, trusted, company)
    for _ in range(HEARINGS - 1):
        if heard is not None and heard.flags.any():
            heard = hear(series, np.where(heard.flags, np.nan, trusted), company)
    return _decided(heard, series, company) if heard is not None and heard.flags.any() else heard


def _decided(heard: ConsistencyResult, series: Series, company: RelatedValues) -> ConsistencyResult:
    """The result less the disagreements that one of the other series is to blame for."""
    others = [
        replace(series, values=values, peers={})
        for role in _WITNESSES.get(heard.rule, ())
        for values in company.get(role, {}).values()
    ]
    departures = [companion(one).departure for one in (replace(series, peers={}), *others)]
    theirs = departure_of(departures[1:], len(series.values))
    acquitted = upheld(heard.flags, theirs, departures[0], series.per_hour, least=DOUBTFUL)
    return replace(heard, score=np.where(acquitted, 0.0, heard.score))


def _sum(terms: Mapping[str, Values], size: int) -> Values:
    """The sum of all series; NaN where one of them is not known."""
    total: Values = np.sum([*terms.values(), np.zeros(size)], axis=0)
    return total


def parts(series: Series, trusted: Values, company: RelatedValues) -> ConsistencyResult | None:
    """The whole against the sum of its parts, in shares of the whole; what the parts usually lack is learned."""
    terms = company.get(Role.PART, {})
    if len(terms) < 2:
        return None
    total = _sum(terms, len(trusted))
    share = _usual(trusted / total, series.per_day)
    suggested = total * np.where(np.isnan(share), 1.0, share)
    error = np.abs(series.values / suggested - 1)
    score = gated(SoftScore(EvidenceRule.PARTS, error, ~np.isnan(trusted), PARTS_LIMIT), series.per_day)
    return ConsistencyResult(EvidenceRule.PARTS, score, suggested, tuple(terms), f"sum of {len(terms)} areas")


def _usual(values: Values, per_day: int) -> Values:
    """What the two weeks before suggest; NaN before three days are known."""
    return trailing_median(values, BIAS_DAYS * per_day, 3 * per_day)


def balance(series: Series, trusted: Values, company: RelatedValues) -> ConsistencyResult | None:
    """Load against generation, less storage and net exports, over three hours and in shares of the load.

    Types that are too small to be published and losses make a bias, which is learned.
    """
    generation, imports = company.get(Role.GENERATION, {}), company.get(Role.IMPORT, {})
    exports, stored = company.get(Role.EXPORT, {}), company.get(Role.CONSUMPTION, {})
    if not generation or not (imports and exports):
        return None
    size, hours = len(trusted), HOURS_OF_IMBALANCE * series.per_hour
    supply = _sum(generation, size) - _sum(stored, size) + _sum(imports, size) - _sum(exports, size)
    suggested = supply + np.nan_to_num(_usual(trusted - supply, series.per_day))
    level = np.abs(_usual(trusted, series.per_day))
    error = np.abs(moving_mean(series.values - suggested, hours, hours)) / np.where(level > 0, level, np.nan)
    score = gated(SoftScore(EvidenceRule.BALANCE, error, all_known(trusted, hours), BALANCE_LIMIT), series.per_day)
    names = (*generation, *stored, *imports, *exports)
    return ConsistencyResult(
        EvidenceRule.BALANCE, score, suggested, names, "generation - net exports - load over three hours"
    )


def opposite(series: Series, trusted: Values, company: RelatedValues) -> ConsistencyResult | None:
    """A flow against that of the other direction: both at once, where this is not usual, or the very same values."""
    flows = company.get(Role.OPPOSITE, {})
    if len(flows) != 1:
        return None
    ((name, other),) = flows.items()
    size = trailing_median(np.fmax(trusted, other), BIAS_DAYS * series.per_day, series.per_day)
    overlap = np.minimum(series.values, other) / np.where(size > 0, size, np.nan)
    score = gated(SoftScore(EvidenceRule.MIRROR, overlap, ~np.isnan(trusted), MIRROR_LIMIT), series.per_day)
    score[_mirrored(series, other)] = CERTAIN
    suggested = np.where(other > 0, 0.0, series.values)
    return ConsistencyResult(EvidenceRule.MIRROR, score, suggested, (name,), "both directions of a border at once")


def _mirrored(series: Series, other: Values) -> Flags:
    """Runs of three hours and more in which both directions carry the same, changing values."""
    same = (series.values == other) & (series.values != 0)
    changing = same & (series.values != before(series.values, 1))
    lengths = np.where(same, run_lengths(same), 0.0)
    return whole_runs(same, changing & (lengths >= max(3, 3 * series.per_hour)))


def neighbours(series: Series, trusted: Values, company: RelatedValues) -> ConsistencyResult | None:
    """A price against the range of its neighbours' prices, over some hours and in units of a day's usual range.

    Neighbours that contradict each other make the range wide and prove nothing; one that has no price is left out.
    """
    prices = company.get(Role.NEIGHBOUR, {})
    if not prices:
        return None
    least, greatest = np.fmin.reduce([*prices.values()]), np.fmax.reduce([*prices.values()])
    hours = HOURS_OF_ISOLATION * series.per_hour
    outside = np.maximum(np.maximum(series.values - greatest, least - series.values), 0.0)
    usual = trailing_median(_ranges(trusted, series.per_day), BIAS_DAYS * series.per_day, 3 * series.per_day)
    error = moving_mean(outside, hours, hours) / np.where(usual > 0, usual, np.nan)
    # The fewer neighbours, the narrower their range, and the less it means to leave it.
    limit = Limit(NEIGHBOUR_SHARE * (1 + 2 / len(prices)), NEIGHBOUR_TIMES)
    score = gated(SoftScore(EvidenceRule.NEIGHBOURS, error, all_known(trusted, hours), limit), series.per_day)
    suggested = np.clip(series.values, least, greatest)
    return ConsistencyResult(
        EvidenceRule.NEIGHBOURS, score, suggested, tuple(prices), "range of the neighbouring zones' prices"
    )


def _ranges(values: Values, per_day: int) -> Values:
    """Of each value's day the distance from the least to the greatest known value."""
    days = by_day(values, per_day)
    ranges = np.fmax.reduce(days, axis=1) - np.fmin.reduce(days, axis=1)
    return np.repeat(ranges, per_day)[: len(values)]
