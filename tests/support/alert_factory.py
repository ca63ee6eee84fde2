"""Rules, signals and an alert service on a real database, with an evaluator that says what the test wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.alerting.evaluation.repository import AlertRepository
from app.alerting.evaluation.service import AlertService, Evaluator
from app.alerting.models import AlertEvent, Evaluation, EvaluationStatus, Rule, Signal, labels_of
from app.alerting.rules.book import Book
from app.alerting.rules.schedules import EveryInterval
from app.alerting.state.transitions import Damping
from app.clock import Clock, FixedClock
from app.db.engine import Database
from app.settings import AlertingSettings

if TYPE_CHECKING:
    from app.db.engine import Connection

T0 = datetime(2024, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def rule(name: str = "collection_failing", *, every: float = 10.0, **fields: Any) -> Rule:
    return Rule(name, EveryInterval(timedelta(seconds=every)), **fields)


def signal(value: float = 1.0, **labels: str) -> Signal:
    return Signal(labels_of(labels), value)


@dataclass(slots=True)
class Shelf:
    """A book whose rules the test puts there."""

    book: Book = field(default_factory=Book)
    problems: list[str] = field(default_factory=list)

    def put(self, *rules: Rule) -> None:
        self.book = Book({one.name: one for one in rules})

    def current(self) -> Book:
        return self.book


@dataclass(slots=True)
class Told:
    """An outbox that remembers what was committed and what was not."""

    events: list[AlertEvent] = field(default_factory=list)
    refuse: Exception | None = None

    async def enqueue(self, connection: Connection, events: Sequence[AlertEvent], now: datetime) -> None:
        if self.refuse:
            raise self.refuse
        assert all(event.alert.alert_id for event in events)
        self.events += events

    def take(self) -> list[tuple[str, str]]:
        """Kind and rule of what was told since the last time."""
        events, self.events = self.events, []
        return sorted((event.kind.value, event.rule.name) for event in events)


@dataclass(slots=True)
class World:
    """What is wrong, by rule; a rule of which an exception is set fails."""

    faults: dict[str, list[Signal] | Exception] = field(default_factory=dict)
    evaluated: list[tuple[str, datetime]] = field(default_factory=list)

    async def evaluate(self, rule: Rule, now: datetime) -> Evaluation:
        self.evaluated.append((rule.name, now))
        found = self.faults.get(rule.name, [])
        if isinstance(found, Exception):
            raise found
        verdict = EvaluationStatus.FIRING if found else EvaluationStatus.OK
        return Evaluation(rule.name, now, 0.01, verdict, tuple(found), value=found[0].value if found else None)


@dataclass(slots=True)
class Scene:
    """An alert service with everything around it."""

    database: Database
    clock: FixedClock
    shelf: Shelf
    world: World
    told: Told
    service: AlertService
    repository: AlertRepository

    async def round(self, after: float = 0.0) -> list[tuple[str, str]]:
        """Let so many seconds pass, look once, wait for the end; what was told."""
        self.clock.set(self.clock.now() + timedelta(seconds=after))
        await self.service.tick()
        await self.service.settled()
        return self.told.take()


def scene(
    database: Database,
    *rules: Rule,
    clock: FixedClock | None = None,
    shelf: Shelf | None = None,
    world: World | None = None,
    told: Told | None = None,
    **settings: Any,
) -> Scene:
    clock, shelf = clock or FixedClock(T0), shelf or Shelf()
    world, told = world or World(), told or Told()
    if rules:
        shelf.put(*rules)
    chosen = AlertingSettings.model_validate(settings)
    repository = AlertRepository(
        database,
        told,
        lease=timedelta(seconds=chosen.lease_seconds),
        damping=Damping.of(chosen),
        inhibit_wait=timedelta(seconds=chosen.inhibit_wait),
    )
    return Scene(database, clock, shelf, world, told, service_of(repository, shelf, world, clock, chosen), repository)


def service_of(
    repository: AlertRepository, shelf: Shelf, evaluator: Evaluator, clock: Clock, settings: AlertingSettings
) -> AlertService:
    return AlertService(repository, shelf, evaluator, clock=clock, settings=settings)


async def rows(database: Database, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]
