"""Alert rules as people write them: fields become rules, overrides and calendars, problems are gathered. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from app.alerting.models import Labels, NoDataPolicy, Override, Rule, Schedule, Severity, Threshold, labels_of
from app.alerting.rules.schedules import EveryInterval, spread
from app.alerting.rules.sql_guard import one_query
from app.errors import ConfigurationError
from app.kit.yaml.fields import Fields, suggestion
from app.market.holidays import Calendar, DayType, country_holidays
from app.market.moments import parse_zone
from app.market.slots import EPOCH, NEVER, OnDays, parse_cron

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")
OUR_DATABASE = "gridkeeper"
OPERATORS = (">=", "<=", "==", "!=", ">", "<")
RESERVED = frozenset({"rule", "severity", "value", "threshold", "summary"})
"""What alerts are matched by beside their labels, and columns with a meaning of their own."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAME = re.compile(r"\w[\w .:/-]{0,99}")
_LABEL = re.compile(r"[A-Za-z_]\w{0,99}", re.ASCII)
_THRESHOLD = re.compile(r"(>=|<=|==|=|!=|<>|>|<)?\s*([-+0-9.eE_]+)")
_SAME = {"=": "==", "<>": "!="}


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What rules may refer to by name."""

    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    databases: frozenset[str] = frozenset({OUR_DATABASE})
    conditions: frozenset[str] = frozenset()


def read_rule(entry: Fields, known: KnownNames, *, built_in: bool = False) -> Rule:
    """The rule of an entry; what is wrong in it is in the entry's report."""
    name = entry.read("name", parse_name, "", required=True)
    sql, condition = _question(entry, known)
    rule = Rule(
        name=name,
        schedule=_schedule(entry, name, known, together=built_in),
        severity=entry.choice("severity", Severity, Severity.WARNING),
        description=entry.text("description"),
        sql=sql,
        condition=condition,
        database=_known(entry, "database", OUR_DATABASE, known.databases),
        threshold=read_threshold(entry),
        hold=entry.duration("for", timedelta(0), most=30 * DAY),
        keep_firing=entry.duration("keep_firing_for", timedelta(0), most=30 * DAY),
        remind_every=entry.duration("remind_every", timedelta(hours=4)),
        time_out=entry.duration("timeout", timedelta(seconds=10), least=SECOND / 100, most=timedelta(minutes=5)),
        no_data=entry.choice("no_data", NoDataPolicy, NoDataPolicy.OK),
        on_error=entry.choice("on_error", NoDataPolicy, NoDataPolicy.KEEP),
        labels=read_labels(entry),
        route=entry.text("route", longest=100),
        depends_on=entry.texts("depends_on"),
        lookback=entry.duration("lookback", timedelta(0), most=30 * DAY),
        runbook=entry.text("runbook", longest=2000),
        unit=entry.text("unit", longest=30),
        enabled=entry.flag("enabled", default=True),
        built_in=built_in,
        origin=f"{entry.file}:{entry.line}",
    )
    entry.close()
    return rule


def parse_name(text: str) -> str:
    """A rule's name; ConfigurationError where it is none."""
    if not _NAME.fullmatch(text):
        raise ConfigurationError(
            f"{text[:100]!r} is no name; use up to 100 letters, digits, spaces and _ . : / -, a letter or digit first"
        )
    return text


def read_labels(entry: Fields) -> Labels:
    """The labels of an entry."""
    labels = entry.labels("labels")
    for name in labels:
        if not _LABEL.fullmatch(name):
            entry.wrong(f"{name!r} is no name of a label; use letters, digits and _", "labels")
        elif name in RESERVED:
            entry.wrong(f"{name} has a meaning of its own; call the label otherwise", "labels")
    return labels_of(labels)


def _question(entry: Fields, known: KnownNames) -> tuple[str, str]:
    """The statement or the condition: one of them."""
    sql = entry.read("sql", one_query, "")
    condition = _known(entry, "condition", "", known.conditions)
    if entry.has("sql") == entry.has("condition"):
        entry.wrong("a rule needs one of sql and condition, and not both")
    return sql, condition


def _known(entry: Fields, name: str, default: str, names: frozenset[str]) -> str:
    value = entry.text(name, default)
    if value != default and value not in names:
        entry.wrong(f"there is no {name} {value!r}{suggestion(value, sorted(names))}", name)
    return value


def read_threshold(entry: Fields, operator: str = "") -> Threshold | None:
    """`"> 5"` or {operator, limit}; a number alone takes the operator of the rule that is overridden."""
    if not entry.has("threshold"):
        return None
    if entry.is_mapping("threshold"):
        inner = entry.entry("threshold")
        return None if inner is None else _threshold_of_fields(inner)
    threshold: Threshold | None = entry.read("threshold", lambda text: parse_threshold(text, operator))
    return threshold


def _threshold_of_fields(entry: Fields) -> Threshold:
    operator = entry.read("operator", _operator, ">", required=True)
    limit = entry.number("limit", 0.0, required=True)
    entry.close()
    return Threshold(operator, limit)


def _operator(text: str) -> str:
    operator = _SAME.get(text, text)
    if operator not in OPERATORS:
        raise ConfigurationError(f"{text!r} is no comparison; write one of {' '.join(OPERATORS)}")
    return operator


def parse_threshold(text: str, operator: str = "") -> Threshold:
    """A comparison as text; ConfigurationError where it is none."""
    match = _THRESHOLD.fullmatch(text.strip())
    try:
        limit = float(match[2]) if match else None
    except ValueError:
        limit = None
    if match is None or limit is None or not (match[1] or operator):
        raise ConfigurationError(f'{text!r} is no threshold; write a comparison and a number in quotes, as "> 5"')
    return Threshold(_operator(match[1] or operator), limit)


def _schedule(entry: Fields, name: str, known: KnownNames, *, together: bool) -> Schedule:
    """`together` rules of one interval have the same slots: they are quick, and written in one transaction."""
    zone = entry.read("zone", parse_zone, UTC_ZONE)
    every = entry.duration("every", None, least=SECOND, most=30 * DAY)
    cron = entry.read("cron", lambda text: parse_cron(text, zone))
    if entry.has("every") == entry.has("cron"):
        entry.wrong("a rule needs one of every and cron, and not both; write every: 1 min")
    interval = EveryInterval(every or timedelta(minutes=1))
    schedule: Schedule = cron or (interval if together else spread(interval, name))
    return _on_days(entry, schedule, zone, known)


def _on_days(entry: Fields, schedule: Schedule, zone: ZoneInfo, known: KnownNames) -> Schedule:
    days = entry.choice("only", DayType, DayType.ALL)
    calendar = known.calendars.get(_known(entry, "calendar", "", frozenset(known.calendars)), Calendar())
    if entry.has("calendar") and days is DayType.ALL:
        entry.wrong("a calendar says nothing without `only`; add only: business_days, holidays or weekend", "calendar")
    if days is DayType.ALL:
        return schedule
    chosen = OnDays(schedule, calendar, days, zone)
    listed = days is DayType.HOLIDAYS  # dates may have passed, which makes no file wrong
    if not (calendar.country or calendar.holidays) if listed else chosen.next_slot(EPOCH) == NEVER:
        entry.wrong("the rule is never due on such days; widen the schedule, or name a calendar that has them", "only")
    return chosen


def read_calendar(name: str, entry: Fields) -> Calendar:
    """The calendar of an entry."""
    country, _, part = entry.text("country").partition(" ")
    subdivision = entry.text("subdivision", part.strip())
    if country:
        try:
            country_holidays(country, subdivision)
        except ConfigurationError as error:
            entry.wrong(str(error), "country")
            country = ""
    elif subdivision:
        entry.wrong("a part of a country needs the country; add country: DE", "subdivision")
    weekend = entry.texts("weekend", ("saturday", "sunday"))
    for day in weekend:
        if day.lower() not in WEEKDAYS:
            entry.wrong(f"{day!r} is no day of the week{suggestion(day.lower(), WEEKDAYS)}", "weekend")
    free = frozenset(WEEKDAYS.index(day.lower()) for day in weekend if day.lower() in WEEKDAYS)
    calendar = Calendar(name, frozenset(_dates(entry)), country, subdivision, free)
    entry.close()
    return calendar


def _dates(entry: Fields) -> list[date]:
    found: list[date] = []
    for text in entry.texts("holidays"):
        try:
            found.append(date.fromisoformat(text))
        except ValueError:
            entry.wrong(f"{text!r} is no date; write it as 2026-12-24", "holidays")
    return found


@dataclass(frozen=True, slots=True)
class RuleDiff:
    """What an entry of `overrides` changes in one rule: all of it, or what has certain labels."""

    rule: str
    entry: Fields

    def apply(self, rule: Rule) -> Rule:
        """The rule with the change; what is wrong in it is in the entry's report."""
        entry = self.entry
        labels = read_labels(entry)
        override = Override(
            labels,
            read_threshold(entry, rule.threshold.operator if rule.threshold else ""),
            entry.flag("enabled", default=True),
            entry.duration("for", None, most=30 * DAY),
            entry.choice("severity", Severity, rule.severity) if entry.has("severity") else None,
        )
        changed = self._whole(rule, override)
        entry.close()
        if not labels:
            return changed
        return replace(rule, overrides=tuple(sorted((*rule.overrides, override), key=lambda one: len(one.labels))))

    def _whole(self, rule: Rule, override: Override) -> Rule:
        """The rule when the change has no labels; some fields are there for whole rules only."""
        entry = self.entry
        every = entry.duration("every", None, least=SECOND, most=30 * DAY)
        for name in ("every", "route", "remind_every"):
            if override.labels and entry.has(name):
                entry.wrong(f"{name} is one for the whole rule; leave it or the labels out", name)
        return replace(
            rule,
            threshold=override.threshold or rule.threshold,
            enabled=override.enabled if entry.has("enabled") else rule.enabled,
            hold=rule.hold if override.hold is None else override.hold,
            severity=override.severity or rule.severity,
            schedule=spread(EveryInterval(every), rule.name) if every else rule.schedule,
            route=entry.text("route", rule.route, longest=100),
            remind_every=entry.duration("remind_every", rule.remind_every),
        )


def read_change(entry: Fields) -> RuleDiff:
    """The change that an entry of `overrides` wants; its fields are read when it is applied."""
    return RuleDiff(entry.text("rule", required=True), entry)
