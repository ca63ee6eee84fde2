"""Evaluates the rules that are due, in every replica; what each evaluation shows is written in one transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from app.alerting.evaluation.concurrency import Lanes
from app.alerting.evaluation.repository import AlertRepository, EvaluationClaim, EvaluationOutcome
from app.alerting.evaluation.serialization import clean_label
from app.alerting.models import Evaluation, EvaluationStatus, Labels, Rule, Trigger
from app.alerting.rules.book import Book
from app.clock import SKEW, Clock, until_beat
from app.errors import ConfigurationError, Conflict, DatabaseUnavailable, NotFound
from app.kit.periodic import pause
from app.kit.suggest import did_you_mean
from app.logging import OutageLog
from app.settings import AlertingSettings

MOST_IN_FLIGHT = 2000
GATHER_SECONDS = 0.1
CLAIMED_AT_ONCE = 1000
GRACE = 5.0
"""Seconds beyond its time-out after which an evaluation is given up."""
REFRESH_SECONDS = 60.0
SWEEP_SECONDS = 5.0
"""Between two looks for what another replica left, a person resumed, or something else holds back."""
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
STALLED_SECONDS = 30.0
"""Without a look that went through for so long, the log says so: a lock that holds it up raises no error."""
PRUNE_SECONDS = 3600.0
DRAIN_SECONDS = 5.0
TAKEN_WITHIN = 20.0
REMOVED, DISABLED = "the rule was removed", "the rule was disabled"


class BookSource(Protocol):
    """Has the rule book: the same object until it changes; `problems` are why rules may be missing from it."""

    def current(self) -> Book: ...

    @property
    def problems(self) -> Sequence[object]: ...


class Evaluator(Protocol):
    """Looks at what a rule names."""

    async def evaluate(self, rule: Rule, now: datetime) -> Evaluation:
        """The evaluation, of whatever kind; `at` is the given instant."""
        ...


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """What health and metrics tell of one replica; the age is in seconds of the monotonic clock."""

    rules: int
    in_flight: int
    tick_age: float
    evaluations: int
    errors: int


class AlertService:
    """One replica's evaluation; `run` it until its event is set."""

    def __init__(
        self,
        repository: AlertRepository,
        book: BookSource,
        evaluator: Evaluator,
        *,
        clock: Clock,
        settings: AlertingSettings,
    ) -> None:
        self._repository = repository
        self._book = book
        self._evaluator = evaluator
        self._clock = clock
        self._settings = settings
        self._known: Book | None = None
        self._rules: dict[str, Rule] = {}
        self._strangers: set[str] = set()
        self._edited: set[str] = set()
        """Rules that ask something else than when they were evaluated last: how long they take is not known."""
        self._in_flight: dict[UUID, asyncio.Task[None]] = {}
        self._done: list[EvaluationOutcome] = []
        self._news = asyncio.Event()
        self._lanes = Lanes(settings.concurrency)
        self._last_now: datetime | None = None
        self._at: dict[str, float] = {}
        self._slots: dict[str, datetime] = {}
        """The next slot of each rule, as far as this replica knows."""
        self._look_at = EARLIEST
        """When time next changes an alert."""
        self._tick_at = time.monotonic()
        self._evaluations = self._errors = 0
        self._away = OutageLog("alerting_database_failed", "alerting_database_recovered")
        self._log = structlog.get_logger()

    def status(self) -> AlertStatus:
        """The state of this replica at this moment; reads memory only."""
        age = time.monotonic() - self._tick_at
        return AlertStatus(len(self._rules), len(self._in_flight), age, self._evaluations, self._errors)

    async def run(self, stop: asyncio.Event) -> None:
        """Evaluate whatever is due; returns after `stop` is set, with what was under way written or given back."""
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(part()) for part in (self._writing, self._renewing, self._pruning, self._watching)
            ]
            while not stop.is_set():
                await self._guarded(self.tick)
                # Looks fall on whole multiples of their distance, as the slots of the shipped rules do: those never wait.
                await pause(stop, until_beat(self._settings.tick))
            await self._drain()
            for task in beside:
                task.cancel()

    async def tick(self) -> None:
        """One look: follow the book, begin what is due, tell what time brings. Evaluations go on beside it."""
        now = self._clock.now()
        await self._follow_book(now)
        sweeps = self._elapsed("sweep", SWEEP_SECONDS)
        if sweeps or now >= min(self._slots.values(), default=LATEST):
            await self._claim(now)
        if sweeps or now >= self._look_at:
            self._look_at = LATEST
            following = await self._repository.look(self._rules, now, suppressed=sweeps)
            self._look_at = min(self._look_at, following or LATEST)
        self._tick_at = time.monotonic()
        self._away.over()

    async def settled(self) -> None:
        """Wait until everything that was begun is written."""
        while self._in_flight:
            await asyncio.gather(*self._in_flight.values(), return_exceptions=True)
        await self._write()

    async def run_rule(self, name: str, trigger: Trigger = Trigger.MANUAL) -> Evaluation:
        """Evaluate a rule now, due or not, with all that follows; NotFound, or Conflict where that cannot be."""
        rule, now = self._rule(name), self._clock.now()
        if not rule.enabled:
            raise Conflict(
                f"the rule {name} is disabled; enable it in {rule.origin or 'its file'}, or use `alerts try`"
            )
        if not await self._repository.refresh([name], now):
            await self._repository.enter(_slots([rule], now), now)
        claim = await self._claim_one(name)
        evaluation = await self._evaluated(rule)
        await self._repository.record([EvaluationOutcome(claim, rule, evaluation, trigger, None)], self._enabled(), now)
        return evaluation

    async def try_rule(self, name: str) -> Evaluation:
        """Evaluate a rule and write nothing."""
        return await self._evaluated(self._rule(name))

    def _rule(self, name: str) -> Rule:
        rules = self._book.current().rules
        if name in rules:
            return rules[name]
        hint = did_you_mean(name, rules, otherwise="; `gridkeeper alerts rules` lists them")
        raise NotFound(f"there is no rule {name!r}{hint}")

    async def _claim_one(self, name: str) -> EvaluationClaim:
        give_up = time.monotonic() + TAKEN_WITHIN
        while True:
            claim = await self._repository.claim_one(name, self._clock.now())
            if claim is not None:
                return claim
            if time.monotonic() > give_up:
                raise Conflict(f"{name} is being evaluated for {TAKEN_WITHIN:g} s already; try again later")
            await asyncio.sleep(0.1)

    def _enabled(self) -> dict[str, Rule]:
        return {name: rule for name, rule in self._book.current().rules.items() if rule.enabled}

    async def _follow_book(self, now: datetime) -> None:
        """Take up an edited book, and at times say that its rules are still there."""
        book = self._book.current()
        back = self._last_now is not None and now < self._last_now - SKEW
        self._last_now = now
        refresh = self._elapsed("refresh", REFRESH_SECONDS)
        if book is not self._known or back:
            rules = self._enabled()
            left = self._rules.keys() - rules.keys()
            await self._repository.enter(_slots(rules.values(), now), now)
            self._slots = dict.fromkeys(rules, EARLIEST)
            self._look_at = EARLIEST
            await self._forget({name: self._rules[name] for name in left}, book, now)
            self._edited |= {name for name, rule in rules.items() if _asks_else(self._rules.get(name), rule)}
            self._rules, self._known, self._strangers = rules, book, set()
        elif refresh:
            missing = self._rules.keys() - await self._repository.refresh(self._rules, now)
            if missing:
                await self._repository.enter(_slots([self._rules[name] for name in missing], now), now)
        if refresh and not self._book.problems:
            unseen = await self._repository.unseen(self._rules, now)
            await self._forget(dict.fromkeys(unseen), book, now)

    async def _forget(self, gone: Mapping[str, Rule | None], book: Book, now: datetime) -> None:
        for note, names in (
            (DISABLED, [name for name in gone if name in book.rules]),
            (REMOVED, [name for name in gone if name not in book.rules]),
        ):
            if names:
                await self._repository.forget({name: gone[name] for name in names}, now, note)
                self._log.info("rules_removed", rules=names, note=note)

    async def _claim(self, now: datetime) -> None:
        """Begin what is due; what another replica has, or what is under way still, is looked at again at its next slot."""
        limit = max(0, min(CLAIMED_AT_ONCE, MOST_IN_FLIGHT - len(self._in_flight)))
        claims = await self._repository.claim(now, limit=limit, strangers=self._strangers) if limit else []
        if len(claims) == limit:
            claims += await self._claim_quick(now, 2 * MOST_IN_FLIGHT - len(self._in_flight) - limit)
        for claim in claims:
            if claim.rule in self._rules:
                task = asyncio.create_task(self._work(claim, self._rules[claim.rule]))
                self._in_flight[claim.lease] = task
        if len(claims) < limit:
            for name in [name for name, slot in self._slots.items() if slot <= now]:
                self._slots[name] = next_evaluation(self._rules[name], now)
        strange = [claim for claim in claims if claim.rule not in self._rules]
        if strange:
            self._strangers.update(claim.rule for claim in strange)
            await self._repository.release([claim.lease for claim in strange])

    async def _claim_quick(self, now: datetime, room: int) -> list[EvaluationClaim]:
        """More is due than is taken at once: the shipped rules, and those that were quick, wait for no others."""
        shipped = [name for name, rule in self._rules.items() if rule.built_in]
        limit = max(len(shipped), min(CLAIMED_AT_ONCE, room))
        return await self._repository.claim(now, limit=limit, strangers=self._strangers, quick=shipped)

    async def _work(self, claim: EvaluationClaim, rule: Rule) -> None:
        try:
            async with self._lanes.place(rule, None if rule.name in self._edited else claim.seconds):
                evaluation = await self._evaluated(rule)
            if rule is self._rules.get(rule.name):
                self._edited.discard(rule.name)
            after = max(self._clock.now(), claim.due_at)
            following = next_evaluation(rule, after)
            if rule.name in self._slots:
                self._slots[rule.name] = following
            self._done.append(EvaluationOutcome(claim, rule, evaluation, Trigger.CRON, following))
            self._news.set()
        finally:
            del self._in_flight[claim.lease]

    async def _evaluated(self, rule: Rule) -> Evaluation:
        """The evaluation of a rule, whatever happens: an evaluation is a job."""
        now, begun = self._clock.now(), time.perf_counter()
        try:
            async with asyncio.timeout(rule.time_out.total_seconds() + GRACE):
                return _cleaned(await self._evaluator.evaluate(rule, now))
        except TimeoutError:
            error = f"no answer within {rule.time_out.total_seconds():g} s"
        except Exception as failure:  # noqa: BLE001  an evaluation is a job: its failure is recorded as its outcome
            error = f"{type(failure).__name__}: {failure}"
        self._log.error("evaluation_failed", rule=rule.name, error=error)
        seconds = time.perf_counter() - begun
        return _cleaned(Evaluation(rule.name, now, seconds, EvaluationStatus.ERROR, keep=True, error=error))

    async def _write(self) -> None:
        outcomes, self._done = self._done, []
        if outcomes:
            await self._record(outcomes)

    async def _record(self, outcomes: Sequence[EvaluationOutcome]) -> None:
        """Write evaluations together; where one of them cannot be written, it alone is given up and reported."""
        try:
            written, changed = await self._repository.record(outcomes, self._rules, self._clock.now())
        except DatabaseUnavailable:
            raise
        except Exception as failure:  # noqa: BLE001  an evaluation is a job up to its record: what fails there is its outcome
            await self._record_apart(outcomes, failure)
            return
        if changed:
            self._look_at = EARLIEST
        self._evaluations += written
        self._errors += sum(outcome.evaluation.verdict is EvaluationStatus.ERROR for outcome in outcomes)
        if written < len(outcomes):
            self._log.warning("leases_lost", evaluations=len(outcomes) - written)

    async def _record_apart(self, outcomes: Sequence[EvaluationOutcome], failure: Exception) -> None:
        if len(outcomes) > 1:
            half = len(outcomes) // 2
            await self._record(outcomes[:half])
            await self._record(outcomes[half:])
            return
        [outcome] = outcomes
        error = f"what it found cannot be kept: {type(failure).__name__}: {failure}"
        self._log.error("evaluation_write_failed", rule=outcome.rule.name, error=error)
        if outcome.evaluation.signals or not outcome.evaluation.error:
            broken = replace(outcome.evaluation, verdict=EvaluationStatus.ERROR, signals=(), keep=True, error=error)
            await self._record([replace(outcome, evaluation=_cleaned(broken))])

    async def _writing(self) -> None:
        while True:
            await self._news.wait()
            # Rules that are due together end one after the other, and are written together.
            await asyncio.sleep(GATHER_SECONDS)
            self._news.clear()
            await self._guarded(self._write)

    async def _renewing(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 4)
            if self._in_flight:
                await self._guarded(lambda: self._repository.renew(list(self._in_flight), self._clock.now()))

    async def _watching(self) -> None:
        """Say in the log that looks do not go through, and that they do again."""
        stalled = False
        while True:
            await asyncio.sleep(STALLED_SECONDS / 6)
            age = time.monotonic() - self._tick_at
            if age >= STALLED_SECONDS and not stalled:
                self._log.error(
                    "alerting_stalled", seconds=round(age), remedy="see what locks the tables of the alerts"
                )
            elif age < STALLED_SECONDS and stalled:
                self._log.info("alerting_resumed")
            stalled = age >= STALLED_SECONDS

    async def _pruning(self) -> None:
        while True:
            await self._guarded(lambda: self._repository.prune(self._clock.now(), self._settings))
            await asyncio.sleep(PRUNE_SECONDS)

    async def _drain(self) -> None:
        """Let what is under way finish, then give the rest back."""
        if self._in_flight:
            await asyncio.wait(list(self._in_flight.values()), timeout=DRAIN_SECONDS)
        await self._guarded(self._write)
        left = dict(self._in_flight)
        for task in left.values():
            task.cancel()
        if left:
            await asyncio.gather(*left.values(), return_exceptions=True)
            await self._guarded(lambda: self._repository.release(list(left)))

    async def _guarded(self, act: Callable[[], Awaitable[object]]) -> None:
        """A round is a job: what it could not do is done by a later one, because state follows from rows."""
        try:
            await act()
        except DatabaseUnavailable as error:
            self._away.met(error)
        except Exception as error:  # noqa: BLE001  a round is a job: the next one tries again
            self._log.error("alerting_round_failed", error=f"{type(error).__name__}: {error}")

    def _elapsed(self, name: str, seconds: float) -> bool:
        """Whether so much time has passed since this was true last; true at first."""
        now = time.monotonic()
        if now - self._at.get(name, -seconds - now) < seconds:
            return False
        self._at[name] = now
        return True


def next_evaluation(rule: Rule, after: datetime) -> datetime:
    """The next slot of a rule; one that never comes is looked for again a day later, and holds up no other rule."""
    try:
        return rule.schedule.next_slot(after)
    except (ConfigurationError, StopIteration) as error:
        structlog.get_logger().error("rule_schedule_ignored", rule=rule.name, error=str(error))
        return after + timedelta(days=1)


def _asks_else(before: Rule | None, after: Rule) -> bool:
    return before is not None and (before.sql, before.condition, before.database) != (
        after.sql,
        after.condition,
        after.database,
    )


def _slots(rules: Iterable[Rule], now: datetime) -> list[tuple[Rule, datetime]]:
    return [(rule, next_evaluation(rule, now)) for rule in rules]


def _cleaned(evaluation: Evaluation) -> Evaluation:
    """Without characters that the database does not take."""
    signals = tuple(
        replace(signal, labels=_cleaned_labels(signal.labels), annotations=_cleaned_labels(signal.annotations))
        for signal in evaluation.signals
    )
    kept = tuple(_cleaned_labels(labels) for labels in evaluation.kept)
    return replace(evaluation, signals=signals, kept=kept, error=clean_label(evaluation.error))


def _cleaned_labels(labels: Labels) -> Labels:
    return tuple((clean_label(name), clean_label(value)) for name, value in labels)
