"""Which alerts of a file come before others, and what of those holds an alert back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from app.alerting.sqlsentinel.models import SentinelAlert, Upstream
from app.alerting.sqlsentinel.results import QueryStatus

Upstreams = Mapping[str, frozenset[str]]
"""All that an alert depends on, by its name: those that it names, and what they depend on."""


def cycle_of(alerts: Iterable[SentinelAlert]) -> list[str]:
    """Names of alerts each of which depends on the next, the first one at the end again; empty where there are none."""
    try:
        TopologicalSorter({alert.name: alert.depends_on for alert in alerts}).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def upstreams_of(alerts: Sequence[SentinelAlert]) -> Upstreams:
    """Of alerts without a cycle; those that depend on nothing are left out."""
    named = {alert.name: alert.depends_on for alert in alerts if alert.depends_on}
    found: dict[str, frozenset[str]] = {}
    for name in TopologicalSorter(named).static_order():
        direct = named.get(name, ())
        if direct:
            found[name] = frozenset(direct).union(*(found.get(one, frozenset()) for one in direct))
    return found


def in_layers(alerts: Iterable[SentinelAlert], upstreams: Upstreams) -> Iterator[list[SentinelAlert]]:
    """The alerts in their order, but each in a later list than those that it depends on."""
    left = list(alerts)
    while left:
        names = {alert.name for alert in left}
        ready = [alert for alert in left if names.isdisjoint(upstreams.get(alert.name, ()))]
        yield ready
        left = [alert for alert in left if not names.isdisjoint(upstreams.get(alert.name, ()))]


def blocking(alert: SentinelAlert, upstreams: Upstreams, statuses: Mapping[str, QueryStatus]) -> str:
    """The upstream alert that fires or fails, for which this one is left out; empty where it is to be asked."""
    if alert.upstream is Upstream.WAIT:
        return ""
    return next((name for name in sorted(upstreams.get(alert.name, ())) if statuses.get(name) in _UNWELL), "")


_UNWELL = frozenset({QueryStatus.ALERT, QueryStatus.ERROR})
