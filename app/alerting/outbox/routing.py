"""Which channels an event goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from app.alerting.models import AlertEvent
from app.alerting.state.silences import Matcher


@dataclass(frozen=True, slots=True)
class Route:
    """Where events that meet all its matchers go, and how they are grouped."""

    name: str
    channels: tuple[str, ...]
    matchers: tuple[Matcher, ...] = ()
    go_on: bool = False
    """Later routes are asked too."""
    recipients: tuple[str, ...] = ()
    """Names of recipient lists that take the place of the e-mail channel's own."""
    group_by: tuple[str, ...] = ("rule",)
    group_wait: timedelta = timedelta(seconds=10)
    group_interval: timedelta = timedelta(seconds=20)
    repeat_interval: timedelta = timedelta(0)
    """Least distance of two reminders of an alert; zero leaves it to the rule."""


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes, and where events go that none of them takes."""

    routes: tuple[Route, ...] = ()
    default: Route | None = None

    def of(self, labels: Mapping[str, str], named: str = "") -> Sequence[Route]:
        """The first route that agrees, those after it while they say `continue`; `named` goes before all matching."""
        chosen = [route for route in self.routes if route.name == named] if named else []
        if chosen:
            return chosen
        for route in self.routes:
            if all(matcher.matches(labels) for matcher in route.matchers):
                chosen.append(route)
                if not route.go_on:
                    return chosen
        return chosen or ([self.default] if self.default else [])


class ChannelDirectory(Protocol):
    """What the outbox asks of the described channels: where events go, and who takes what one of them cannot."""

    @property
    def routes(self) -> Routes: ...

    @property
    def unusable(self) -> bool:
        """Nothing can be used of what is described: whatever happens waits."""
        ...

    def instead_of(self, channel: str, disabled: frozenset[str] = frozenset()) -> str: ...


class CurrentDirectory(Protocol):
    """The channels as they are described at present."""

    def current(self) -> ChannelDirectory: ...


def routing_labels(event: AlertEvent) -> dict[str, str]:
    """What matchers and `group_by` see: the alert's labels, its rule, its severity and what happened."""
    labels = {**dict(event.rule.labels), **dict(event.alert.labels)}
    return labels | {"rule": event.alert.rule, "severity": event.alert.severity.value, "kind": event.kind.value}
