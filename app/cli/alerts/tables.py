"""Alerts, events, silences and maintenance as rows for people."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.alerting.models import Alert, Labels
from app.alerting.state.silences import Matcher, Silence, Window
from app.cli.tables import single_line
from app.market.time import iso

if TYPE_CHECKING:
    from app.alerting.administration import AlertView, PastEvent, RuleSummary

_HARMLESS = re.compile(r"[\w@%+=:,./~*!-]+")
"""What a shell hands on as it is: a word with a star, too, unless files are called like that."""
LIST_COLUMNS = ("id", "severity", "phase", "rule", "labels", "value", "since", "told", "by", "state")
EVENT_COLUMNS = ("at", "kind", "id", "severity", "rule", "labels", "value", "told", "note")
SUMMARY_COLUMNS = ("rule", "evaluated", "fired", "notified", "errors", "median ms", "to acknowledge", "to resolve")
SILENCE_COLUMNS = ("id", "state", "from", "to", "matchers", "by", "comment")
WINDOW_COLUMNS = ("id", "state", "schedule", "lasts", "matchers", "by", "comment")


def label_text(labels: Labels) -> str:
    return single_line(" ".join(f"{name}={value}" for name, value in labels), 80) or "-"


def matcher_text(matchers: Sequence[Matcher]) -> str:
    """As they can be pasted into a shell."""
    return single_line(" ".join(_pasted(str(matcher)) for matcher in matchers), 500)


def _pasted(text: str) -> str:
    return text if _HARMLESS.fullmatch(text) else shlex.quote(text)


def length_text(duration: timedelta) -> str:
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    days, hours = divmod(minutes // 60, 24)
    parts = ((days, "d"), (hours, "h"), (minutes % 60, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _standing(alert: Alert) -> str:
    """What keeps people from being notified of it, in a word or two."""
    if alert.acknowledged_at is not None:
        return "acknowledged"
    if alert.gone_at is not None:
        return "quiet, kept firing"
    return alert.suppressed or ("flapping" if alert.flapping else "")


def alert_row(view: AlertView) -> tuple[str, ...]:
    alert = view.alert
    notified = iso(alert.notified_at) if alert.notified_at else "no"
    return (
        str(alert.alert_id), alert.severity.value, alert.phase.value, alert.rule, label_text(alert.labels),
        _number(alert.value), iso(alert.fired_at or alert.since), notified, single_line(alert.acknowledged_by, 20),
        single_line(_standing(alert), 60),
    )  # fmt: skip


def event_row(event: PastEvent) -> tuple[str, ...]:
    return (
        iso(event.at), event.kind, str(event.alert_id), event.severity, event.rule, label_text(event.labels),
        _number(event.value), "yes" if event.notified else "no", single_line(event.note, 80),
    )  # fmt: skip


def summary_row(one: RuleSummary) -> tuple[str, ...]:
    return (
        one.rule, str(one.evaluations), str(one.fired), str(one.notified), str(one.errors),
        _number(None if one.median_seconds is None else round(one.median_seconds * 1000, 1)),
        _mean(one.seconds_to_acknowledge), _mean(one.seconds_to_resolve),
    )  # fmt: skip


def _mean(seconds: float | None) -> str:
    return "" if seconds is None else length_text(timedelta(seconds=seconds)) or "0s"


def silence_row(silence: Silence, now: datetime) -> tuple[str, ...]:
    return (
        str(silence.silence_id), silence.state(now), iso(silence.starts_at), iso(silence.ends_at),
        silence.problem or matcher_text(silence.matchers), single_line(silence.author, 40),
        single_line(silence.comment, 200),
    )  # fmt: skip


def window_row(window: Window, now: datetime) -> tuple[str, ...]:
    return (
        str(window.window_id), window.state(now),
        str(window.slots), length_text(window.duration), window.problem or matcher_text(window.matchers),
        single_line(window.author, 40), single_line(window.comment, 200),
    )  # fmt: skip
