"""Local clocks: load and prices follow those on the wall, which change twice a year, and stamps do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.market.time import MARKET_ZONE
from app.quality.detectors.detect import detect
from app.quality.detectors.early import FOLLOWING_DAYS
from app.quality.models import DAY, HOUR, DetectionResult, EvidenceRule, Series, SeriesKind
from app.timeseries.rolling import Flags, Instants, Values

BY_NATURE = frozenset({SeriesKind.SOLAR, SeriesKind.WIND})
"""Sun and wind know no clocks."""
HABITS = (EvidenceRule.SHIFT, EvidenceRule.STEP, EvidenceRule.SEASONAL, EvidenceRule.FORECAST)
"""Evidence that new clocks look like."""
DISPUTES = (EvidenceRule.PEER_SHIFT, EvidenceRule.PEER_LEVEL)
"""Evidence of a companion, decided by who departs from its own history."""
UNTIL_USUAL_DAYS = 21
"""So long the weeks before outweigh those of the new clocks."""
REFERENCE_DAYS = 56


def resolve_clock_changes(series: Series, verdict: DetectionResult, zone: ZoneInfo = MARKET_ZONE) -> DetectionResult:
    """The verdict less what only the change of the clocks explains: a value is implausible where it is on both.

    All of Europe changes at the same instant; where clocks change at another, or never, nothing is explained by it.
    Which of a series and its forecast did not follow the clocks, only these tell: on the grid of stamps the one that
    did departs from its own history.
    """
    if series.kind in BY_NATURE or HOUR % series.step:
        return verdict
    score, rule = verdict.score.copy(), verdict.rule.copy()
    for change in _changes(series, zone):
        after = slice(change, change + UNTIL_USUAL_DAYS * series.per_day)
        habitual = (score[after] >= 1.0) & np.isin(rule[after], HABITS)
        if habitual.any() or series.forecasts:
            _resolve(score[after], rule[after], habitual, _on_clocks(series, after, zone))
    rule[score < 1.0] = EvidenceRule.NONE
    return DetectionResult(score, rule)


def _resolve(score: Values, rule: NDArray[np.str_], habitual: Flags, local: DetectionResult) -> None:
    """Change a stretch of a verdict to what stamps and clocks say together; `local` is NaN where clocks say nothing."""
    score[habitual] = np.fmin(score[habitual], local.score[habitual])
    disputed = np.isin(rule, DISPUTES)
    score[disputed] = np.minimum(score[disputed], np.nan_to_num(local.score[disputed]))
    claimed = (local.score >= 1.0) & np.isin(local.rule, DISPUTES) & (score < 1.0)
    score[claimed], rule[claimed] = local.score[claimed], local.rule[claimed]


def _changes(series: Series, zone: ZoneInfo) -> Iterator[int]:
    """The places at which the clocks have just changed."""
    starts = series.start + series.step * np.arange(len(series.values), dtype=np.int64)
    yield from (np.flatnonzero(np.diff(offsets(starts, zone))) + 1).tolist()


def _on_clocks(series: Series, after: slice, zone: ZoneInfo) -> DetectionResult:
    """The verdict that a stretch has on the grid of local clocks; NaN in the hour that they show twice."""
    begin = max(0, after.start - REFERENCE_DAYS * series.per_day)
    # The first weeks are judged by what follows, which must be there.
    part = slice(begin, after.stop if begin else max(after.stop, FOLLOWING_DAYS[-1] * series.per_day))
    values = series.values[part]
    starts = series.start + series.step * np.arange(part.start, part.start + len(values), dtype=np.int64)
    places = places_on_clocks(starts, series.step, zone)

    def on_grid(column: Values) -> Values:
        gridded = np.full(int(places.max()) + 1, np.nan)
        gridded[places[places >= 0]] = column[part][places >= 0]
        return gridded

    peers = {name: on_grid(peer) for name, peer in series.peers.items()}
    first, stretch = int(places[: after.start - begin].max()), slice(after.start - begin, after.stop - begin)
    verdict = detect(replace(series, start=int(starts[0]), values=on_grid(series.values), peers=peers), first)
    score = np.where(places >= 0, verdict.score[places], np.nan)
    return DetectionResult(score[stretch], verdict.rule[places][stretch])


def places_on_clocks(starts: Instants, step: int, zone: ZoneInfo) -> NDArray[np.intp]:
    """Each unit's place on the grid of local clocks; -1 in the hour that they show twice, when it comes again.

    Habits of people survive a change of the clocks on this grid alone.
    """
    local = starts + offsets(starts, zone)
    places = (local - local[0]) // step
    latest = np.maximum.accumulate(places)
    again = np.concatenate([[False], places[1:] <= latest[:-1]])
    return np.where(again, -1, places).astype(np.intp)


def seconds_from_local(stamps: Instants, zone: ZoneInfo) -> tuple[Instants, Flags]:
    """The instants of what clocks show, counted as if they were UTC, and which of them no clock shows.

    What is shown twice is first the earlier instant, and the later one when it comes again.
    """
    if not len(stamps):
        return stamps, np.zeros(0, np.bool_)
    day_before, day_after = offsets(stamps - DAY, zone), offsets(stamps + DAY, zone)
    early, late = stamps - day_before, stamps - day_after
    first = offsets(early, zone) == day_before
    second = offsets(late, zone) == day_after
    order = np.argsort(stamps, kind="stable")
    again = np.zeros(len(stamps), np.bool_)
    again[order[1:]] = np.diff(stamps[order]) == 0
    instants = np.where(first & ~(second & again), early, late)
    return instants, ~first & ~second


def offsets(starts: Instants, zone: ZoneInfo) -> Instants:
    """Seconds by which local clocks are ahead; looked up by hour only on days on which they change."""
    found = np.empty(len(starts), np.int64)
    days = starts // DAY
    edges = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    for first, last in zip(edges.tolist(), [*edges[1:].tolist(), len(starts)], strict=True):
        day = int(days[first]) * DAY
        before, after = _offset(day, zone), _offset(day + DAY, zone)
        found[first:last] = before
        if before != after:
            found[first:last] = [_offset(start, zone) for start in starts[first:last].tolist()]
    return found


def _offset(second: int, zone: ZoneInfo) -> int:
    shift = datetime.fromtimestamp(second, zone).utcoffset()
    return int(shift.total_seconds()) if shift else 0
