"""How the state of an alert follows what its query says, and whom that means a notice for. Pure.

By the reliable laws an alert that people have not been notified of is `due`: the notice is due as soon as nothing stands in
its way any more, a silence or the interval, for as long as the query says ALERT.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from app.alerting.sqlsentinel.models import Behaviour, Compat
from app.alerting.sqlsentinel.results import QueryStatus


@dataclass(frozen=True, slots=True)
class SentinelState:
    """Where an alert stands; the fields are columns of the original's table but for the last three."""

    alert_name: str
    last_executed_at: datetime | None = None
    last_alert_at: datetime | None = None
    last_ok_at: datetime | None = None
    consecutive_alerts: int = 0
    consecutive_oks: int = 0
    current_status: QueryStatus | None = None
    silenced_until: datetime | None = None
    due_since: datetime | None = None
    """Since when an alert is there that people have not been notified of."""
    notified_at: datetime | None = None
    """When people were last notified; the interval and reminders count from here."""
    notified: bool = False
    """Whether people were notified of the alert that is there now, or was there last."""

    def silenced(self, now: datetime) -> bool:
        return self.silenced_until is not None and now < self.silenced_until


class SentinelNotice(StrEnum):
    """What people are notified."""

    NONE = "none"
    ALERT = "alert"
    REMINDER = "reminder"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Laws:
    """By which an alert is kept; `enabled` alerts only notify anybody."""

    compat: Compat = Compat.RELIABLE
    behaviour: Behaviour = field(default_factory=Behaviour)
    enabled: bool = True


def follow_verdict(
    state: SentinelState, status: QueryStatus, now: datetime, laws: Laws
) -> tuple[SentinelState, SentinelNotice]:
    """The state after an evaluation, and what people are notified of it. An error changes nothing."""
    if status is QueryStatus.ERROR:
        return state, SentinelNotice.NONE
    notice = _strict(state, status, now, laws) if laws.compat is Compat.STRICT else _reliable(state, status, now, laws)
    return _after(state, status, now, notice, laws), notice


def _strict(state: SentinelState, status: QueryStatus, now: datetime, laws: Laws) -> SentinelNotice:
    """The interval counts from the last evaluation that said ALERT, whoever was notified of it."""
    begins = status is QueryStatus.ALERT and state.current_status is not QueryStatus.ALERT
    recent = state.last_alert_at is not None and now - state.last_alert_at < laws.behaviour.min_interval
    return (
        SentinelNotice.ALERT
        if begins and laws.enabled and not recent and not state.silenced(now)
        else SentinelNotice.NONE
    )


def _reliable(state: SentinelState, status: QueryStatus, now: datetime, laws: Laws) -> SentinelNotice:
    if not laws.enabled or state.silenced(now):
        return SentinelNotice.NONE
    behaviour = laws.behaviour
    since = None if state.notified_at is None else now - state.notified_at
    if status is QueryStatus.OK:
        return SentinelNotice.RECOVERY if behaviour.notify_recovery and state.notified else SentinelNotice.NONE
    begins = state.current_status is not QueryStatus.ALERT
    if begins or state.due_since is not None:
        return SentinelNotice.ALERT if since is None or since >= behaviour.min_interval else SentinelNotice.NONE
    if behaviour.remind_every and (since is None or since >= behaviour.remind_every):
        return SentinelNotice.REMINDER
    return SentinelNotice.NONE


def _after(
    state: SentinelState, status: QueryStatus, now: datetime, notice: SentinelNotice, laws: Laws
) -> SentinelState:
    if status is QueryStatus.OK:
        return replace(
            state,
            last_executed_at=now,
            last_ok_at=now,
            consecutive_oks=state.consecutive_oks + 1,
            consecutive_alerts=0,
            current_status=status,
            due_since=None,
            notified=state.notified and notice is SentinelNotice.NONE and laws.behaviour.notify_recovery,
        )
    begins = state.current_status is not QueryStatus.ALERT
    notified = notice in {SentinelNotice.ALERT, SentinelNotice.REMINDER}
    return replace(
        state,
        last_executed_at=now,
        last_alert_at=now,
        consecutive_alerts=state.consecutive_alerts + 1,
        consecutive_oks=0,
        current_status=status,
        due_since=None if notified else (now if begins else state.due_since),
        notified_at=now if notified else state.notified_at,
        notified=notified or state.notified,
    )


def silence(state: SentinelState, until: datetime | None) -> SentinelState:
    """Nobody is notified of it until then; None ends the silence."""
    return replace(state, silenced_until=until)
