"""What a daily or weekly report knows: the figures of its period, those of the period before, and the days on the way. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from app.market.areas import by_eic
from app.monitoring.models import Objective, PairTotals, RunTotals
from app.reporting.periods import Period
from app.reporting.quality.document import SeriesScore

NO_RUNS = RunTotals()
NO_OBJECTIVE = Objective(0.0, 0, 0)


@dataclass(frozen=True, slots=True)
class LatePair:
    """Values of an item and area that the source had not had by their deadline; how long at most."""

    item: str
    area: str
    values: int
    longest_seconds: float


@dataclass(frozen=True, slots=True)
class Late:
    """All late values: those that came, and those that are still waited for at the end of the period."""

    pairs: tuple[LatePair, ...] = ()
    median_seconds: float | None = None

    @property
    def values(self) -> int:
        return sum(pair.values for pair in self.pairs)

    @property
    def longest_seconds(self) -> float | None:
        return max((pair.longest_seconds for pair in self.pairs), default=None)


@dataclass(frozen=True, slots=True)
class GapFlow:
    """Of one reason: gaps and values that began to be missing or came, and what changed its reason to or from it."""

    reason: str
    opened_gaps: int = 0
    opened_values: int = 0
    closed_gaps: int = 0
    closed_values: int = 0
    gained_values: int = 0
    lost_values: int = 0
    open_values: int = 0
    oldest_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RuleNoise:
    """How often alerts of a rule fired, and how often people were notified."""

    rule: str
    fired: int
    notified: int


@dataclass(frozen=True, slots=True)
class Reaction:
    """How people reacted to alerts: those acknowledged or ended in the period, and those that fire at its end."""

    acknowledged: int = 0
    median_acknowledge: float | None = None
    longest_acknowledge: float | None = None
    resolved: int = 0
    median_resolve: float | None = None
    longest_resolve: float | None = None
    firing: int = 0
    unacknowledged: int = 0
    undelivered: int = 0
    """Messages that no channel could deliver."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The scores of the delivery days of the period, and the series that scored worst."""

    score: float | None = None
    series: int = 0
    timed: int = 0
    on_time: int = 0
    worst: tuple[SeriesScore, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is known of one period."""

    totals: RunTotals = NO_RUNS
    pairs: tuple[PairTotals, ...] = ()
    items: Mapping[str, RunTotals] = field(default_factory=dict)
    late: Late = Late()
    gaps: tuple[GapFlow, ...] = ()
    rules: tuple[RuleNoise, ...] = ()
    reaction: Reaction = Reaction()
    served: Objective = NO_OBJECTIVE
    availability_30d: Objective = NO_OBJECTIVE
    reliability_30d: Objective = NO_OBJECTIVE
    quality: Quality = Quality()

    @property
    def empty(self) -> bool:
        """Whether nothing at all was recorded."""
        return not (self.totals.runs or self.served.total or self.gaps or self.rules or self.quality.series)

    def gap(self, reason: str) -> GapFlow:
        return next((flow for flow in self.gaps if flow.reason == reason), GapFlow(reason))


@dataclass(frozen=True, slots=True)
class Day:
    """One local day on the way to the end of the period."""

    day: date
    totals: RunTotals = NO_RUNS
    overdue: int = 0
    """Values missing at its end."""
    fired: int = 0


@dataclass(frozen=True, slots=True)
class Advice:
    """What a rule recommends, with the figures that made it speak."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class OperationsReport:
    """A whole report."""

    period: Period
    made_at: datetime
    now: Figures
    before: Figures
    days: tuple[Day, ...] = ()
    advice: tuple[Advice, ...] = ()
    gaps_recorded_since: datetime | None = None
    """When the history of gaps begins, where there were gaps before it; None: it is whole."""
    synthetic: bool = False

    @property
    def gap_history_missing(self) -> bool:
        """Whether gaps of the period or of the one before came and went without being recorded."""
        since = self.gaps_recorded_since
        return since is not None and since > self.period.before.interval.start

    @property
    def complete(self) -> bool:
        return self.period.interval.end <= self.made_at


def place_name(eic: str) -> str:
    """The short code of an area or border as the tables of runs name it; what is unknown stays as it is."""
    codes = [area.code if (area := by_eic(one)) else one for one in eic.split(">")]
    return ">".join(codes)


def worst_pairs(figures: Figures) -> list[PairTotals]:
    """The pairs of which runs failed, the lowest success first."""
    failing = [pair for pair in figures.pairs if pair.totals.failed]
    return sorted(
        failing, key=lambda pair: (pair.totals.success_rate or 0.0, -pair.totals.failed, pair.item, pair.area)
    )


def slowest_items(figures: Figures) -> list[tuple[str, RunTotals]]:
    """The items that were answered, the highest p95 first."""
    answered = [(item, totals) for item, totals in figures.items.items() if totals.p95 is not None]
    return sorted(answered, key=lambda pair: (-(pair[1].p95 or 0.0), pair[0]))


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure that stands first and compared with the period before; `unit` says how people read it.

    `daily` gives it for one day of the way, where days know it.
    """

    key: str
    label: str
    unit: str
    of: Callable[[Figures], float | None]
    daily: Callable[[Day], float | None] | None = None


def percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _sum(name: str) -> Callable[[Figures], float]:
    return lambda figures: sum(getattr(flow, name) for flow in figures.gaps)


def _counted(name: str) -> tuple[Callable[[Figures], float | None], Callable[[Day], float | None]]:
    """A count of runs, of which there is none without runs."""

    def of(totals: RunTotals) -> float | None:
        return float(getattr(totals, name)) if totals.runs else None

    return lambda figures: of(figures.totals), lambda day: of(day.totals)


HEADLINES: Sequence[Headline] = (
    Headline(
        "success_percent",
        "Windows answered",
        "percent",
        lambda figures: percent(figures.totals.success_rate),
        lambda day: percent(day.totals.success_rate),
    ),
    Headline("runs_count", "Windows asked for", "count", *_counted("runs")),
    Headline("availability_percent", "Availability", "percent", lambda figures: percent(figures.served.share)),
    Headline("late_values_count", "Values late", "count", lambda figures: figures.late.values),
    Headline("late_pairs_count", "Items and areas late", "count", lambda figures: len(figures.late.pairs)),
    Headline("longest_late_seconds", "Longest delay", "seconds", lambda figures: figures.late.longest_seconds),
    Headline("opened_gap_values_count", "Values that began to be missing", "count", _sum("opened_values")),
    Headline("closed_gap_values_count", "Missing values that came", "count", _sum("closed_values")),
    Headline(
        "open_gap_values_count",
        "Values missing at the end",
        "count",
        _sum("open_values"),
        lambda day: day.overdue,
    ),
    Headline("received_values_count", "Values received", "count", *_counted("received")),
    Headline("new_values_count", "of them new", "count", *_counted("new")),
    Headline("revised_values_count", "of them revised", "count", *_counted("revised")),
    Headline("rejected_values_count", "Values rejected", "count", *_counted("rejected")),
    Headline("requests_count", "Requests", "count", *_counted("requests")),
    Headline("downloaded_bytes", "Downloaded", "bytes", *_counted("bytes")),
    Headline(
        "p50_response_seconds",
        "Response time p50",
        "seconds",
        lambda figures: figures.totals.p50,
        lambda day: day.totals.p50,
    ),
    Headline(
        "p95_response_seconds",
        "Response time p95",
        "seconds",
        lambda figures: figures.totals.p95,
        lambda day: day.totals.p95,
    ),
    Headline(
        "alerts_fired_count",
        "Alerts fired",
        "count",
        lambda figures: sum(rule.fired for rule in figures.rules),
        lambda day: day.fired,
    ),
    Headline(
        "notifications_count", "Notifications", "count", lambda figures: sum(rule.notified for rule in figures.rules)
    ),
    Headline(
        "median_acknowledge_seconds",
        "Time to acknowledge, median",
        "seconds",
        lambda figures: figures.reaction.median_acknowledge,
    ),
    Headline(
        "median_resolve_seconds", "Time to resolve, median", "seconds", lambda figures: figures.reaction.median_resolve
    ),
    Headline("quality_points", "Quality score", "points", lambda figures: figures.quality.score),
)


def change(now: float | None, before: float | None) -> float | None:
    """How far the figure moved; None where one of them is unknown."""
    return None if now is None or before is None else now - before
