"""Scenarios of missing values: the sandbox on a clock that is set, collected from through the real client and parser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dependency_injector import providers

from app.clock import FixedClock
from app.collection.gaps.windows import Gap
from app.collection.models import CollectionRequest, Work
from app.db.engine import Database
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval, Resolution
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SANDBOX_TOKEN, Hole, SandboxSettings
from app.settings import Settings
from app.wiring.container import Container
from tests.support.scheduler_factory import rows

OFF: Mapping[str, Any] = {"off": True}
ASKS = 3
"""Usable answers after the deadline that settle a value as missing at the source."""
DISTANCES = tuple(timedelta(minutes=minutes) for minutes in (0, 30, 45))
"""Before the last of several questions; the answers to the others lie 15 and 30 minutes apart."""


def at(text: str, month: str = "2024-03") -> datetime:
    """`02T13:00` in the month, or a whole date, in UTC."""
    return datetime.fromisoformat(text if text.count("-") else f"{month}-{text}").replace(tzinfo=UTC)


def span(text: str, month: str = "2024-03") -> Interval:
    """`01T00:00 03T00:00`."""
    first, last = text.split()
    return Interval(at(first, month), at(last, month))


@dataclass(frozen=True, slots=True)
class Look:
    """What the analysis says at an instant, after a window was asked for; `platform` is how the sandbox is meanwhile.

    `times`: so often, the last time at the instant, the others before it, so far apart that each answer counts.
    """

    now: str
    found: list[str]
    ask: str = ""
    times: int = 1
    platform: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A name, what the platform lacks, and what is said of the window at successive times.

    `telling`: the component of the series that a line begins with; several places tell theirs. `units`: the resolutions
    that the analysis keeps in the end. `corrects`: the source replaces values days later.
    """

    name: str
    window: str
    looks: tuple[Look, ...]
    holes: tuple[Hole, ...] = ()
    item: DataItem = DataItem.LOAD_ACTUAL
    places: tuple[str, ...] = ("FR",)
    month: str = "2024-03"
    telling: str = ""
    units: tuple[str, ...] = ()
    corrects: bool = False


class Stage:
    """One scenario on one database."""

    def __init__(self, scenario: Scenario, container: Container, clock: FixedClock, settings: SandboxSettings) -> None:
        self._scenario = scenario
        self._container = container
        self._clock = clock
        self._settings = settings
        self._places = [find_place(code) for code in scenario.places]
        self.revised = 0

    async def told(self, look: Look) -> list[str]:
        now = at(look.now, self._scenario.month)
        if look.ask:
            async with _sandbox(self._settings, look.platform):
                for distance in reversed(DISTANCES[: look.times]):
                    self._clock.set(now - distance)
                    await self._ask(span(look.ask, self._scenario.month))
        self._clock.set(now)
        window = span(self._scenario.window, self._scenario.month)
        requests = [CollectionRequest(self._scenario.item, place, window) for place in self._places]
        return [
            self._line(gap) for gap in await self._container.collection().gaps().analyse(requests, self._clock.now())
        ]

    async def _ask(self, window: Interval) -> None:
        for place in self._places:
            run = await self._container.sources().live().service.collect(Work(self._scenario.item, place, window))
            self.revised += run.revised

    def _line(self, gap: Gap) -> str:
        told = (self._label(gap), self._short(gap.interval.start), self._short(gap.interval.end), gap.reason.value)
        return " ".join([*filter(None, told), str(gap.missing)])

    def _label(self, gap: Gap) -> str:
        if len(self._places) > 1:
            return gap.place.code
        if not self._scenario.telling:
            return ""
        return str(getattr(gap.series_key, self._scenario.telling)) if gap.series_key else "*"

    def _short(self, instant: datetime) -> str:
        return f"{instant:%Y-%m-%dT%H:%M}".removeprefix(f"{self._scenario.month}-")

    async def units(self) -> list[str]:
        """The resolutions that are kept, each with its first instant."""
        found = await rows(
            self._container.database(), "select valid_from, resolution from mtu_history order by series_id, 1"
        )
        return [f"{self._short(first.astimezone(UTC))} {Resolution.from_id(number).code}" for first, number in found]


@asynccontextmanager
async def _sandbox(settings: SandboxSettings, platform: Mapping[str, Any]) -> AsyncIterator[None]:
    """The sandbox at its port, or nobody there."""
    if platform == OFF:
        yield
        return
    async with SandboxServer(replace(settings, **platform)):
        yield


@asynccontextmanager
async def staged(scenario: Scenario, url: str) -> AsyncIterator[Stage]:
    """The scenario with a client, a store and an analysis as `serve` has them, on a clock of its own."""
    clock = FixedClock(at("01T00:00", scenario.month))
    sandbox = SandboxSettings(
        clock=clock,
        limit_per_minute=None,
        hole_share=0.0,
        correction_share=1.0 if scenario.corrects else 0.0,
        holes=scenario.holes,
    )
    async with SandboxServer(sandbox) as server:
        sandbox, address = replace(sandbox, port=server.port), server.url
    settings = Settings.model_validate(
        {
            "sandbox": True,
            "entsoe": {"base_url": address, "token": SANDBOX_TOKEN, "backoff": 0.01, "burst": 60},
            "database": {"url": url},
            "gaps": {"asks": ASKS},
        }
    )
    database = Database(settings.database, url)
    container = Container(settings=settings, database=database, echo=lambda _: None)
    container.clock.override(providers.Object(clock))
    try:
        yield Stage(scenario, container, clock, sandbox)
    finally:
        await container.sources().live().aclose()
        await database.close()


def hole(
    interval: str,
    *,
    item: DataItem = DataItem.LOAD_ACTUAL,
    place: str = "FR",
    month: str = "2024-03",
    since: str = "",
    until: str = "",
    psr_type: str = "",
    garbled: bool = False,
) -> Hole:
    """What the platform lacks, with instants as a scenario writes them."""
    return Hole(
        item,
        place,
        span(interval, month),
        since=at(since, month) if since else None,
        until=at(until, month) if until else None,
        psr_type=psr_type,
        garbled=garbled,
    )
