"""Reads what a file may say beyond the original: calendars, dependencies. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from app.alerting.sqlsentinel.dependencies import cycle_of
from app.alerting.sqlsentinel.files.yaml_values import Value
from app.alerting.sqlsentinel.models import SentinelAlert
from app.errors import ConfigurationError
from app.kit.suggest import did_you_mean
from app.kit.yaml.tree import ProblemReport, joined
from app.market.holidays import Calendar, DayType, country_holidays

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CALENDAR = ("country", "subdivision", "holidays", "weekend")


def texts_of(value: Value, name: str, path: str, report: ProblemReport) -> tuple[str, ...]:
    """A list of texts, or one text alone."""
    inner = value.get(name)
    if inner is None or inner.content is None:
        return ()
    listed = inner.content if isinstance(inner.content, list) else [inner]
    for one in listed:
        if not isinstance(one.content, str | date):
            report.add(one.line, joined(path, name), "this is no text; write it in quotes")
    return tuple(str(one.content) for one in listed if isinstance(one.content, str | date))


def read_calendars(root: Value, report: ProblemReport) -> dict[str, Calendar]:
    """The named calendars of a file."""
    named = root.get("calendars")
    if named is None or named.content is None:
        return {}
    if not isinstance(named.content, dict):
        report.add(named.line, "calendars", "this must be a mapping of names to calendars")
        return {}
    return {name: _calendar(name, value, report) for name, value in named.content.items()}


def _calendar(name: str, value: Value, report: ProblemReport) -> Calendar:
    path = f"calendars.{name}"
    if not isinstance(value.content, dict):
        report.add(value.line, path, f"this must be a mapping with one of {', '.join(CALENDAR)}")
        return Calendar(name)
    for field in value.content:
        if field not in CALENDAR:
            said = f"there is no such field; known are {', '.join(CALENDAR)}"
            report.add(value.line_of(field), joined(path, field), said)
    country, subdivision = ("".join(texts_of(value, field, path, report)) for field in ("country", "subdivision"))
    holidays = [
        found for text in texts_of(value, "holidays", path, report) if (found := _date(text, value, path, report))
    ]
    weekend = texts_of(value, "weekend", path, report) or ("saturday", "sunday")
    for day in weekend:
        if day.lower() not in WEEKDAYS:
            report.add(value.line_of("weekend"), joined(path, "weekend"), f"{day!r} is no day of the week")
    free = frozenset(WEEKDAYS.index(day.lower()) for day in weekend if day.lower() in WEEKDAYS)
    try:
        if country:
            country_holidays(country, subdivision)
    except ConfigurationError as error:
        report.add(value.line_of("country"), joined(path, "country"), str(error))
        country = ""
    return Calendar(name, frozenset(holidays), country, subdivision, free)


def _date(text: str, value: Value, path: str, report: ProblemReport) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        report.add(value.line_of("holidays"), joined(path, "holidays"), f"{text!r} is no date; write it as 2026-12-24")
        return None


def schedule_days(
    value: Value, path: str, calendars: Mapping[str, Calendar], usual: tuple[Calendar, DayType], report: ProblemReport
) -> tuple[Calendar, DayType]:
    """On which days a schedule counts: `only`, by a named calendar or the two letters of a country."""
    calendar, only = usual
    word = "".join(texts_of(value, "only", path, report))
    if word:
        try:
            only = DayType(word)
        except ValueError:
            report.add(value.line_of("only"), joined(path, "only"), f"{word!r} is none of {', '.join(DayType)}")
    name = "".join(texts_of(value, "calendar", path, report))
    if name in calendars:
        calendar = calendars[name]
    elif name:
        try:
            country_holidays(name, "")
            calendar = Calendar(name, country=name)
        except ConfigurationError as error:
            said = f"{error}, or name one of `calendars`" if calendars else str(error)
            report.add(value.line_of("calendar"), joined(path, "calendar"), said)
    if name and only is DayType.ALL:
        said = "a calendar says nothing without `only`; add only: business_days, holidays or weekend"
        report.add(value.line_of("calendar"), joined(path, "calendar"), said)
    return calendar, only


def check_dependencies(alerts: Sequence[SentinelAlert], report: ProblemReport) -> None:
    """Names that there are not, and alerts that depend on each other, are problems."""
    names = [alert.name for alert in alerts]
    for alert in alerts:
        for other in alert.depends_on:
            if other not in names:
                near = did_you_mean(other, names, otherwise="")
                report.add(alert.line, f"alerts[{alert.name[:100]}].depends_on", f"there is no alert {other!r}{near}")
    cycle = cycle_of(alerts)
    if cycle:
        line = next(alert.line for alert in alerts if alert.name == cycle[0])
        report.add(line, f"alerts[{cycle[0][:100]}].depends_on", f"alerts depend on each other: {' -> '.join(cycle)}")
