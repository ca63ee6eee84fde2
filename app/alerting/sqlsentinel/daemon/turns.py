"""Whose turn it is: alerts that are due wait for those that they depend on, and answers that are late are noticed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from app.alerting.sqlsentinel.dependencies import Upstreams, in_layers
from app.alerting.sqlsentinel.models import SentinelAlert


class WaitingAlerts:
    """Alerts that are due while others that they depend on are still being asked."""

    def __init__(self) -> None:
        self._held: dict[str, SentinelAlert] = {}

    @property
    def names(self) -> Collection[str]:
        return self._held.keys()

    def admit(
        self, due: Sequence[SentinelAlert], upstreams: Upstreams, running: Collection[str]
    ) -> Iterator[SentinelAlert]:
        """Those that may be asked now; `running` grows while they are taken."""
        for layer in in_layers(due, upstreams) if upstreams else [due]:
            for alert in layer:
                if self._free(alert, upstreams, running):
                    yield alert
                else:
                    self._held[alert.name] = alert

    def freed(self, upstreams: Upstreams, running: Collection[str]) -> Iterator[SentinelAlert]:
        """Those for which nothing is waited any more, taken out; those after them follow in the same look."""
        while True:
            free = [one for one in self._held.values() if self._free(one, upstreams, running)]
            if not free:
                return
            for alert in free:
                del self._held[alert.name]
                yield alert

    def clear(self) -> None:
        self._held.clear()

    def _free(self, alert: SentinelAlert, upstreams: Upstreams, running: Collection[str]) -> bool:
        before = upstreams.get(alert.name, frozenset())
        return before.isdisjoint(running) and before.isdisjoint(self._held)


class LateAnswers:
    """Which alerts have no answer within the time after their slots that they allow."""

    def __init__(self, late: Collection[str] = ()) -> None:
        self._open: dict[str, tuple[SentinelAlert, datetime]] = {}
        self._late = set(late)
        """Alerts that people know to be late."""

    def began(self, alert: SentinelAlert, slot: datetime) -> None:
        if alert.behaviour.late_after:
            self._open.setdefault(alert.name, (alert, slot))

    def overdue(self, now: datetime) -> list[tuple[SentinelAlert, float]]:
        """Alerts that have just become late, with the seconds since their slots."""
        found = [
            (alert, (now - slot).total_seconds())
            for alert, slot in self._open.values()
            if now - slot > alert.behaviour.late_after and alert.name not in self._late
        ]
        self._late.update(alert.name for alert, _ in found)
        return found

    def dropped(self, alert: SentinelAlert) -> None:
        """It was not asked: there is nothing to wait for."""
        self._open.pop(alert.name, None)

    def ended(self, alert: SentinelAlert, now: datetime) -> float | None:
        """The seconds that an answer took after its slot, where that is news: it is late, or in time again."""
        began = self._open.pop(alert.name, None)
        if began is None:
            return None
        late = now - began[1] > alert.behaviour.late_after
        news = late != (alert.name in self._late)
        (self._late.add if late else self._late.discard)(alert.name)
        return (now - began[1]).total_seconds() if news else None
