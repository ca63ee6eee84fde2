"""A good week and the one before it, as reports see them; tests change what they are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from app.market.areas import find_place
from app.monitoring.models import Objective, PairTotals, RunTotals
from app.quality.scoring import Score, ScoreCounts
from app.reporting.operations.advice import AdviceThresholds, advise
from app.reporting.operations.models import (
    Day,
    Figures,
    GapFlow,
    Late,
    LatePair,
    OperationsReport,
    Quality,
    Reaction,
    RuleNoise,
)
from app.reporting.periods import Period, ReportLength
from app.reporting.quality.document import SeriesScore

FR = find_place("FR").eic
BORDER = find_place("FR>DE_LU").eic
MONDAY = date(2024, 3, 25)
WEEK = Period(ReportLength.WEEKLY, MONDAY)
MADE = datetime(2024, 4, 1, 5, tzinfo=UTC)
LIMITS = AdviceThresholds()


def totals(**changes: Any) -> RunTotals:
    """A hundred windows of a calm week."""
    calm = RunTotals(
        runs=100, failed=1, received=10_000, new=9000, revised=40, rejected=2, requests=120, retries=4, bytes=2_500_000,
        p50=0.3, p95=0.8, p99=1.2,
    )  # fmt: skip
    return replace(calm, **changes)


def pair(item: str = "load_actual", area: str = FR, **changes: Any) -> PairTotals:
    return PairTotals(item, area, totals(**changes))


def scored(overall: float = 91.0) -> SeriesScore:
    score = Score(overall, None, None, None, overall)
    return SeriesScore(7, "FR", "load_actual", "", ScoreCounts(expected=24, stored=22, ours=2), score, ())


def figures(**changes: Any) -> Figures:
    """A good week: little failed, little was late, people reacted in time."""
    good = Figures(
        totals=totals(),
        pairs=(pair(failed=0), pair("flow_physical", BORDER)),
        items={"load_actual": totals(), "flow_physical": totals(p95=1.9)},
        late=Late((LatePair("load_actual", FR, 3, 2400.0),), 1800.0),
        gaps=(GapFlow("late", 1, 3, 1, 3), GapFlow("missing_at_source", open_values=40, oldest_seconds=9e5)),
        rules=(RuleNoise("data_late", 2, 4),),
        reaction=Reaction(1, 300.0, 300.0, 2, 1800.0, 2400.0),
        served=Objective(0.95, 10_079, 10_080),
        availability_30d=Objective(0.95, 43_000, 43_200),
        reliability_30d=Objective(0.95, 380, 400),
        quality=Quality(98.5, 12, 500, 497, (scored(),)),
    )
    return replace(good, **changes)


def days() -> tuple[Day, ...]:
    return tuple(Day(MONDAY + timedelta(days=number - 7), totals(), 40, number % 2) for number in range(14))


def report(now: Figures | None = None, before: Figures | None = None, period: Period = WEEK) -> OperationsReport:
    now, before = now or figures(), before or figures()
    advice = advise(now, before, days=period.kind.days, limits=LIMITS)
    return OperationsReport(period, MADE, now, before, days(), advice)
