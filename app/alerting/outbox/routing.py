"""Which channels an event goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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

    def takes(self, labels: Mapping[str, str]) -> bool:
        return all(matcher.matches(labels) for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes, and where events go that none of them takes."""

    routes: tuple[Route, ...] = ()
    default: Route | None = None
    own: Mapping[str, Route] = field(default_factory=dict)
    """Of rules that bring their receivers along, by their names: those go before all others, beside which they count."""

    def of(self, labels: Mapping[str, str], named: str = "") -> Sequence[Route]:
        """The first route that agrees, those after it while they say `continue`; `named` goes before all matching."""
        brought = self.own.get(labels.get("rule", ""))
        own = [brought] if brought is not None and brought.takes(labels) else []
        chosen = [route for route in self.routes if route.name == named] if named else []
        if chosen:
            return [*own, *chosen]
        for route in self.routes:
            if route.takes(labels):
                chosen.append(route)
                if not route.go_on:
                    return [*own, *chosen]
        if chosen or brought is not None:
            return [*own, *chosen]
        return [self.default] if self.default else []

    def by_name(self) -> dict[str, Route]:
        every = (*self.own.values(), *self.routes, *([self.default] if self.default else []))
        return {route.name: route for route in every}


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
