"""What becomes of an alert at each look: pending, firing, resolved, and what people are notified of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from app.alerting.models import Alert, AlertEvent, EventKind, Phase, Rule, Signal
from app.settings import AlertingSettings


@dataclass(frozen=True, slots=True)
class Damping:
    """An alert that fires so often within the window is kept firing until it has been quiet for a time; 0: never."""

    firings: int = 3
    window: timedelta = timedelta(hours=1)
    quiet: timedelta = timedelta(minutes=15)

    @classmethod
    def of(cls, settings: AlertingSettings) -> Self:
        return cls(
            settings.flap_firings,
            timedelta(minutes=settings.flap_window_minutes),
            timedelta(minutes=settings.flap_quiet_minutes),
        )


@dataclass(frozen=True, slots=True)
class Transition:
    """The alert after a look, and what happened to it."""

    alert: Alert | None
    events: tuple[AlertEvent, ...] = ()


DAMPING = Damping()


def advance(
    alert: Alert | None,
    signal: Signal | None,
    rule: Rule,
    now: datetime,
    suppressed: str = "",
    *,
    keep: bool = False,
    damping: Damping = DAMPING,
) -> Transition:
    """One look at one alert: the open one of its rule and labels, else the last one that ended, else None.

    Without a signal the fault is gone, unless `keep`: then nothing is known and only what time brings is notified.
    `suppressed` says why nobody may be notified; the state goes on, and people are notified of what still holds afterwards.
    Instants that lie after `now` come of a clock that was set back, and count as `now`.
    """
    before = None if alert is None else rebased(alert, now)
    after = before if keep else _moved(before, signal, rule, now, damping)
    if after is None:
        return Transition(None)
    if after.phase is Phase.FIRING:
        return _notify_of_firing(before, after, rule, now, suppressed, damping=damping)
    if after.phase is Phase.PENDING:
        begun = before is None or before.phase is not Phase.PENDING
        return Transition(after, (_event(EventKind.PENDING, after, rule, now),) if begun else ())
    return _notify_of_end(before, after, rule, now, suppressed)


def rebased(alert: Alert, now: datetime) -> Alert:
    """The alert without instants in the future."""
    instants = (
        alert.since, alert.seen_at, alert.fired_at, alert.resolved_at, alert.notified_at, alert.acknowledged_at,
        alert.gone_at, alert.resolved_notified_at, *alert.firings,
    )  # fmt: skip
    if max(instant for instant in instants if instant is not None) <= now:
        return alert

    def past(instant: datetime | None) -> datetime | None:
        return None if instant is None else min(instant, now)

    return replace(
        alert,
        since=min(alert.since, now),
        seen_at=min(alert.seen_at, now),
        fired_at=past(alert.fired_at),
        resolved_at=past(alert.resolved_at),
        notified_at=past(alert.notified_at),
        acknowledged_at=past(alert.acknowledged_at),
        gone_at=past(alert.gone_at),
        resolved_notified_at=past(alert.resolved_notified_at),
        firings=tuple(min(firing, now) for firing in alert.firings),
    )


def remind_at(alert: Alert, rule: Rule) -> datetime | None:
    """When people are to be reminded of it unless something happens before."""
    silent = alert.suppressed or alert.acknowledged_at or alert.gone_at
    if alert.phase is not Phase.FIRING or alert.notified_at is None or silent or not rule.remind_every:
        return None
    return alert.notified_at + rule.remind_every


def ended(alert: Alert, rule: Rule, now: datetime, note: str, suppressed: str = "") -> Transition:
    """The end of an alert that is open, or whose end is due, for another reason than that its fault is gone."""
    alert = rebased(alert, now)
    resolved = replace(
        alert,
        phase=Phase.RESOLVED,
        resolved_at=alert.resolved_at or now,
        gone_at=None,
        suppressed="",
        resolved_notified_at=now,
    )
    notified = alert.notified_at is not None and not suppressed
    kind = EventKind.RESOLVED if notified else EventKind.DROPPED if alert.phase is Phase.PENDING else EventKind.ENDED
    return Transition(resolved, (_event(kind, resolved, rule, now, note),))


def _moved(alert: Alert | None, signal: Signal | None, rule: Rule, now: datetime, damping: Damping) -> Alert | None:
    if signal is not None:
        seen = _seen(alert, signal, rule, now)
        hold = rule.hold if signal.hold is None else signal.hold
        ripe = seen.phase is Phase.PENDING and now - seen.since >= hold
        return _fired(seen, now, damping) if ripe or (alert is not None and alert.resolution_due) else seen
    if alert is None or not alert.open:
        return alert
    gone_at = alert.gone_at or now
    kept = max(rule.keep_firing, damping.quiet) if alert.flapping else rule.keep_firing
    if alert.phase is Phase.FIRING and now - gone_at < kept:
        return replace(alert, gone_at=gone_at)
    return replace(alert, phase=Phase.RESOLVED, resolved_at=now, gone_at=None)


def _seen(alert: Alert | None, signal: Signal, rule: Rule, now: datetime) -> Alert:
    """The alert with what the row says; one that ended and whose end was notified, or need not be, is followed by another."""
    severity = signal.severity or rule.severity
    if alert is None or not (alert.open or alert.resolution_due):
        firings = alert.firings if alert else ()
        alert = Alert(rule.name, signal.labels, severity, Phase.PENDING, since=now, seen_at=now, firings=firings)
    return replace(
        alert,
        severity=severity,
        seen_at=now,
        gone_at=None,
        value=signal.value,
        threshold=signal.threshold,
        annotations=signal.annotations,
    )


def _fired(alert: Alert, now: datetime, damping: Damping) -> Alert:
    """Fires, for the first time or again before its end was notified."""
    recent = (*(firing for firing in alert.firings if now - firing < damping.window), now)
    return replace(
        alert,
        phase=Phase.FIRING,
        fired_at=alert.fired_at or now,
        resolved_at=None,
        acknowledged_at=None,
        acknowledged_by="",
        firings=recent[-max(damping.firings, 1) :],
        flapping=0 < damping.firings <= len(recent),
    )


def _notify_of_firing(
    before: Alert | None, after: Alert, rule: Rule, now: datetime, suppressed: str, *, damping: Damping
) -> Transition:
    fires_already = before is not None and before.phase is Phase.FIRING
    if suppressed:
        news = not fires_already or before is None or before.suppressed != suppressed
        held = replace(after, suppressed=suppressed)
        return Transition(held, (_event(EventKind.SUPPRESSED, held, rule, now, suppressed),) if news else ())
    free = replace(after, suppressed="")
    kind = _due(free, rule, now)
    if kind is None:
        return Transition(free)
    notified = replace(free, notified_at=now, notified_severity=free.severity)
    if kind is EventKind.SEVERITY:
        notified = replace(notified, acknowledged_at=None, acknowledged_by="")
    first = kind is EventKind.FIRED and free.flapping
    return Transition(notified, (_event(kind, notified, rule, now, _flapping(damping) if first else ""),))


def _due(alert: Alert, rule: Rule, now: datetime) -> EventKind | None:
    """What is to be notified of an alert that fires; nothing while it shows no fault."""
    if alert.gone_at is not None:
        return None
    if alert.notified_at is None:
        return EventKind.FIRED
    if alert.notified_severity is not None and alert.severity.rank > alert.notified_severity.rank:
        return EventKind.SEVERITY
    reminder = remind_at(alert, rule)
    return EventKind.REMINDED if reminder is not None and reminder <= now else None


def _notify_of_end(before: Alert | None, after: Alert, rule: Rule, now: datetime, suppressed: str) -> Transition:
    ends = before is not None and before.open
    if after.resolution_due and not suppressed:
        notified = replace(after, resolved_notified_at=now, suppressed="")
        return Transition(notified, (_event(EventKind.RESOLVED, notified, rule, now),))
    quiet = replace(after, suppressed=suppressed if after.resolution_due else "")
    if not ends:
        return Transition(quiet)
    kind = EventKind.DROPPED if after.fired_at is None else EventKind.ENDED
    return Transition(quiet, (_event(kind, quiet, rule, now, suppressed),))


def _event(kind: EventKind, alert: Alert, rule: Rule, now: datetime, note: str = "") -> AlertEvent:
    return AlertEvent(kind, alert, rule, now, note)


def _flapping(damping: Damping) -> str:
    window, quiet = (length // timedelta(minutes=1) for length in (damping.window, damping.quiet))
    return f"flapping: fired {damping.firings} times within {window} min, counts as firing until quiet for {quiet} min"
