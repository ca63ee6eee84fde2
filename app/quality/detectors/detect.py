"""From evidence to alarms: rules and signatures speak alone; a soft score must leave the series' own habit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from app.quality.blame import (
    UNUSUAL_WEEK,
    CompanionSeries,
    companion,
    confirmed,
    departure_of,
    drift_of,
    leapt,
    upheld,
)
from app.quality.detectors.early import EarlyWeeks, backwards, certain_backwards, early_weeks
from app.quality.detectors.forecast import Forecaster
from app.quality.detectors.incidents import NO_ALARM, Scores, one_alarm_each
from app.quality.detectors.patterns import signatures
from app.quality.detectors.peers import HAVE_FACTORS, drift, peer_evidence, place_evidence, usual_distance
from app.quality.detectors.residuals import SHORTEST_DAY, own_evidence, seasonal_base
from app.quality.detectors.validity import violations
from app.quality.gate import CERTAIN, any_of, gated
from app.quality.models import MARKETS, DetectionResult, EvidenceRule, Series, SeriesKind, SoftScore
from app.timeseries.rolling import Flags, Values

MOST_PASSES = 4
"""Each distrusts what the one before found; where a series has few faults the second finds nothing new and is the last."""

UTMOST = 1e4
"""Times the usual size of a series: greater values are alarms anyway."""


def detect(series: Series, first: int = 0) -> DetectionResult:
    """The verdict on every value from place `first` on, and on those before it as far as others rest on them.

    What one pass flags is distrusted by the next: no reference, spread or habit is learned from it. Where faults are
    many they hide each other, so passes go on until they change nothing. The first weeks are judged by what follows.
    """
    if not len(series.values):
        return DetectionResult(np.zeros(0), np.zeros(0, dtype=np.str_))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        certain = violations(series) | signatures(series)
        weeks = early_weeks(series.values, series.per_day)
        if weeks is None or first >= weeks.end:
            return _judged(series, certain)
        early = _judged_backwards(series, certain, weeks)
        doubted = np.zeros(len(series.values), np.bool_)
        doubted[weeks.judged] = early.flags & (early.rule != EvidenceRule.SHIFT)
        return _replaced(_judged(series, certain, doubted), early, weeks)


def _judged(series: Series, certain: dict[EvidenceRule, Flags], doubted: Flags | None = None) -> DetectionResult:
    """The verdict where some values break rules and some are `doubted` already."""
    size = len(series.values)
    # A new level stays beyond the bounds of the season until it is usual: it must be learned from.
    wrong = [flags for rule, flags in certain.items() if rule is not EvidenceRule.SEASONAL_BOUNDS]
    distrusted = any_of(wrong if doubted is None else [*wrong, doubted], size)
    scores = _excused(series, _settled(_bounded(_netted(series)), distrusted))
    return _verdict(certain, scores, size)


def _judged_backwards(series: Series, certain: dict[EvidenceRule, Flags], weeks: EarlyWeeks) -> DetectionResult:
    """The verdict on the first weeks by what follows them."""
    turned = backwards(series, weeks)
    found = _judged(turned, certain_backwards(certain, turned, weeks))
    return DetectionResult(found.score[::-1][: weeks.size], found.rule[::-1][: weeks.size])


def _replaced(verdict: DetectionResult, early: DetectionResult, weeks: EarlyWeeks) -> DetectionResult:
    score, rule = verdict.score.copy(), verdict.rule.copy()
    score[weeks.judged], rule[weeks.judged] = early.score, early.rule
    return DetectionResult(score, rule)


def _netted(series: Series) -> Series:
    """A flow less that of the other direction: both rest at zero for most of the time, what is between them does not."""
    if series.kind is not SeriesKind.FLOW or len(series.opposites) != 1:
        return series
    return replace(series, values=series.values - series.opposites[0])


def _excused(series: Series, scores: Scores) -> Scores:
    """The scores less those of zeros while energy flows the other way."""
    if series.kind is not SeriesKind.FLOW or len(series.opposites) != 1:
        return scores
    excused = (series.values == 0) & (series.opposites[0] > 0)
    return [(rule, np.where(excused, np.fmin(score, NO_ALARM), score)) for rule, score in scores]


def _settled(series: Series, distrusted: Flags) -> Scores:
    """The soft scores of the last pass."""
    size, flagged, doubted, shifted = len(series.values), distrusted, distrusted, None
    forecaster = Forecaster()
    peers = [companion(replace(series, values=peer, peers={})) for peer in series.forecasts]
    elsewhere = [] if series.kind in MARKETS else series.places  # prices part where a line is full
    places = [companion(replace(series, values=peer, peers={})) for peer in elsewhere]
    own_drift = drift_of(series) if peers else np.zeros(size)
    scores: Scores = []
    for _ in range(MOST_PASSES):
        trusted, before = np.where(flagged, np.nan, series.values), flagged
        evidence = list(own_evidence(series, trusted, doubted, forecaster))
        own = [(one.rule, gated(one, series.per_day)) for one in evidence]
        lasting = {number for number, one in enumerate(evidence) if one.lasting}
        scores = own
        for peer in peers:
            scores = _with_companion(series, trusted, scores, own, peer)
        scores = [*scores, *_drifted(series, trusted, own_drift, peers)]
        for peer in places:
            scores = [*scores, *_against(series, trusted, own, peer)]
        if shifted is None:  # what is shifted for weeks is the new habit: later passes must not go on without it
            shifted = any_of((score >= 1.0 for rule, score in scores if rule is EvidenceRule.SHIFT), size)
        smooth = [
            score >= 1.0
            for number, (rule, score) in enumerate(scores)
            if rule not in {EvidenceRule.ROUGHNESS, EvidenceRule.SHIFT} and number not in lasting
        ]
        doubted = any_of([distrusted, shifted, *smooth], size)
        flagged = any_of([doubted, *(score >= 1.0 for rule, score in scores if rule is EvidenceRule.ROUGHNESS)], size)
        if np.array_equal(flagged, before):
            break
    if series.per_day < SHORTEST_DAY:
        return scores
    base = seasonal_base(np.where(flagged, np.nan, series.values), series.per_day)
    return one_alarm_each(series, base, scores, distrusted)


def _with_companion(series: Series, trusted: Values, scores: Scores, own: Scores, peer: CompanionSeries) -> Scores:
    """The scores less what the companion confirms, and what speaks for a fault of the series beside it."""
    bias = usual_distance(trusted, peer.values, series.per_day)
    right = confirmed(series, trusted, peer, bias)
    found = [
        (rule, score if rule is EvidenceRule.ROUGHNESS else np.where(right, np.fmin(score, NO_ALARM), score))
        for rule, score in scores
    ]
    return [*found, *_upheld(series, peer_evidence(series, trusted, peer.values, bias), own, peer)]


def _drifted(series: Series, trusted: Values, own: Values, peers: Sequence[CompanionSeries]) -> Scores:
    """What forecasts say about whole weeks, where the series' own is unusual or two forecasts say so."""
    if series.kind not in HAVE_FACTORS or series.per_day < SHORTEST_DAY:
        return []
    scores = [gated(drift(series, trusted, peer.values), series.per_day) for peer in peers]
    agreed = np.sum([np.zeros(len(own)), *(score >= 1.0 for score in scores)], axis=0) > 1
    found: Scores = []
    for peer, score in zip(peers, scores, strict=True):
        mine, theirs = leapt(series, trusted, peer.values, score >= 1.0)
        kept = agreed | mine | upheld(score >= 1.0, own, peer.drift, series.per_hour, least=UNUSUAL_WEEK) & ~theirs
        found.append((EvidenceRule.PEER_LEVEL, np.where(kept, score, np.fmin(score, NO_ALARM))))
    return found


def _against(series: Series, trusted: Values, own: Scores, peer: CompanionSeries) -> Scores:
    """What speaks for a fault of the series beside one of another place, which excuses nothing."""
    bias = usual_distance(trusted, peer.values, series.per_day)
    return _upheld(series, place_evidence(series, trusted, peer.values, bias), own, peer)


def _upheld(series: Series, evidence: Iterable[SoftScore], own: Scores, peer: CompanionSeries) -> Scores:
    """The evidence that the series, and not its companion, is to blame for."""
    departure = departure_of((score for _, score in own), len(series.values))
    found: Scores = []
    for one in evidence:
        score = gated(one, series.per_day)
        kept = upheld(score >= 1.0, departure, peer.departure, series.per_hour)
        found.append((one.rule, np.where(kept, score, np.fmin(score, NO_ALARM))))
    return found


def _bounded(series: Series) -> Series:
    """The series without magnitudes whose rounding errors would stay behind in running sums."""
    known = np.abs(series.values[~np.isnan(series.values)])
    if not len(known):
        return series
    bound = UTMOST * np.quantile(known, 0.9)
    return replace(series, values=np.clip(series.values, -bound, bound) if bound > 0 else series.values)


def _verdict(
    certain: dict[EvidenceRule, Flags], scores: Iterable[tuple[EvidenceRule, Values]], size: int
) -> DetectionResult:
    """The strongest evidence of every value; among rules and signatures the first named."""
    strongest = np.zeros(size)
    rules = np.zeros(size, dtype="U20")
    for rule, score in scores:
        stronger = score > strongest
        strongest[stronger] = np.minimum(score[stronger], CERTAIN)
        rules[stronger] = rule
    rules[strongest < 1.0] = EvidenceRule.NONE
    for rule, flags in reversed(certain.items()):
        strongest[flags], rules[flags] = CERTAIN, rule
    return DetectionResult(strongest, rules)
