"""How things are, in a sentence, and how fresh each item is in each area. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.kit.language import gettext, ngettext, pgettext
from app.market.time import Resolution
from app.monitoring.health import Health
from app.monitoring.models import Lateness

LONG_LATE = timedelta(hours=1)
"""What is late for less is often only slow."""
REASONS = ("ours", "late", "missing_at_source")
"""Of gaps, the worst first."""


class Standing(StrEnum):
    """How something is, the worst first."""

    BAD = "bad"
    WARN = "warn"
    IDLE = "idle"
    GOOD = "good"


def worst_condition(conditions: Iterable[Standing]) -> Standing:
    """The worst of them; idle where there are none."""
    order = list(Standing)
    return min(conditions, key=order.index, default=Standing.IDLE)


@dataclass(frozen=True, slots=True)
class FreshCell:
    """The pairs of an item and area, of borders several, shown by the one that is most behind."""

    item: str
    area: str
    pairs: tuple[Lateness, ...]

    @property
    def leading(self) -> Lateness:
        if len(self.pairs) == 1:
            return self.pairs[0]
        return min(self.pairs, key=lambda one: (-one.late, one.due_at is None, one.due_at, one.newest_start))

    @property
    def late(self) -> timedelta:
        return self.leading.late

    @property
    def late_pairs(self) -> int:
        return sum(bool(one.late) for one in self.pairs)

    @property
    def condition(self) -> Standing:
        if self.leading.due_at is None:
            return Standing.IDLE
        return lateness_condition(self.late)


def lateness_condition(late: timedelta) -> Standing:
    """How being late for so long counts."""
    if not late:
        return Standing.GOOD
    return Standing.BAD if late >= LONG_LATE else Standing.WARN


@dataclass(frozen=True, slots=True)
class AreaFreshness:
    """An area with its cells by item."""

    area: str
    cells: dict[str, FreshCell]

    @property
    def late(self) -> timedelta:
        return max((cell.late for cell in self.cells.values()), default=timedelta(0))

    @property
    def pairs(self) -> int:
        return sum(len(cell.pairs) for cell in self.cells.values())

    @property
    def late_pairs(self) -> int:
        return sum(cell.late_pairs for cell in self.cells.values())

    @property
    def condition(self) -> Standing:
        return worst_condition(cell.condition for cell in self.cells.values())

    @property
    def newest(self) -> datetime:
        return max(pair.newest_start for cell in self.cells.values() for pair in cell.pairs)


def freshness(lateness: Sequence[Lateness]) -> list[AreaFreshness]:
    """The areas, the latest first; a border belongs to those of its ends that have items of their own, else to itself."""
    own = {one.area for one in lateness if ">" not in one.area}
    cells: dict[str, dict[str, list[Lateness]]] = {}
    for one in lateness:
        ends = [end for end in one.area.split(">") if end in own] if ">" in one.area else [one.area]
        for area in ends or [one.area]:
            cells.setdefault(area, {}).setdefault(one.item, []).append(one)
    areas = [
        AreaFreshness(area, {item: FreshCell(item, area, tuple(pairs)) for item, pairs in sorted(of_area.items())})
        for area, of_area in cells.items()
    ]
    order = list(Standing)
    return sorted(areas, key=lambda one: (order.index(one.condition), -one.late, -one.late_pairs, one.area))


def up_to(lateness: Sequence[Lateness], now: datetime) -> datetime | None:
    """The end of the newest stored unit that is over: how far what is measured reaches."""
    ends = (one.newest_start + Resolution.parse(one.resolution).nominal for one in lateness)
    return max((end for end in ends if end <= now), default=None)


@dataclass(frozen=True, slots=True)
class HealthSummary:
    """A sentence about everything: its condition, and its clauses, the worst first."""

    condition: Standing
    clauses: tuple[str, ...]

    @property
    def text(self) -> str:
        said = pgettext("between clauses", "; ").join(self.clauses)
        return f"{said[:1].upper()}{said[1:]}{pgettext('end of a sentence', '.')}"


def summary_of(health: Health) -> HealthSummary:
    """How things are. The moment up to which values reach is told beside it, with its zone."""
    overview, pairs = health.overview, len(health.lateness)
    late = [one for one in health.lateness if one.late]
    lasting = sum(gap.lasting for gap in overview.gaps if gap.reason == "ours")
    firing = [alert for alert in overview.alerts if not alert.suppressed]
    found: list[tuple[Standing, str]] = []
    if overview.leader.heartbeat_at is not None and not overview.leader.alive:
        said = gettext("no replica leads since %(name)s fell silent", name=overview.leader.name)
        found.append((Standing.BAD, said))
    if not pairs:
        asked = health.collection["24h"].runs
        first = gettext("the first values have just been collected")
        found.append((Standing.IDLE, first if asked else gettext("nothing has been collected in the last day")))
    if lasting:
        said = ngettext(
            "%(num)s gap is ours for more than an hour", "%(num)s gaps are ours for more than an hour", lasting
        )
        found.append((Standing.BAD, said))
    if late:
        said = ngettext(
            "%(num)s of %(pairs)s pairs of item and area is late",
            "%(num)s of %(pairs)s pairs of item and area are late",
            len(late),
            pairs=pairs,
        )
        found.append((lateness_condition(max(one.late for one in late)), said))
    if firing:
        grave = any(alert.severity == "critical" for alert in firing)
        said = ngettext("%(num)s alert fires", "%(num)s alerts fire", len(firing))
        found.append((Standing.BAD if grave else Standing.WARN, said))
    if overview.disabled_channels:
        count = len(overview.disabled_channels)
        found.append((Standing.BAD, ngettext("%(num)s channel is disabled", "%(num)s channels are disabled", count)))
    if pairs and not late:
        found.append((Standing.GOOD, gettext("all %(pairs)s pairs of item and area are up to date", pairs=pairs)))
    if not firing:
        found.append((Standing.GOOD, gettext("no alert fires")))
    order = list(Standing)
    found.sort(key=lambda clause: order.index(clause[0]))
    return HealthSummary(found[0][0], tuple(text for _, text in found))
