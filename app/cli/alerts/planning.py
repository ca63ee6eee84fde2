"""The alerts that silences and maintenance windows meet, and when these are in force."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime

from app.alerting.administration import AlertAdministration
from app.alerting.models import Alert, Phase
from app.alerting.state.silences import Matcher, Window, described
from app.market.text import counted
from app.market.time import iso

MOST_COUNTED = 100_000


async def added(records: AlertAdministration, adding: Awaitable[int], matchers: tuple[Matcher, ...]) -> tuple[int, str]:
    """The number of what was added, and how many alerts its matchers meet now."""
    number = await adding
    views = await records.alerts([Phase.FIRING, Phase.PENDING], limit=MOST_COUNTED)
    met = [view.alert for view in views if _meets(matchers, view.alert)]
    if not met:
        return (
            number,
            f"no alert matches now, of {counted(len(views), 'open one')}; `gridkeeper alerts list` shows labels",
        )
    firing = sum(alert.phase is Phase.FIRING for alert in met)
    return (
        number,
        f"{counted(len(met), 'alert')} {'matches' if len(met) == 1 else 'match'} now, {firing} of them firing",
    )


def _meets(matchers: tuple[Matcher, ...], alert: Alert) -> bool:
    labels = described(alert.labels, alert.severity, alert.rule)
    return all(matcher.matches(labels) for matcher in matchers)


def window_spans(window: Window, now: datetime) -> str:
    """When it is in force: at present, where it is, and next."""
    began, coming = window.began(now), window.slots.next_slot(now)
    active = f"active now, until {iso(began + window.duration)}, " if began else ""
    return f"{active}next from {iso(coming)} to {iso(coming + window.duration)}"
