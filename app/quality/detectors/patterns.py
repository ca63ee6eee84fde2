"""Signatures of faults: patterns that measurements hardly ever show. What a series shows by habit is allowed to it."""

from __future__ import annotations

import numpy as np

from app.quality.models import MARKETS, EvidenceRule, Series, SeriesKind
from app.timeseries.rolling import (
    Flags,
    Values,
    before,
    daily_maxima,
    habit,
    moving_mean,
    run_lengths,
    slot_median,
    trailing_median,
    whole_runs,
)

HABIT_FACTOR = 1.5
HABIT_DAYS, HABITS_COMPARED = 56, 3
OFTEN = 0.75
"""What happens on one day in four is a habit whatever its length; on one day in ten, if it lasts some hours only."""
HOURS_OF_A_HABIT = 6
STEADY = frozenset({SeriesKind.LOAD, SeriesKind.WIND})
RESTS_IN_A_ROW = 2
"""What holds each level for hours may hold the same twice."""
SHORTEST_PATTERN = 5
HOURS, HOURS_OF_A_PRICE = 3, 5
"""A price rests for hours where one plant or neighbour sets it."""
GLIMMER, BRIGHT = 0.01, 0.05
"""Shares of the peak: below the first solar is dark, above the second it is day."""
USUAL_AGREEMENT = 0.04
"""Neighbours that agree more often than this (coupled prices) may agree for far longer, the more so the more there are."""
COUPLED_DAYS, HOURS_COUPLED = 4, 10
"""Markets that agreed on so many days of eight weeks are coupled: where no line is full, they truly pay the same for hours."""
LEAST_CHANGE = 0.001
"""Of the peak: a plant at rest shows a handful of levels, which meet those of yesterday by chance."""
LONGEST_OUTAGE_DAYS = 7
LONGEST_PAUSE_DAYS = 1
NEAR_LIMIT = 0.95
"""Of the highest flow: meters and corrections show a line at its limit a little above it now and then."""
DECIMALS = (3, 2, 1, 0)
UNROUNDED = 12
UNITS_OF_A_BEND, UNITS_OF_A_SLOPE = 50, 20
"""Of the last published decimal: where a series usually bends by more, three straight bends in a row are no chance."""
UNITS_OF_A_STEP = 3
"""Of the last published decimal: where the usual step is less, neighbours are equal or on a line by chance."""
ALMOST_ALL = 0.99
NEVER_ZERO = frozenset({SeriesKind.LOAD, SeriesKind.GENERATION, SeriesKind.WIND, SeriesKind.NUCLEAR})
CALM = 0.03
"""Of the peak: the output of a calm, in whole MW, is the same for hours."""
FALL_TO_ZERO = 0.15
"""Of the usual price: nearer to zero than this a price may well fall to it and stay for hours."""
NEARLY_EQUAL, HOURS_NEARLY_EQUAL = 0.004, 12
"""Share of a value, and hours before: where two series differ by less, equal values are rounding."""


def signatures(series: Series) -> dict[EvidenceRule, Flags]:
    """Which values belong to which pattern."""
    found = {
        EvidenceRule.ZERO_RUN: zero_run(series),
        EvidenceRule.STUCK: stuck(series),
        EvidenceRule.STRAIGHT_LINE: straight_line(series),
        EvidenceRule.STALE_COPY: stale_copy(series),
        EvidenceRule.PEER_COPY: peer_copy(series),
    }
    return {rule: flags for rule, flags in found.items() if flags.any()}


def allowed_run(lengths: Values, series: Series, shortest: float, usual: Values | None = None) -> Values:
    """The longest run that the weeks before allow; what is `usual` may be known.

    A habit counts days, flagged or not: what happens on more than one day in ten is no fault. Where nothing is known
    yet, or equal values are chance, a day's length is allowed.
    """
    if usual is None:
        usual = habit(lengths, series.per_day, days=HABIT_DAYS)
    allowed = np.where(np.isnan(usual), max(shortest, series.per_day), np.fmax(shortest, HABIT_FACTOR * usual + 1))
    if np.any(lengths > allowed) and _coarse(series.values):
        return np.fmax(allowed, series.per_day)
    return allowed


def lasting_habit(lengths: Values, series: Series, believed: float = 0.0) -> Values:
    """What is usual in the last eight weeks and in those before them: a burst of faults makes no habit.

    What one day in ten reaches is usual up to the length that is `believed`; beyond it one day in four must reach it.
    Markets, the sun, lines and plants that follow markets change their ways with the season: to them what is recent is usual.
    """
    often, seldom = (habit(lengths, series.per_day, quantile=quantile, days=HABIT_DAYS) for quantile in (OFTEN, 0.9))
    usual = recent = np.maximum(often, np.minimum(seldom, believed))
    for earlier in range(1, HABITS_COMPARED if series.kind in STEADY else 1):
        usual = np.fmin(usual, before(recent, earlier * HABIT_DAYS * series.per_day))
    return usual


def _believed(series: Series) -> float:
    """What a rest on one day in ten may last, so that some hours are allowed."""
    return (HOURS_OF_A_HABIT * series.per_hour - 1) / HABIT_FACTOR


def _coarse(values: Values) -> bool:
    """Whether a small series is published in units about as large as its usual step, such as whole MW of 20 MW."""
    known = values[~np.isnan(values)]
    steps = np.abs(np.diff(known))
    steps = steps[steps > 0]
    if not len(steps):
        return False
    decimals = _decimals_of(known)
    unit = 10.0**-decimals if decimals <= max(DECIMALS) else 0.0
    return bool(np.median(steps) < UNITS_OF_A_STEP * unit)


def _decimals_of(values: Values) -> int:
    """How many decimals almost all values need at most; more than any of `DECIMALS` where they need more."""
    known = values[~np.isnan(values)]
    fitting = (decimals for decimals in reversed(DECIMALS) if np.mean(_written_with(known, decimals)) > ALMOST_ALL)
    return next(fitting, UNROUNDED) if len(known) else UNROUNDED


def _written_with(values: Values, decimals: int) -> Flags:
    """Which values have no more decimals than these."""
    flags: Flags = np.abs(values - np.round(values, decimals)) <= 1e-9 * (1 + np.abs(values))
    return flags


def allowed_at_limit(allowed: Values, series: Series) -> Values:
    """The longest run of a flow, a week where its value is near the highest of four weeks."""
    limit = NEAR_LIMIT * habit(series.values, series.per_day, quantile=1.0, days=28)
    return np.where(series.values >= limit, np.fmax(allowed, LONGEST_OUTAGE_DAYS * series.per_day), allowed)


def _too_long(condition: Flags, lengths: Values, allowed: Values) -> Flags:
    return whole_runs(condition, condition & (lengths > allowed))


def stuck(series: Series) -> Flags:
    """The same value, not zero, longer than some hours and longer than usual.

    What solar plants show in the dark is zero; a line rests at its limit while the prices of its ends differ.
    """
    same = (series.values == before(series.values, 1)) & (series.values != 0)
    if series.kind is SeriesKind.SOLAR:
        same &= ~_in_the_dark(series)
    lengths = np.where(same, run_lengths(same) + 1, 0)
    if series.kind is SeriesKind.WIND:
        same &= ~(series.values <= CALM * habit(series.values, series.per_day, days=28))
    hours = HOURS_OF_A_PRICE if series.kind is SeriesKind.PRICE else HOURS
    usual = lasting_habit(lengths, series, _believed(series))
    allowed = allowed_run(lengths, series, hours * series.per_hour, usual)
    allowed = np.fmax(allowed, RESTS_IN_A_ROW * usual)
    if series.kind is SeriesKind.PRICE:
        allowed = np.where(_near_zero(series), np.fmax(allowed, series.per_day), allowed)
    if series.kind is SeriesKind.FLOW:
        allowed = allowed_at_limit(allowed, series)
    if series.kind is SeriesKind.NUCLEAR:  # at its plateau it rests: the longest rest of eight weeks is usual
        allowed = np.fmax(allowed, HABIT_FACTOR * habit(lengths, series.per_day, quantile=1.0, days=HABIT_DAYS))
    return _too_long(same, lengths, allowed)


def _in_the_dark(series: Series) -> Flags:
    """Output so small that whole units of it make a pattern."""
    dark: Flags = series.values <= GLIMMER * habit(series.values, series.per_day, days=28)
    return dark


def zero_run(series: Series) -> Flags:
    """Zero where the series is not used to it; an outage of more than a week is a state, not a fault."""
    zero = series.values == 0
    for other in series.opposites:
        zero &= ~(other > 0)
    lengths = np.where(zero, run_lengths(zero), 0)
    seasonal = series.kind in {SeriesKind.FLOW, SeriesKind.SOLAR}  # lines at rest, and nights
    usual = None if seasonal else lasting_habit(lengths, series, _believed(series))
    allowed = allowed_run(lengths, series, HOURS * series.per_hour, usual)
    if series.kind in NEVER_ZERO:
        allowed = np.where(habit(lengths, series.per_day, days=HABIT_DAYS) == 0, 0, allowed)
    found = _too_long(zero, lengths, allowed)
    if series.kind is SeriesKind.SOLAR:
        found |= zero & _usually_bright(series)
    if series.kind is SeriesKind.PRICE:
        found = _from_afar_and_back(found, series)
    if series.kind is SeriesKind.FLOW:  # a line that is switched off is off for days
        return found & ~whole_runs(zero, zero & (lengths > LONGEST_PAUSE_DAYS * series.per_day))
    return found & (lengths <= LONGEST_OUTAGE_DAYS * series.per_day)


def _from_afar_and_back(zeros: Flags, series: Series) -> Flags:
    """The runs of zeros to which a price leaps and from which it leaps back; what comes gently or goes so is a market."""
    near = _near_zero(series)
    gently = (zeros & _preceded(near & ~zeros)) | (zeros & _preceded((near & ~zeros)[::-1])[::-1])
    return zeros & ~whole_runs(zeros, gently)


def _preceded(flags: Flags) -> Flags:
    """Whether the value before each one is marked."""
    return np.concatenate([[False], flags[:-1]])


def _near_zero(series: Series) -> Flags:
    """Prices that are small beside the usual price and beside half of what a day usually reaches."""
    sizes = np.abs(series.values)
    median = trailing_median(sizes, 28 * series.per_day, series.per_day)
    size = np.fmax(median, 0.5 * habit(sizes, series.per_day, days=28))
    near: Flags = sizes <= FALL_TO_ZERO * size
    return near


def _usually_bright(series: Series) -> Flags:
    """Where this time of day, an hour around it included, brought a twentieth of the peak on most days of two weeks."""
    usual = slot_median(series.values, series.per_day, 14)
    around = np.minimum.reduce([np.roll(usual, hours * series.per_hour) for hours in (-1, 0, 1)])
    bright: Flags = around > BRIGHT * habit(series.values, series.per_day, days=28)
    return bright


def straight_line(series: Series) -> Flags:
    """Values that lie on a line with a slope, as far as the decimals in which they are published show it."""
    slope = series.values - before(series.values, 1)
    bend = slope - before(slope, 1)
    exact = 1e-6 * np.abs(slope) + 1e-12 * np.abs(series.values)
    straight = (np.abs(bend) <= np.fmax(exact, _rounding(series, slope, bend))) & (slope != 0)
    if series.kind is SeriesKind.SOLAR:
        straight &= ~_in_the_dark(series)
    lengths = np.where(straight, run_lengths(straight) + 2, 0)
    usual = lasting_habit(lengths, series)
    found = _too_long(straight, lengths, allowed_run(lengths, series, SHORTEST_PATTERN - 1, usual))
    finer = straight & (np.abs(bend) <= exact) & ~_written_with(series.values, _decimals_of(series.values))
    return found | _too_long(
        finer, np.where(finer, run_lengths(finer) + 2, 0), np.full(len(finer), SHORTEST_PATTERN - 1)
    )


def _rounding(series: Series, slope: Values, bend: Values) -> Values:
    """What rounding may bend a line by; 0 where the series rests, or bends so little that rounded values look straight."""
    unit = np.zeros(len(bend))
    for decimals in DECIMALS:
        whole = _written_with(series.values, decimals)
        unit[whole & np.roll(whole, 1) & np.roll(whole, 2)] = 10.0**-decimals
    usual = slot_median(np.abs(bend), series.per_day, 28)
    lively = (usual >= UNITS_OF_A_BEND * unit) & (np.abs(slope) >= UNITS_OF_A_SLOPE * unit)
    return np.where(lively, (1 + 1e-6) * unit, 0.0)


def stale_copy(series: Series) -> Flags:
    """The values of the day or the week before, sent again."""
    day, week = (flags for _, flags in stale_originals(series))
    return day | week


def stale_originals(series: Series) -> list[tuple[int, Flags]]:
    """Values equal to those of the day or the week before, and how many places before; read backwards, the originals."""
    lags = [days * series.per_day for days in (1, 7)]
    return [(lag, _copy_of(series, before(series.values, lag), own=True)) for lag in lags]


def peer_copy(series: Series) -> Flags:
    """The values of another series in this one's place; of many neighbours one easily agrees for some hours."""
    found = np.zeros(len(series.values), dtype=bool)
    number = len(series.neighbours)
    for peer in series.neighbours:
        agree = ((series.values == peer) & (peer != 0)).astype(np.float64)
        share = before(moving_mean(agree, HABIT_DAYS * series.per_day, series.per_day), 1)
        patience = np.where(share > USUAL_AGREEMENT, 1.0 + number, np.sqrt(number))
        copied = _copy_of(series, peer, patience) & ~_nearly_equal(series, peer)
        if series.kind in MARKETS and copied.any():
            copied &= ~_coupled(series, agree)
        found |= copied
    return found


def _coupled(series: Series, agree: Values) -> Flags:
    """Runs of agreement that are no longer than coupled markets may agree; the first weeks are known by those after."""
    total = np.cumsum(daily_maxima(agree, series.per_day))
    days = np.full(len(total), total[min(HABIT_DAYS, len(total)) - 1])
    days[HABIT_DAYS:] = total[HABIT_DAYS - 1 : -1] - np.concatenate([[0.0], total[: -HABIT_DAYS - 1]])
    coupled = np.repeat(days >= COUPLED_DAYS, series.per_day)[: len(agree)]
    lengths = np.where(agree > 0, run_lengths(agree > 0), 0.0)
    return coupled & ~whole_runs(agree > 0, lengths > HOURS_COUPLED * series.per_hour)


def _nearly_equal(series: Series, peer: Values) -> Flags:
    """Runs of equal values after hours in which the two hardly differed: a forecast that was filled in afterwards."""
    apart = np.abs(series.values - peer)
    unequal = np.where((apart > 0) & (peer != 0), apart <= NEARLY_EQUAL * np.abs(peer), np.nan).astype(np.float64)
    usual = before(moving_mean(unequal, HOURS_NEARLY_EQUAL * series.per_hour, 2), 1)
    return whole_runs(apart == 0, (apart == 0) & (usual > 0.5))


def _copy_of(series: Series, other: Values, patience: Values | float = 1.0, *, own: bool = False) -> Flags:
    """Runs of equal values in which at least five change, of a series with its `own` past or with another."""
    equal = series.values == other
    changes = np.abs(series.values - before(series.values, 1))
    peak = habit(np.abs(series.values), series.per_day, days=28, minimum=1)
    changing = equal & ~(changes <= LEAST_CHANGE * np.nan_to_num(peak)) & (series.values != 0)
    if series.kind is SeriesKind.PRICE:
        changing &= ~_near_zero(series)
    total = np.cumsum(changing)
    at_break = np.maximum.accumulate(np.where(equal, 0, total))
    counts = np.where(equal, total - at_break, 0).astype(np.float64)
    # Equal zeros around a copy, as in every night of solar output, are no part of it.
    follows = np.cumsum(changing[::-1])[::-1]
    at_end = np.maximum.accumulate(np.where(equal, 0, follows)[::-1])[::-1]
    inside = (counts > 0) & (np.where(equal, follows - at_end, 0) > 0)
    usual = lasting_habit(np.where(inside, counts, 0.0), series) if own else None
    return inside & _too_long(equal, counts, patience * allowed_run(counts, series, SHORTEST_PATTERN - 1, usual))
