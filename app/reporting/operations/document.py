"""A daily or weekly report as people read it: what matters on one screen, then what to do, then tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from app.market.time import iso
from app.monitoring.models import Objective, RunTotals
from app.reporting.formatting import count, duration, format_size, many, moved, said
from app.reporting.operations.models import (
    HEADLINES,
    Day,
    Figures,
    Headline,
    OperationsReport,
    change,
    percent,
    place_name,
    slowest_items,
    worst_pairs,
)
from app.reporting.periods import ReportLength
from app.reporting.plots import PlotLine, sparkline, time_chart
from app.reporting.render import Figure, ReportDocument, ReportSection, Table, floored

MOST_ROWS = 10
NOTHING = "Nothing was recorded in this time: gridkeeper serve did not run yet, or not any more; choose another time."
QUIET = "None: no rule found anything that somebody should do."


def operations_as_document(report: OperationsReport) -> ReportDocument:
    """The report for people."""
    sections = [_headline(report)]
    if not report.now.empty:
        sections += [
            _advice(report),
            _drawn(_success(report.now), "success_percent", report),
            _lateness(report),
            _drawn(_gaps(report), "open_gap_values_count", report),
            _drawn(_volumes(report.now), "received_values_count", report),
            _drawn(_speed(report.now), "p95_response_seconds", report),
            _drawn(_alerts(report.now), "alerts_fired_count", report),
            _quality(report.now),
        ]
    return ReportDocument(title_of(report), _subtitle(report), tuple(sections), report.synthetic)


def title_of(report: OperationsReport) -> str:
    period = report.period
    if period.kind is ReportLength.DAILY:
        return f"Gridkeeper on {period.name}"
    return f"Gridkeeper in week {period.name}"


def report_subject(report: OperationsReport) -> str:
    """What the mail is called: how it went, and whether there is something to do."""
    rate = report.now.totals.success_rate
    went = "nothing was asked for" if rate is None else f"{said(percent(rate), 'percent')} answered"
    advice = len(report.advice)
    todo = many(advice, "recommendation") if advice else "nothing to do"
    kind = "Daily" if report.period.kind is ReportLength.DAILY else "Weekly"
    return f"{kind} report {report.period.name}: {went}, {todo}"


def _subtitle(report: OperationsReport) -> str:
    period = report.period
    days = f"{period.first}" if period.kind is ReportLength.DAILY else f"{period.first} to {period.last}"
    so_far = "" if report.complete else "; not over yet, so the period before has an advantage"
    return f"Days of Europe/Brussels: {days}{so_far}; made {iso(report.made_at)}"


def _headline(report: OperationsReport) -> ReportSection:
    if report.now.empty:
        return ReportSection("Overview", (NOTHING,))
    name = "day" if report.period.kind is ReportLength.DAILY else "week"
    columns = ("figure", f"this {name}", f"{name} before", "change", f"last {len(report.days)} days")
    rows = tuple(_headline_row(one, report) for one in HEADLINES)
    table = Table(columns, rows, frozenset(columns[1:4]))
    return ReportSection("Overview", _summary(report), (table,))


def _headline_row(one: Headline, report: OperationsReport) -> tuple[str, ...]:
    now, before = one.of(report.now), None if report.before.empty else one.of(report.before)
    line = sparkline([one.daily(day) for day in report.days]) if one.daily else ""
    return one.label, said(now, one.unit), said(before, one.unit), moved(change(now, before), before, one.unit), line


def _drawn(section: ReportSection, key: str, report: OperationsReport) -> ReportSection:
    """The section with its figure drawn over the days; the line of the first table says the same in words."""
    one = next(one for one in HEADLINES if one.key == key)
    return replace(section, figures=(Figure(f"{one.label}, each day", _chart(one, report.days), None),))


def _chart(one: Headline, days: Sequence[Day]) -> str:
    known = [(_instant(day.day), one.daily(day)) for day in days if one.daily]
    values = [float("nan") if value is None else value for _, value in known]
    greatest = 100.0 if one.unit == "percent" else max([value for value in values if value > 0], default=1.0)
    unit = {"percent": "%", "seconds": "s"}.get(one.unit, "")
    curve = PlotLine(one.label, [instant for instant, _ in known], values)
    return time_chart([curve], title=one.label, unit=unit, bounds=(0.0, greatest), width=480, height=130)


def _instant(day: date) -> float:
    return float((day - date(1970, 1, 1)).days * 86_400)


def _summary(report: OperationsReport) -> tuple[str, ...]:
    figures = report.now
    worst = worst_pairs(figures)[:1]
    lines = [
        f"The lowest success has {one.item} {place_name(one.area)}: {count(one.totals.failed)} of "
        f"{count(one.totals.runs)} windows failed."
        for one in worst
    ]
    objectives = (("Availability", figures.availability_30d), ("reliability", figures.reliability_30d))
    long = " and ".join(_objective(name, one) for name, one in objectives if one.share is not None)
    return (*lines, *([f"{long} over 30 days."] if long else []), *_gap_history(report))


def _gap_history(report: OperationsReport) -> tuple[str, ...]:
    """A word where figures of gaps are those of a part of the time only."""
    since = report.gaps_recorded_since
    if since is None or not report.gap_history_missing:
        return ()
    unknown = "what began to be missing, came late or came back before then is not in the figures"
    return (f"Gaps are recorded since {iso(since)}; {unknown}, and is not known.",)


def _objective(name: str, one: Objective) -> str:
    met = "met" if one.met else "missed"
    return f"{name} {said(percent(one.share), 'percent')} (target {said(percent(one.target), 'percent')}, {met})"


def _advice(report: OperationsReport) -> ReportSection:
    said_by = tuple(f"`{one.rule}`: {one.text}" for one in report.advice)
    return ReportSection("Recommendations", said_by or (QUIET,))


def _table(columns: Sequence[str], rows: Sequence[tuple[str, ...]], *, text: int = 1) -> tuple[Table, ...]:
    """Nothing without rows; all but the first columns are numbers."""
    return (Table(tuple(columns), tuple(rows), frozenset(columns[text:])),) if rows else ()


def _cut(rows: Sequence[object]) -> tuple[str, ...]:
    """What is said of a table that shows the first of so many rows."""
    return (f"The first {MOST_ROWS} of {len(rows)}; the JSON form lists all.",) if len(rows) > MOST_ROWS else ()


def _success(figures: Figures) -> ReportSection:
    failing = worst_pairs(figures)
    rows = [
        (
            one.item, place_name(one.area), count(one.totals.runs), count(one.totals.failed),
            said(percent(one.totals.success_rate), "percent"),
        )
        for one in failing[:MOST_ROWS]
    ]  # fmt: skip
    paragraphs = _cut(failing) if rows else ("No window failed.",)
    return ReportSection(
        "Success, the lowest first", paragraphs, _table(("item", "area", "windows", "failed", "answered"), rows, text=2)
    )


def _lateness(report: OperationsReport) -> ReportSection:
    late, history = report.now.late, _gap_history(report)
    rows = [
        (one.item, place_name(one.area), count(one.values), duration(one.longest_seconds))
        for one in late.pairs[:MOST_ROWS]
    ]
    if not rows:
        return ReportSection("Lateness", history or ("No value that was asked for was missing after its deadline.",))
    line = (
        f"{count(late.values)} values came after their deadline or are still waited for; half of their gaps lasted "
        f"{duration(late.median_seconds)} or longer."
    )
    return ReportSection(
        "Lateness", (line, *_cut(late.pairs), *history), _table(("item", "area", "values", "longest"), rows, text=2)
    )


def _gaps(report: OperationsReport) -> ReportSection:
    columns = (
        "reason", "gaps opened", "values opened", "gaps closed", "values closed", "from other reasons",
        "to other reasons", "missing at the end", "oldest",
    )  # fmt: skip
    rows = [
        (
            flow.reason, count(flow.opened_gaps), count(flow.opened_values), count(flow.closed_gaps),
            count(flow.closed_values), count(flow.gained_values), count(flow.lost_values), count(flow.open_values),
            duration(flow.oldest_seconds),
        )
        for flow in report.now.gaps
    ]  # fmt: skip
    lines = _gap_history(report) or (() if rows else ("No gap opened or closed.",))
    return ReportSection("Gaps opened and closed", lines, _table(columns, rows))


def _volumes(figures: Figures) -> ReportSection:
    columns = ("item", "received", "new", "revised", "rejected", "requests", "repeated", "downloaded")
    ordered = sorted(figures.items.items(), key=lambda pair: (-pair[1].received, pair[0]))
    rows = [(item, *_volume(totals)) for item, totals in ordered]
    return ReportSection(
        "Volumes",
        () if rows else ("Nothing was asked for.",),
        _table(columns, [*rows, ("all", *_volume(figures.totals))] if rows else []),
    )


def _volume(totals: RunTotals) -> tuple[str, ...]:
    numbers = (totals.received, totals.new, totals.revised, totals.rejected, totals.requests, totals.retries)
    return (*map(count, numbers), format_size(totals.bytes))


def _speed(figures: Figures) -> ReportSection:
    slowest = slowest_items(figures)
    rows = [
        (item, count(totals.requests), duration(totals.p50), duration(totals.p95), duration(totals.p99))
        for item, totals in slowest[:MOST_ROWS]
    ]
    return ReportSection(
        "Slowest items",
        _cut(slowest) if rows else ("No request was answered.",),
        _table(("item", "requests", "p50", "p95", "p99"), rows),
    )


def _alerts(figures: Figures) -> ReportSection:
    reaction = figures.reaction
    times = [
        ("acknowledge", reaction.acknowledged, reaction.median_acknowledge, reaction.longest_acknowledge),
        ("resolve", reaction.resolved, reaction.median_resolve, reaction.longest_resolve),
    ]
    waited = [
        (f"to {name}", count(number), duration(median), duration(most))
        for name, number, median, most in times
        if number
    ]
    rules = [(one.rule, count(one.fired), count(one.notified)) for one in figures.rules[:MOST_ROWS]]
    line = f"Firing at the end: {reaction.firing}, unacknowledged: {reaction.unacknowledged}."
    if not rules:
        line = f"No alert fired. {line}"
    failed = (f"{many(reaction.undelivered, 'message')} could not be delivered.",) if reaction.undelivered else ()
    return ReportSection(
        "Alerts, the noisiest rules first",
        (line, *failed, *_cut(figures.rules)),
        (
            *_table(("rule", "fired", "notifications"), rules),
            *_table(("time", "alerts", "median", "longest"), waited),
        ),
    )


def _quality(figures: Figures) -> ReportSection:
    quality = figures.quality
    if not quality.series:
        return ReportSection("Data quality", ("No series was scored in this time; the nightly scan does it.",))
    on_time = (
        f"; of {count(quality.timed)} watched values {count(quality.on_time)} were on time" if quality.timed else ""
    )
    rows = [(one.title, floored(one.score.overall), str(one.counts.ours)) for one in quality.worst]
    return ReportSection(
        "Data quality",
        (f"{count(quality.series)} series scored {floored(quality.score)} of 100{on_time}.",),
        _table(("series", "score", "missing (ours)"), rows),
    )
