"""How websites stand for people: by group, the worst first, as their filter says. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from operator import itemgetter

from app.probes.websites.models import OURS


class MonitorState(StrEnum):
    """How a website stands, the worst first; of `ours` the last checks failed because of this machine."""

    DOWN = "down"
    UNKNOWN = "unknown"
    OURS = "ours"
    MAINTENANCE = "maintenance"
    UP = "up"
    PAUSED = "paused"


_RANKS = {state: rank for rank, state in enumerate(MonitorState)}


@dataclass(frozen=True, slots=True)
class MonitorRow:
    """A website without what is secret of it, with how it stands."""

    website_id: int
    name: str
    url: str
    labels: Mapping[str, str]
    enabled: bool
    check_interval: int
    confirmations: int
    """Failed checks in a row that mean down."""
    managed_by: str
    created_at: datetime
    status: str
    """As it was confirmed last."""
    changed_at: datetime
    checked_at: datetime | None
    known_until: datetime | None
    due_at: datetime
    failures: int
    """In a row."""
    break_until: datetime | None
    unknown: bool
    reason: str
    down_since: datetime | None
    unknown_since: datetime | None
    paused_since: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    note: str
    """What is said of the downtime that lasts."""
    maintenance: str
    """The name of the plan that is under way; empty without one."""
    maintenance_until: datetime | None

    @property
    def group(self) -> str:
        return self.labels.get("group", "")

    def state(self, now: datetime) -> MonitorState:
        """How it stands; what is planned is no downtime."""
        if not self.enabled:
            return MonitorState.PAUSED
        if self.unknown or self.known_until is None or self.known_until < now:
            return MonitorState.OURS if self.unknown and self.reason == OURS else MonitorState.UNKNOWN
        if self.status == MonitorState.DOWN:
            return MonitorState.MAINTENANCE if self.maintenance else MonitorState.DOWN
        return MonitorState.UP

    def since(self, now: datetime) -> datetime:
        """Since when it stands so."""
        found: datetime | None = None
        match self.state(now):
            case MonitorState.PAUSED:
                found = self.paused_since
            case MonitorState.UNKNOWN | MonitorState.OURS:
                found = self.unknown_since if self.unknown else self.known_until
            case MonitorState.DOWN | MonitorState.MAINTENANCE:
                found = self.down_since
            case _:
                pass
        return found or self.changed_at

    def unconfirmed(self, now: datetime) -> int:
        """Failed checks in a row of a website that is not down yet."""
        return self.failures if self.state(now) is MonitorState.UP else 0

    def paused_until(self, now: datetime) -> datetime | None:
        """Until when its checks pause after failures."""
        until = self.break_until
        return until if until and until > now and self.enabled else None

    def next_check(self) -> datetime | None:
        return self.due_at if self.enabled else None


@dataclass(frozen=True, slots=True)
class MonitorFilter:
    """What somebody wants to see; nothing said is everything."""

    text: str = ""
    """Words that all have to stand in name, address or labels."""
    group: str | None = None
    state: MonitorState | None = None

    @property
    def narrow(self) -> bool:
        return bool(self.text.strip()) or self.group is not None or self.state is not None

    def lets_through(self, row: MonitorRow, now: datetime) -> bool:
        if self.group is not None and row.group != self.group:
            return False
        if self.state is not None and row.state(now) is not self.state:
            return False
        said_of_it = " ".join((row.name, row.url, *(f"{name}={value}" for name, value in row.labels.items()))).lower()
        return all(word in said_of_it for word in self.text.lower().split())


@dataclass(frozen=True, slots=True)
class MonitorGroup:
    """Websites of a group, the worst first, and how many stand how, also of those on other pages."""

    name: str
    rows: Sequence[MonitorRow]
    counts: Mapping[MonitorState, int]

    @property
    def worst(self) -> MonitorState:
        return min(self.counts, key=_RANKS.__getitem__)

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class MonitorCounts:
    """How many websites stand how, how many services are probed, and how many of these fail or give no token."""

    websites: Mapping[MonitorState, int] = field(default_factory=dict[MonitorState, int])
    services: int = 0
    failing: int = 0


def counted_states(rows: Iterable[MonitorRow], now: datetime) -> Mapping[MonitorState, int]:
    """How many stand how, the worst first."""
    found = Counter(row.state(now) for row in rows)
    return {state: found[state] for state in MonitorState if found[state]}


def monitor_groups(rows: Iterable[MonitorRow], now: datetime) -> list[MonitorGroup]:
    """By group: the one with the worst website first, and so within each."""
    parts: dict[str, list[MonitorRow]] = {}
    for row in rows:
        parts.setdefault(row.group, []).append(row)
    found = [
        MonitorGroup(name, sorted(part, key=lambda row: _urgency(row, now)), counted_states(part, now))
        for name, part in parts.items()
    ]
    return sorted(found, key=lambda group: (_RANKS[group.worst], not group.name, group.name.casefold()))


def _urgency(row: MonitorRow, now: datetime) -> tuple[object, ...]:
    """What nobody looks after comes before what somebody does, then what lasts longest."""
    state = row.state(now)
    since = row.since(now) if state in {MonitorState.DOWN, MonitorState.UNKNOWN, MonitorState.OURS} else now
    unconfirmed = row.unconfirmed(now)
    return _RANKS[state], row.acknowledged_at is not None, -unconfirmed, since, row.name.casefold(), row.website_id


def page_of_groups(groups: Sequence[MonitorGroup], number: int, size: int, now: datetime) -> list[MonitorGroup]:
    """The groups of one page of so many rows, counted from 1: where there are several, what is worst in any group comes first."""
    ordered = [(_RANKS[row.state(now)], group.name, row) for group in groups for row in group.rows]
    if len(ordered) > size:
        ordered.sort(key=itemgetter(0))
    parts: dict[str, list[MonitorRow]] = {}
    for _, name, row in ordered[(number - 1) * size : number * size]:
        parts.setdefault(name, []).append(row)
    return [replace(group, rows=parts[group.name]) for group in groups if group.name in parts]
