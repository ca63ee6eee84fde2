"""Reads a file of SQL Sentinel: takes what the original takes, and says of all else what is wrong, where, and what helps. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from app.alerting.sqlsentinel.dependencies import upstreams_of
from app.alerting.sqlsentinel.file_watch import file_watch
from app.alerting.sqlsentinel.files.additions import check_dependencies, read_calendars, schedule_days, texts_of
from app.alerting.sqlsentinel.files.cron import SentinelCron, parse_sentinel_cron
from app.alerting.sqlsentinel.files.environment import expand_variables
from app.alerting.sqlsentinel.files.targets import NotifyList
from app.alerting.sqlsentinel.files.yaml_values import Value, read_values
from app.alerting.sqlsentinel.models import (
    UTC_ZONE,
    Behaviour,
    Compat,
    QueryPriority,
    SentinelAlert,
    SentinelFile,
    Upstream,
)
from app.errors import ConfigurationError
from app.kit.durations import LONGEST, parse_duration
from app.kit.suggest import did_you_mean
from app.kit.yaml.tree import FileProblems, ProblemReport, joined
from app.market.holidays import Calendar, DayType
from app.market.moments import parse_zone
from app.market.slots import NEVER

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
ROOT = (
    "database",
    "alerts",
    "compat",
    "timezone",
    "timeout",
    "min_interval",
    "remind_every",
    "notify_recovery",
    "history_days",
    "retries",
    "retry_wait",
    "retry_backoff",
    "late_after",
    "priority",
    "calendars",
    "calendar",
    "only",
)
ALERT = (
    "name", "description", "query", "schedule", "notify", "enabled",
    "timeout", "min_interval", "remind_every", "notify_recovery", "retries", "retry_wait", "retry_backoff",
    "late_after", "priority", "calendar", "only", "depends_on", "upstream",
)  # fmt: skip
_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
_FALSE = frozenset({"0", "off", "f", "false", "n", "no"})
_SINCE = datetime(2000, 1, 1, tzinfo=UTC)
LONGEST_NAME, LONGEST_HISTORY = 255, 36_500


def read_sentinel_file(
    content: bytes, name: str, environment: Mapping[str, str], zone: ZoneInfo = UTC_ZONE
) -> SentinelFile:
    """What a file says, its variables replaced as the original does; FileProblems lists all that is wrong in it."""
    report, notes = ProblemReport(name), ProblemReport(name)
    found = _Reader(report, notes, zone).read(content, environment)
    if report.problems or found is None:
        raise FileProblems(tuple(report.problems))
    return replace(found, warnings=tuple(notes.problems))


class _Reader:
    """Reads one file; problems make it unusable, notes only say what may surprise."""

    def __init__(self, report: ProblemReport, notes: ProblemReport, zone: ZoneInfo) -> None:
        self._report = report
        self._notes = notes
        self._zone = zone
        self._schedules: dict[tuple[str, Calendar, DayType], SentinelCron] = {}
        self._calendars: dict[str, Calendar] = {}
        self._days = Calendar(), DayType.ALL
        self._targets = NotifyList(report, notes)

    def read(self, content: bytes, environment: Mapping[str, str]) -> SentinelFile | None:
        try:
            text = expand_variables(content.decode("utf-8-sig"), environment)
        except UnicodeDecodeError as error:
            self._report.add(content.count(b"\n", 0, error.start) + 1, "", "this is no UTF-8; save the file as UTF-8")
            return None
        except ConfigurationError as error:
            self._report.add(0, "", str(error))
            return None
        root = read_values(text, self._report)
        if self._report.problems:
            return None
        if root is None or root.content is None:
            self._report.add(0, "", "the file is empty; it needs database and alerts")
            return None
        if not isinstance(root.content, dict):
            self._report.add(root.line, "", "the file must be a mapping with database and alerts")
            return None
        return self._root(root)

    def _root(self, root: Value) -> SentinelFile:
        self._surprises(root, ROOT, "")
        if root.get("timezone") is not None:
            self._zone = self._parsed(root, "timezone", "", parse_zone, self._zone)
        usual = self._behaviour(root, "", Behaviour())
        self._calendars = read_calendars(root, self._report)
        self._days = schedule_days(root, "", self._calendars, (Calendar(), DayType.ALL), self._report)
        found = SentinelFile(
            self._report.file,
            tuple(self._alerts(root, usual)),
            self._database(root),
            self._parsed(root, "compat", "", lambda text: named_value(text, Compat), Compat.RELIABLE),
            history_days=self._parsed(root, "history_days", "", _days, 0),
        )
        check_dependencies(found.alerts, self._report)
        upstreams = {} if self._report.problems else upstreams_of(found.alerts)
        return replace(found, watch=file_watch(found, usual), upstreams=upstreams)

    def _database(self, root: Value) -> SecretStr | None:
        database = root.get("database")
        if database is None or database.content is None:
            return None
        url = database.get("url")
        if not isinstance(database.content, dict) or url is None or not isinstance(url.content, str):
            self._report.add(
                database.line, "database", "this needs the url of the database; write url: sqlite:///data.db"
            )
            return None
        if not url.content.strip():
            self._report.add(url.line, "database.url", "this is empty; write url: sqlite:///data.db")
            return None
        self._surprises(database, ("url",), "database")
        return SecretStr(url.content.strip())

    def _alerts(self, root: Value, usual: Behaviour) -> list[SentinelAlert]:
        alerts = root.get("alerts")
        if alerts is None:
            self._report.add(0, "alerts", "this is missing; list the alerts below it")
            return []
        if not isinstance(alerts.content, list):
            self._report.add(alerts.line, "alerts", "this must be a list; begin each alert with a dash")
            return []
        if not alerts.content:
            self._report.add(alerts.line, "alerts", "this is empty; list at least one alert")
        found = [self._alert(value, index, usual) for index, value in enumerate(alerts.content)]
        first: dict[str, int] = {}
        for alert in found:
            if alert.name and (line := first.setdefault(alert.name, alert.line)) != alert.line:
                self._report.add(
                    alert.line, f"alerts[{alert.name}]", f"this name stands on line {line} already; names are unique"
                )
        return found

    def _alert(self, value: Value, index: int, usual: Behaviour) -> SentinelAlert:
        if not isinstance(value.content, dict):
            self._report.add(value.line, f"alerts[{index}]", "this must be a mapping with name, query and schedule")
            return SentinelAlert("", "", parse_sentinel_cron("@daily", self._zone), line=value.line)
        named = value.get("name")
        name = named.content if named and isinstance(named.content, str) else ""
        path = f"alerts[{name[:100] or index}]"
        self._surprises(value, ALERT, path)
        self._text(value, "name", path, required=True)
        if len(name) > LONGEST_NAME:
            self._report.add(value.line_of("name"), f"{path}.name", f"this is longer than {LONGEST_NAME} characters")
        query = self._text(value, "query", path, required=True).strip()
        return SentinelAlert(
            name,
            query,
            self._schedule(value, path),
            self._text(value, "description", path),
            self._targets.read(value, path),
            self._flag(value, "enabled", path, default=True),
            self._behaviour(value, path, usual),
            value.line,
            texts_of(value, "depends_on", path, self._report),
            self._parsed(value, "upstream", path, lambda text: named_value(text, Upstream), Upstream.SKIP),
        )

    def _schedule(self, value: Value, path: str) -> SentinelCron:
        text = self._text(value, "schedule", path, required=True)
        line = value.line_of("schedule")
        days = schedule_days(value, path, self._calendars, self._days, self._report)
        if text and (text, *days) not in self._schedules:
            try:
                calendar, only = days
                schedule = replace(parse_sentinel_cron(text, self._zone), calendar=calendar, only=only)
            except ConfigurationError as error:
                self._report.add(line, f"{path}.schedule", str(error))
            else:
                self._schedules[text, calendar, only] = schedule
                if schedule.next_slot(_SINCE) == NEVER:
                    self._notes.add(
                        line, f"{path}.schedule", f"{text!r} names a day that never comes: the alert is never due"
                    )
        return self._schedules.get((text, *days)) or parse_sentinel_cron("@daily", self._zone)

    def _behaviour(self, value: Value, path: str, usual: Behaviour) -> Behaviour:
        return Behaviour(
            self._duration(value, "timeout", path, usual.time_out, least=timedelta(milliseconds=10)),
            self._duration(value, "min_interval", path, usual.min_interval),
            self._duration(value, "remind_every", path, usual.remind_every),
            self._flag(value, "notify_recovery", path, default=usual.notify_recovery),
            self._parsed(value, "retries", path, lambda text: int(_number(text, 0, 20, whole=True)), usual.retries),
            self._duration(value, "retry_wait", path, usual.retry_wait),
            self._parsed(value, "retry_backoff", path, lambda text: _number(text, 1, 10), usual.retry_backoff),
            self._duration(value, "late_after", path, usual.late_after),
            self._parsed(value, "priority", path, lambda text: named_value(text, QueryPriority), usual.priority),
        )

    def _duration(
        self, value: Value, name: str, path: str, default: timedelta, least: timedelta = timedelta(0)
    ) -> timedelta:
        def parse(text: str) -> timedelta:
            length = parse_duration(text, bare="s")
            if not least <= length <= LONGEST:
                raise ValueError(f"{text!r} is out of range")
            return length

        return self._parsed(value, name, path, parse, default)

    def _parsed(self, value: Value, name: str, path: str, parse: Callable[[str], T], default: T) -> T:
        inner = value.get(name)
        if inner is None or inner.content is None:
            return default
        try:
            return parse(str(inner.content))
        except (ValueError, ConfigurationError) as error:
            self._report.add(inner.line, joined(path, name), str(error))
            return default

    def _text(self, value: Value, name: str, path: str, *, required: bool = False) -> str:
        inner = value.get(name)
        if inner is None or (inner.content is None and not required):
            if required:
                self._report.add(value.line, f"{path}.{name}", "this is missing")
            return ""
        if not isinstance(inner.content, str):
            self._report.add(inner.line, f"{path}.{name}", "this is no text; write it in quotes")
            return ""
        if required and not inner.content.strip() and (name != "name" or not inner.content):
            self._report.add(inner.line, f"{path}.{name}", "this is empty; write something")
        return inner.content

    def _flag(self, value: Value, name: str, path: str, *, default: bool) -> bool:
        inner = value.get(name)
        if inner is None:
            return default
        word = str(inner.content).lower().removesuffix(".0")
        if word not in _TRUE | _FALSE or isinstance(inner.content, list | dict):
            self._report.add(inner.line, joined(path, name), "this is neither true nor false")
            return default
        return word in _TRUE

    def _surprises(self, value: Value, known: tuple[str, ...], path: str) -> None:
        for name in value.content:
            if name not in known:
                near = did_you_mean(name, known, otherwise="", most=1, cutoff=0.6, lead="; ")
                self._notes.add(
                    value.line_of(name), joined(path, name), f"there is no such field, so it is ignored{near}"
                )
        for name in value.earlier:
            self._notes.add(
                value.line_of(name), joined(path, name), "this stands here more than once; the last one counts"
            )


def named_value(text: str, kind: type[E]) -> E:
    try:
        return kind(text.lower())
    except ValueError:
        raise ConfigurationError(f"{text[:60]!r} is none of {', '.join(kind)}") from None


def _number(text: str, least: float, most: float, *, whole: bool = False) -> float:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        kind = "whole number" if whole else "number"
        raise ConfigurationError(f"{text[:20]!r} is no {kind} from {least} to {most}")
    return number


def _days(text: str) -> int:
    if not text.isdigit() or int(text) > LONGEST_HISTORY:
        raise ConfigurationError(f"{text[:20]!r} is no number of days; write a whole number, 0 keeps everything")
    return int(text)
