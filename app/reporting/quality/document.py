"""The quality report: scores per area and item, the worst series with their plots, findings and trends. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from app.market.time import MARKET_ZONE, Interval, iso, local_day
from app.quality.findings import State
from app.quality.listing import ListedFinding, ListedScore, ListedTrend, SummedScores
from app.quality.scoring import Score, ScoreCounts, Weights, score_of_sum, summed
from app.reporting.plots import DAY, Band, PlotLine, sparkline, time_chart, with_breaks
from app.reporting.render import Figure, ReportDocument, ReportSection, Table, floored, number

WORST = 5
MOST_FINDINGS = 40
DIMENSIONS = ("completeness", "timeliness", "validity", "accuracy", "overall")
_MOMENT = timedelta(microseconds=1)
_SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class SeriesScore:
    """A series over the interval: the sum of its counts, what they come to, and the overall score of each day."""

    series_id: int
    area: str
    item: str
    name: str
    counts: ScoreCounts
    score: Score
    days: tuple[tuple[date, float], ...]

    @property
    def title(self) -> str:
        return " ".join(filter(None, (self.area, self.item, self.name)))


@dataclass(frozen=True, slots=True)
class GroupScore:
    """All series of one area and item together."""

    area: str
    item: str
    series: int
    counts: ScoreCounts
    score: Score


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What is drawn of one series: its values, and the overall scores of the weeks before."""

    series_id: int
    instants: Sequence[float]
    values: Sequence[float]
    unit: str
    history: Sequence[tuple[date, float]]


@dataclass(frozen=True, slots=True)
class Delay:
    """How late the values of a series appeared, in seconds after their deadline; negative is before it."""

    title: str
    examined: int
    late: int
    unusual: int
    median: float
    q90: float
    q99: float
    greatest: float

    @property
    def seconds(self) -> tuple[float, float, float, float]:
        return self.median, self.q90, self.q99, self.greatest


@dataclass(frozen=True, slots=True, eq=False)
class QualityReport:
    """Everything that a report of quality tells about an interval."""

    interval: Interval
    made_at: datetime
    groups: tuple[GroupScore, ...]
    series: tuple[SeriesScore, ...]
    findings: tuple[ListedFinding, ...]
    trends: tuple[ListedTrend, ...]
    score: Score
    pictures: tuple[Picture, ...] = ()
    delays: tuple[Delay, ...] = ()
    synthetic: bool = False


def series_scores(rows: Iterable[ListedScore], weights: Weights) -> list[SeriesScore]:
    """The rows of days summed up for each series, the worst first; series of which nothing was examined are left out."""
    grouped: dict[int, list[ListedScore]] = {}
    for row in rows:
        grouped.setdefault(row.series_id, []).append(row)
    found = [_series_score(days, weights) for days in grouped.values()]
    return sorted((one for one in found if one.score.overall is not None), key=_badness)


def summed_series(rows: Iterable[SummedScores], weights: Weights) -> list[SeriesScore]:
    """The same of series whose days the database has added up."""
    found = [
        SeriesScore(
            one.series_id, one.area, one.item, one.name, one.counts, score_of_sum(one.counts, weights), one.days
        )
        for one in rows
    ]
    return sorted((one for one in found if one.score.overall is not None), key=_badness)


def _series_score(rows: Sequence[ListedScore], weights: Weights) -> SeriesScore:
    first, counts = rows[0], summed([row.counts.scored for row in rows])
    days = tuple((row.day, row.overall) for row in rows if row.overall is not None)
    return SeriesScore(first.series_id, first.area, first.item, first.name, counts, score_of_sum(counts, weights), days)


def _badness(one: SeriesScore | GroupScore) -> tuple[float, str, str]:
    return (one.score.overall if one.score.overall is not None else 101.0, one.area, one.item)


def group_scores(series: Sequence[SeriesScore], weights: Weights) -> list[GroupScore]:
    """One score for each area and item, from the counts of its series, the worst first."""
    grouped: dict[tuple[str, str], list[SeriesScore]] = {}
    for one in series:
        grouped.setdefault((one.area, one.item), []).append(one)
    found = []
    for (area, item), members in grouped.items():
        counts = summed([one.counts for one in members])
        found.append(GroupScore(area, item, len(members), counts, score_of_sum(counts, weights)))
    return sorted(found, key=_badness)


def worst(series: Sequence[SeriesScore]) -> list[SeriesScore]:
    """The series to draw: the lowest scores that are not perfect."""
    return [one for one in series if one.score.overall is not None and one.score.overall < 100][:WORST]


def quality_report(
    scores: Iterable[ListedScore],
    findings: Iterable[ListedFinding],
    trends: Iterable[ListedTrend],
    *,
    weights: Weights,
    interval: Interval,
    made_at: datetime,
) -> QualityReport:
    """A report without pictures."""
    series = series_scores(scores, weights)
    ordered = sorted(findings, key=lambda finding: (_SEVERITIES.index(finding.severity), -finding.score))
    falling = sorted((one for one in trends if one.degrading), key=lambda one: -one.drop_points)
    return QualityReport(
        interval,
        made_at,
        tuple(group_scores(series, weights)),
        tuple(series),
        tuple(ordered),
        tuple(falling),
        score_of_sum(summed([one.counts for one in series]), weights),
    )


def quality_as_document(report: QualityReport) -> ReportDocument:
    """The report for people."""
    first, last = (local_day(at, MARKET_ZONE) for at in (report.interval.start, report.interval.end - _MOMENT))
    return ReportDocument(
        "Data quality",
        f"Delivery days {first} to {last}, made {iso(report.made_at)}",
        (
            ReportSection("Overview", (_overview(report),), (_groups_table(report.groups),) if report.groups else ()),
            _worst_section(report),
            _delays_section(report.delays),
            _findings_section(report.findings),
            _trend_section(report.trends),
        ),
        report.synthetic,
    )


def _overview(report: QualityReport) -> str:
    if not report.series:
        return "No series was examined in this time: run gridkeeper quality scan, or choose another time."
    open_findings = sum(finding.state == State.OPEN for finding in report.findings)
    return (
        f"Series examined: {len(report.series)}; overall score: {floored(report.score.overall)} of 100; "
        f"open findings: {open_findings}; degrading series: {len(report.trends)}."
    )


def _groups_table(groups: Sequence[GroupScore]) -> Table:
    rows = tuple(
        (one.area, one.item, str(one.series), *_scores(one.score), str(one.counts.ours), str(one.counts.flagged))
        for one in groups
    )
    columns = ("area", "item", "series", *DIMENSIONS, "missing (ours)", "implausible")
    return Table(columns, rows, frozenset(columns[2:]), "Scores by area and item, the worst first")


def _scores(one: Score) -> list[str]:
    return [floored(getattr(one, name)) for name in DIMENSIONS]


def _worst_section(report: QualityReport) -> ReportSection:
    chosen = worst(report.series)
    rows = tuple((one.title, *_scores(one.score)) for one in chosen)
    columns = ("series", *DIMENSIONS)
    by_id = {one.series_id: one for one in report.series}
    figures = [
        figure
        for picture in report.pictures
        for figure in _figures(picture, by_id[picture.series_id], report.findings, report.interval)
    ]
    return ReportSection(
        "Worst series",
        () if rows else ("No series scored below 100.",),
        (Table(columns, rows, frozenset(columns[1:])),) if rows else (),
        tuple(figures),
    )


def _figures(picture: Picture, one: SeriesScore, findings: Sequence[ListedFinding], interval: Interval) -> list[Figure]:
    bands = [
        Band(
            max(finding.interval_start, interval.start).timestamp(),
            min(finding.interval_end, interval.end).timestamp(),
            f"{finding.rule} ({finding.state})",
        )
        for finding in findings
        if finding.series_id == one.series_id and finding.state == State.OPEN
    ]
    values = time_chart(
        [PlotLine(one.title, picture.instants, picture.values)], title=one.title, unit=picture.unit, bands=bands
    )
    found = [
        Figure(f"{one.title}: values; shaded where an open finding doubts them", values, sparkline(picture.values))
    ]
    if len(picture.history) > 1:
        words = sparkline([value for _, value in picture.history])
        found.append(
            Figure(f"{one.title}: overall score of each day", history_chart(one.title, picture.history), words)
        )
    return found


def history_chart(title: str, history: Sequence[tuple[date, float]]) -> str:
    """The scores of days on a scale from 0 to 100; days without one break the line."""
    starts = [float((day - date(1970, 1, 1)).days * DAY) for day, _ in history]
    ends = [start + DAY for start in starts]
    curve = PlotLine("overall score", *with_breaks(starts, ends, [value for _, value in history]))
    return time_chart([curve], title=f"{title}: score", bounds=(0.0, 100.0), height=130)


def finding_chart(finding: ListedFinding, picture: Picture, drawn: Interval) -> str:
    """The values around a finding, which is shaded."""
    band = Band(
        max(finding.interval_start, drawn.start).timestamp(),
        min(finding.interval_end, drawn.end).timestamp(),
        f"{finding.rule} ({finding.state})",
    )
    line = PlotLine(finding.title, picture.instants, picture.values)
    return time_chart([line], title=f"{finding.title}: values around the finding", unit=picture.unit, bands=[band])


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:+,.1f} h"


def _delays_section(delays: Sequence[Delay]) -> ReportSection:
    columns = ("series", "watched", "late", "unusual", "median", "90 %", "99 %", "latest")
    rows = tuple(
        (one.title, *map(str, (one.examined, one.late, one.unusual)), *map(_hours, one.seconds)) for one in delays
    )
    said = (
        "Hours after the legal deadline, negative before it; unusual is far later than the four weeks before suggest."
    )
    if not rows:
        return ReportSection("Timeliness", ("No publication was watched in this time.",))
    return ReportSection("Timeliness", (said,), (Table(columns, rows, frozenset(columns[1:])),))


def _findings_section(findings: Sequence[ListedFinding]) -> ReportSection:
    columns = ("finding", "series", "from", "to", "values", "rule", "severity", "state", "evidence")
    rows = tuple(_finding_row(finding) for finding in findings[:MOST_FINDINGS])
    more = len(findings) - len(rows)
    said = "No finding in this time." if not rows else f"and {more} more; gridkeeper quality findings lists all."
    return ReportSection(
        "Findings",
        (said,) if more or not rows else (),
        (Table(columns, rows, frozenset({"values"})),) if rows else (),
    )


def _finding_row(finding: ListedFinding) -> tuple[str, ...]:
    times = (iso(finding.interval_start), iso(finding.interval_end))
    return (
        str(finding.finding_id), finding.title, *times, str(finding.affected), finding.rule, finding.severity,
        finding.state, evidence_text(finding.evidence),
    )  # fmt: skip


def evidence_text(evidence: Mapping[str, Any]) -> str:
    """What was found, what was expected, and what other series suggest, in one line."""
    value, expected = evidence.get("value"), evidence.get("expected")
    parts = [f"{number(value)} at {evidence['at']}" if value is not None and "at" in evidence else ""]
    parts.append(f"usual {number(expected)}" if expected is not None else "")
    parts += [f"{name} {number(suggested)}" for name, suggested in evidence.get("peers", {}).items()]
    return "; ".join(filter(None, parts)) or "-"


def _trend_section(trends: Sequence[ListedTrend]) -> ReportSection:
    columns = ("series", "week", "score", "points a week", "fall", "p")
    rows = tuple(
        (
            trend.title,
            trend.week.isoformat(),
            floored(trend.score),
            number(trend.slope, 2),
            number(trend.drop_points),
            number(trend.p_value, 3),
        )
        for trend in trends
    )
    said = "" if rows else "No series degrades beyond chance and the habit of its weekdays."
    tables = (Table(columns, rows, frozenset(columns[2:]), "Degrading series"),) if rows else ()
    return ReportSection("Trend", (said,) if said else (), tables)
