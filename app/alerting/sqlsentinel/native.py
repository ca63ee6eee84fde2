"""Writes alerts of a SQL Sentinel file as native rules, with a comment for each thing that means something else. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from textwrap import indent

from app.alerting.sqlsentinel.files.cron_fields import MACROS
from app.alerting.sqlsentinel.models import SentinelAlert, SentinelFile
from app.alerting.sqlsentinel.sql import ALERTING_ROWS
from app.errors import ConfigurationError
from app.kit.durations import show_duration
from app.market.holidays import DayType
from app.market.slots import parse_cron

_COLUMN = {name: re.compile(rf"\b{name}\b", re.IGNORECASE) for name in ("actual_value", "threshold")}
_HEAD = """\
# Written from {file} by `gridkeeper sentinel import`. Read the notes before you use it.
# Note: people are notified by the routes of channels.yaml; `notify` of each alert stands in a comment at its rule.
# Note: an answer that is no single row with ALERT or OK was an error; here rows that say ALERT fire, others do not.
# Note: an end is notified of, and reminders come every four hours unless `remind_every` says otherwise.
databases:
  {database}: ${{DATABASE_URL}}
rules:
"""


def native_rules(file: SentinelFile, database: str) -> str:
    """The text of a file of rules; `database` is the name that its database gets."""
    return _HEAD.format(file=file.name, database=database) + "".join(_rule(alert, database) for alert in file.alerts)


def _rule(alert: SentinelAlert, database: str) -> str:
    lines = [f"  # Note: {note}" for note in _notes(alert)]
    lines.append(f"  - name: {_quoted(alert.name)}")
    if alert.description:
        lines.append(f"    description: {_quoted(alert.description)}")
    lines += [f"    cron: {_quoted(_cron(alert))}", f"    zone: {alert.schedule.zone.key}", f"    database: {database}"]
    lines.append(f"    timeout: {show_duration(alert.behaviour.time_out)}")
    if alert.behaviour.remind_every:
        lines.append(f"    remind_every: {show_duration(alert.behaviour.remind_every)}")
    if alert.schedule.only is not DayType.ALL:
        lines.append(f"    only: {alert.schedule.only}")
    if alert.depends_on:
        lines.append(f"    depends_on: [{', '.join(map(_quoted, alert.depends_on))}]")
    if not alert.enabled:
        lines.append("    enabled: false")
    lines += ["    sql: |", indent(_sql(alert), " " * 6), ""]
    return "\n".join(lines)


def _sql(alert: SentinelAlert) -> str:
    shown = {"actual_value": "value", "threshold": "threshold"}
    columns = [f"q.{name} as {ours}" for name, ours in shown.items() if _COLUMN[name].search(alert.query)]
    query = alert.query.rstrip().rstrip(";")
    return ALERTING_ROWS.format(columns=", ".join(columns) or "1 as value", query=indent(query, "  "))


def _cron(alert: SentinelAlert) -> str:
    return MACROS.get(alert.schedule.expression.lower(), alert.schedule.expression)


def _notes(alert: SentinelAlert) -> Iterator[str]:
    for target in alert.targets:
        yield f"it notified {target.channel}; write a channel and a route for it"
    if _COLUMN["actual_value"].search(alert.query):
        yield "an alert whose actual_value is NULL has no value and does not fire"
    yield "columns beside actual_value and threshold are left out"
    if alert.schedule.calendar.name:
        yield f"its days are those of the calendar {alert.schedule.calendar.name}; write that under `calendars`, and `calendar` here"
    if alert.behaviour.min_interval:
        yield "min_interval has no counterpart; see keep_firing_for"
    try:
        parse_cron(_cron(alert), alert.schedule.zone)
    except ConfigurationError as error:
        yield f"the schedule means nothing to native rules and has to be written otherwise: {error}"


def _quoted(text: str) -> str:
    """As JSON, which YAML reads."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
