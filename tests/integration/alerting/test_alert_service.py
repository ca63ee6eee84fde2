"""Evaluation on a real database: what is due is looked at, what follows is written and told once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.alerting.administration import AlertAdministration, NewWindow
from app.alerting.evaluation.repository import AlertRepository, EvaluationClaim
from app.alerting.models import Evaluation, EvaluationStatus, Phase, Rule, Severity, Signal, labels_of
from app.alerting.state.silences import Silence, parse_matchers
from app.clock import SystemClock
from app.db.engine import Database
from app.errors import Conflict, NotFound
from app.settings import AlertingSettings
from tests.support.alert_factory import MINUTE, T0, Scene, rows, rule, scene, service_of, signal
from tests.support.store_factory import opened

NAME = "collection_failing"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


async def begun(it: Scene) -> Scene:
    """The scene after its rules were entered; they are due ten seconds later."""
    assert await it.round() == []
    return it


async def silence(it: Scene, *matchers: str, minutes: float = 30) -> int:
    now = it.clock.now()
    quiet = Silence(parse_matchers(matchers), now, now + minutes * MINUTE, "me", "known")
    return await AlertAdministration(it.database).add_silence(quiet, now)


async def test_a_fault_is_told_once_and_its_end_too(database: Database) -> None:
    it = await begun(scene(database, rule(hold=timedelta(seconds=20))))
    it.world.faults[NAME] = [signal(3.0, area="FR")]

    assert [await it.round(10) for _ in range(4)] == [[], [], [("fired", NAME)], []]
    it.world.faults.clear()
    assert await it.round(10) == [("resolved", NAME)]
    assert await it.round(10) == []
    kinds = await rows(database, "select kind, told, area from v_alert_events order by event_id")
    assert kinds == [("pending", False, "FR"), ("fired", True, "FR"), ("resolved", True, "FR")]
    found = await rows(database, "select verdict, signals, notified, lateness from v_rule_executions order by due_at")
    assert [row[:3] for row in found] == [
        ("firing", 1, False), ("firing", 1, False), ("firing", 1, True), ("firing", 1, False), ("ok", 0, True),
        ("ok", 0, False),
    ]  # fmt: skip
    [alert] = await rows(database, "select area, phase, value, seconds_to_resolve from v_alerts")
    assert alert == ("FR", "resolved", 3.0, 20.0)
    [state] = await rows(database, "select schedule, verdict, next_due, error from v_rule_states")
    assert state == (str(rule().schedule), "ok", it.clock.now() + timedelta(seconds=10), "")


async def test_values_texts_and_severities_of_rows_are_kept_as_they_are(database: Database) -> None:
    it = await begun(scene(database, rule()))
    odd = Signal(
        labels_of({"area": "DE\x00LU", "name": "日本 'x' \\ \"" + "y" * 100_000}),
        float("nan"),
        float("inf"),
        Severity.CRITICAL,
        (("summary", "a\nb\ud800"),),
    )
    it.world.faults[NAME] = [odd]

    assert await it.round(10) == [("fired", NAME)]
    assert await it.round(10) == []
    [view] = await AlertAdministration(database).alerts([Phase.FIRING])
    assert dict(view.alert.labels) == {"area": "DELU", "name": odd.labels[1][1]}
    assert (view.alert.severity, view.alert.annotations) == (Severity.CRITICAL, (("summary", "a\nb?"),))
    assert (str(view.alert.value), view.alert.threshold) == ("nan", float("inf"))


async def test_an_evaluation_that_fails_is_recorded_and_changes_no_alert(database: Database) -> None:
    it = await begun(scene(database, rule(), rule("other")))
    it.world.faults[NAME] = [signal(area="FR")]
    assert await it.round(10) == [("fired", NAME)]
    it.world.faults[NAME] = RuntimeError("broken")
    assert await it.round(10) == []

    found = await rows(database, "select verdict, error from v_rule_states order by rule")
    assert found == [("error", "RuntimeError: broken"), ("ok", "")]
    assert await rows(database, "select phase from alerts") == [("firing",)]
    assert it.service.status().errors == 1


async def test_what_a_dead_process_was_evaluating_is_evaluated_by_another(database: Database) -> None:
    dead = await begun(scene(database, rule()))
    dead.world.faults[NAME] = [signal(area="FR")]
    dead.clock.set(T0 + timedelta(seconds=10))
    [claim] = await dead.repository.claim(dead.clock.now(), limit=10)
    alive = scene(database, clock=dead.clock, shelf=dead.shelf, world=dead.world)

    assert await alive.round() == []
    assert await alive.round(10) == []
    assert await alive.round(10) == [("fired", NAME)]
    assert await rows(database, "select count(*) from rule_executions") == [(1,)]
    await dead.repository.release([claim.lease])
    assert await rows(database, "select count(*) from rule_states where lease is not null") == [(0,)]


class Sleeper:
    """Never answers for rules that sleep, and tells when all wanted ones were evaluated."""

    def __init__(self, *wanted: str) -> None:
        self.await_again(*wanted)

    def await_again(self, *wanted: str) -> None:
        self._missing = set(wanted)
        self.answered = asyncio.Event()

    async def evaluate(self, rule: Rule, now: datetime) -> Evaluation:
        if rule.name.startswith("asleep"):
            await asyncio.Event().wait()
        self._missing.discard(rule.name)
        if not self._missing:
            self.answered.set()
        return Evaluation(rule.name, now, 0.01, EvaluationStatus.OK)


async def test_new_rules_that_sleep_hold_up_neither_the_shipped_ones_nor_quick_nor_critical_ones(
    database: Database,
) -> None:
    it = await begun(scene(database, rule("quick")))
    await it.round(10)
    sleepers = (rule(f"asleep {number}") for number in range(20))
    urgent = rule("urgent", severity=Severity.CRITICAL)
    it.shelf.put(rule("quick"), rule("shipped", built_in=True), urgent, *sleepers)
    await it.round()
    sleeper = Sleeper("quick", "shipped", "urgent")
    service = service_of(it.repository, it.shelf, sleeper, it.clock, AlertingSettings())
    it.clock.set(it.clock.now() + timedelta(seconds=10))
    await service.tick()
    async with asyncio.timeout(60):
        await sleeper.answered.wait()
    await service._drain()


async def test_rules_that_were_edited_to_sleep_hold_up_no_quick_ones(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleepers = [rule(f"asleep {number}") for number in range(20)]
    it = await begun(scene(database, rule("quick"), *sleepers))
    await it.round(10)
    sleeper = Sleeper("quick")
    monkeypatch.setattr(it.service, "_evaluator", sleeper)
    it.shelf.put(rule("quick"), *(replace(one, sql="select pg_sleep(9)") for one in sleepers))
    it.clock.set(it.clock.now() + timedelta(seconds=10))
    await it.service.tick()
    async with asyncio.timeout(60):
        await sleeper.answered.wait()
    await it.service._drain()


async def test_more_sleeping_rules_than_are_taken_at_once_hold_up_neither_shipped_nor_quick_ones(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.alerting.evaluation.service.MOST_IN_FLIGHT", 5)
    it = await begun(
        scene(database, rule("shipped", built_in=True), *(rule(f"asleep {number}") for number in range(9)))
    )
    sleeper = Sleeper("shipped")
    monkeypatch.setattr(it.service, "_evaluator", sleeper)
    for _ in range(2):
        it.clock.set(it.clock.now() + timedelta(seconds=10))
        sleeper.await_again("shipped")
        await it.service.tick()
        async with asyncio.timeout(60):
            await sleeper.answered.wait()
        await it.service._write()
    await it.service._drain()


async def test_the_evaluation_of_a_process_that_lost_its_lease_is_not_written(database: Database) -> None:
    slow = await begun(scene(database, rule()))
    slow.world.faults[NAME] = [signal(area="FR")]
    other = scene(database, clock=slow.clock, shelf=slow.shelf, world=slow.world)
    slow.clock.set(T0 + timedelta(seconds=10))
    await slow.service.tick()
    await asyncio.gather(*slow.service._in_flight.values())

    assert await other.round(20) == [("fired", NAME)]
    await slow.service.settled()
    assert slow.told.take() == []
    assert await rows(database, "select count(*) from rule_executions") == [(1,)]


async def test_where_the_outbox_fails_nothing_is_written_and_the_next_evaluation_tells(database: Database) -> None:
    it = await begun(scene(database, rule(), rule("other")))
    it.world.faults[NAME] = [signal(area="FR")]
    it.told.refuse = RuntimeError("no room")

    assert await it.round(10) == []
    assert await rows(database, "select count(*) from alerts") == [(0,)]
    found = await rows(database, "select rule, verdict, error from rule_executions order by rule")
    assert found == [(NAME, "error", "what it found cannot be kept: RuntimeError: no room"), ("other", "ok", "")]
    it.told.refuse = None
    assert await it.round(10) == [("fired", NAME)]


async def test_two_replicas_evaluate_every_slot_of_many_rules_once(database_url: str) -> None:
    names = [f"rule_{number}" for number in range(120)]
    async with opened(database_url) as one, opened(database_url) as two:
        first = await begun(scene(one, *(rule(name) for name in names)))
        second = scene(two, clock=first.clock, shelf=first.shelf, world=first.world)
        first.world.faults |= {name: [signal(area=name)] for name in names}
        await second.round()
        told = []
        for _ in range(3):
            first.clock.set(first.clock.now() + timedelta(seconds=10))
            for found in await asyncio.gather(first.round(), second.round()):
                told += found
        slots = await rows(one, "select count(*), count(distinct (rule, due_at)) from rule_executions")
    assert slots == [(360, 360)]
    assert Counter(told) == {("fired", name): 1 for name in names}


async def test_what_fires_during_a_silence_is_told_when_it_ends_and_only_if_it_still_fires(database: Database) -> None:
    it = await begun(scene(database, rule(every=3600)))
    records = AlertAdministration(database)
    it.world.faults[NAME] = [signal(area="FR"), signal(area="NL")]
    number = await silence(it, "area=FR", "rule=~collection_.*", minutes=90)

    assert await it.round(3600) == [("fired", NAME)]
    [fr] = [view.alert for view in await records.alerts([Phase.FIRING]) if view.alert.suppressed]
    assert (dict(fr.labels), fr.suppressed) == ({"area": "FR"}, f"silence {number}: known")
    assert await it.round(10) == []
    await records.end_silence(number, it.clock.now())
    it.service._at.clear()  # as if the seconds between two looks at what is held back had passed
    assert await it.round(10) == [("fired", NAME)]
    with pytest.raises(NotFound, match=f"no silence {number} that goes on"):
        await records.end_silence(number, it.clock.now())


async def test_an_end_during_a_silence_is_told_afterwards(database: Database) -> None:
    it = await begun(scene(database, rule()))
    it.world.faults[NAME] = [signal(area="FR")]
    assert await it.round(10) == [("fired", NAME)]
    await silence(it, "area=FR", minutes=1)
    it.world.faults.clear()
    assert await it.round(10) == []
    assert await rows(database, "select phase, suppressed from alerts") == [("resolved", "silence 1: known")]
    assert await it.round(60) == [("resolved", NAME)]


async def test_a_maintenance_window_comes_again_every_day(database: Database) -> None:
    it = await begun(scene(database, rule(every=1800, remind_every=timedelta(0))))
    window = NewWindow(parse_matchers(["rule=~.+"]), "30 13 * * *", "Europe/Brussels", timedelta(hours=1))
    number = await AlertAdministration(database).add_window(window, "me", "patch day", T0)
    it.world.faults[NAME] = [signal(area="FR")]

    assert await it.round(1800) == []  # 12:30 UTC is 13:30 in Brussels
    assert await it.round(1800) == []
    assert await it.round(1800) == [("fired", NAME)]
    it.world.faults.clear()
    assert await it.round(23 * 3600) == []
    assert await it.round(3600) == [("resolved", NAME)]
    await AlertAdministration(database).end_window(number, it.clock.now())
    assert await AlertAdministration(database).windows() == []


async def test_a_rule_that_explains_others_keeps_them_quiet_though_all_begin_at_once(database: Database) -> None:
    down = rule("platform_down", severity=Severity.CRITICAL)
    it = await begun(scene(database, rule(depends_on=("platform_down",)), down))
    it.world.faults |= {NAME: [signal(area=str(n)) for n in range(50)], "platform_down": [signal()]}

    assert await it.round(10) == [("fired", "platform_down")]
    assert await it.round(10) == []
    del it.world.faults["platform_down"]
    assert await it.round(10) == [("resolved", "platform_down")]
    it.world.faults[NAME] = [signal(area="7")]
    assert await it.round(10) == [("fired", NAME)]


async def test_an_alert_waits_for_the_rule_it_depends_on_but_not_for_long(database: Database) -> None:
    down = rule("platform_down", every=60)
    it = await begun(scene(database, rule(depends_on=("platform_down",)), down))
    it.world.faults |= {NAME: [signal(area="FR")]}

    assert await it.round(10) == []
    assert await it.round(1) == []
    assert await it.round(10) == [("fired", NAME)]
    assert it.clock.now() < T0 + MINUTE
    it.world.faults[NAME] = [signal(area="FR"), signal(area="NL")]
    assert await it.round(30) == []
    assert await it.round(9) == [("fired", NAME)]  # the other rule was looked at meanwhile


async def test_the_alerts_of_a_rule_that_is_removed_or_disabled_end(database: Database) -> None:
    it = await begun(scene(database, rule(), rule("other"), rule("third")))
    it.world.faults |= {name: [signal()] for name in (NAME, "other", "third")}
    assert len(await it.round(10)) == 3
    it.shelf.put(rule(enabled=False), rule("third"))
    assert await it.round(10) == [("resolved", NAME), ("resolved", "other")]
    notes = await rows(database, "select rule, note from alert_events where kind = 'resolved' order by rule")
    assert notes == [(NAME, "the rule was disabled"), ("other", "the rule was removed")]
    it.shelf.put(rule(), rule("third"))
    assert await it.round() == []
    assert await it.round(10) == [("fired", NAME)]


async def test_a_rule_that_was_removed_while_nothing_ran_ends_too(database: Database) -> None:
    before = await begun(scene(database, rule(runbook="https://wiki/x", severity=Severity.CRITICAL), rule("other")))
    before.world.faults |= {NAME: [signal()]}
    assert await before.round(10) == [("fired", NAME)]
    after = scene(database, rule("other"), clock=before.clock)
    assert await after.round(60) == []
    after.shelf.problems = ["rules.yaml cannot be read"]
    after.service._at.clear()
    assert await after.round(300) == []
    after.shelf.problems.clear()
    after.service._at.clear()
    await after.service.tick()
    [event] = after.told.events
    assert (event.kind, event.rule.runbook, event.rule.severity) == ("resolved", "https://wiki/x", Severity.CRITICAL)


async def test_replicas_with_different_books_leave_each_others_rules_alone(database: Database) -> None:
    old = await begun(scene(database, rule(), rule("old")))
    new = scene(database, rule(), rule("new"), clock=old.clock)
    assert await new.round() == []
    for _ in range(4):
        assert await old.round(60) == []
        assert await new.round() == []
        old.service._at.clear()
        new.service._at.clear()
    assert {name for name, _ in old.world.evaluated} >= {"old"}
    assert {name for name, _ in new.world.evaluated} >= {"new"}
    assert len(await rows(database, "select rule from rule_states")) == 3


async def test_a_paused_rule_rests_with_its_alerts_until_it_is_resumed(database: Database) -> None:
    it = await begun(scene(database, rule(remind_every=MINUTE), rule("other")))
    records = AlertAdministration(database)
    it.world.faults[NAME] = [signal()]
    assert await it.round(10) == [("fired", NAME)]
    await records.pause(NAME, "me", it.clock.now())
    it.world.faults.clear()
    assert await it.round(300) == []
    await records.resume(NAME)
    assert await it.round(10) == [("resolved", NAME)]
    with pytest.raises(NotFound, match="did you mean collection_failing"):
        await records.pause("collection_faling", "me", T0)


async def test_the_database_is_asked_at_the_slots_of_rules_and_not_at_each_tick(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime] = []
    claim = AlertRepository.claim

    async def counted(rows: AlertRepository, now: datetime, **chosen: Any) -> list[EvaluationClaim]:
        asked.append(now)
        return await claim(rows, now, **chosen)

    monkeypatch.setattr(AlertRepository, "claim", counted)
    it = await begun(scene(database, rule(), rule("other", every=20)))
    asked.clear()
    for _ in range(40):
        await it.round(1)
    begun_at = [(name, (now - T0).total_seconds()) for name, now in it.world.evaluated]
    assert begun_at == [(NAME, 10), (NAME, 20), ("other", 20), (NAME, 30), (NAME, 40), ("other", 40)]
    # At four slots, and at the sweeps of a slow machine.
    assert 4 <= len(asked) < 20


async def test_reminders_come_though_the_rule_is_due_once_a_day_until_somebody_acknowledges(database: Database) -> None:
    it = await begun(scene(database, rule(every=86_400, remind_every=timedelta(hours=4))))
    records = AlertAdministration(database)
    it.world.faults[NAME] = [signal()]
    assert await it.round(43_200) == [("fired", NAME)]
    assert await it.round(3600) == []
    assert await it.round(4 * 3600) == [("reminded", NAME)]
    [view] = await records.alerts([Phase.FIRING])
    assert view.alert.alert_id is not None
    await records.acknowledge(view.alert.alert_id, "me", "on it", it.clock.now())
    assert await it.round(5 * 3600) == []
    [view] = await records.alerts([Phase.FIRING])
    assert (view.alert.acknowledged_by, view.note) == ("me", "on it")
    it.world.faults[NAME] = [Signal((), 2.0, severity=Severity.CRITICAL)]
    assert await it.round(14 * 3600) == [("severity", NAME)]
    it.world.faults.clear()
    assert await it.round(86_400) == [("resolved", NAME)]
    with pytest.raises(Conflict, match="ended at"):
        await records.acknowledge(view.alert.alert_id or 0, "me", "", it.clock.now())
    with pytest.raises(NotFound, match="no alert 4711"):
        await records.acknowledge(4711, "me", "", it.clock.now())


async def test_a_clock_that_is_set_back_stops_no_rule(database: Database) -> None:
    it = await begun(scene(database, rule(hold=timedelta(seconds=20))))
    assert await it.round(10) == []
    it.world.faults[NAME] = [signal()]
    assert await it.round(3600) == []
    assert await it.round(-3600) == []
    assert [await it.round(10) for _ in range(3)] == [[], [], [("fired", NAME)]]
    it.clock.set(it.clock.now() - timedelta(days=1))
    assert [await it.round(10) for _ in range(3)] == [[], [], []]
    it.world.faults.clear()
    assert await it.round(10) == [("resolved", NAME)]


async def test_a_person_may_evaluate_a_rule_at_any_time(database: Database) -> None:
    it = scene(database, rule(every=86_400), rule("off", enabled=False))
    it.world.faults[NAME] = [signal()]
    assert (await it.service.try_rule(NAME)).signals == (signal(),)
    assert await rows(database, "select count(*) from rule_states") == [(0,)]
    assert (await it.service.run_rule(NAME)).signals == (signal(),)
    assert it.told.take() == [("fired", NAME)]
    found = await rows(database, "select trigger, notified from rule_executions")
    assert found == [("manual", True)]
    [(due, lease)] = await rows(database, "select next_due, lease from rule_states")
    assert (due, lease) == (rule(every=86_400).schedule.next_slot(T0), None)
    with pytest.raises(NotFound, match="did you mean collection_failing"):
        await it.service.run_rule("collection_fail")
    with pytest.raises(Conflict, match="off is disabled"):
        await it.service.run_rule("off")


async def test_what_is_old_is_deleted(database: Database) -> None:
    it = await begun(scene(database, rule(hold=timedelta(seconds=10))))
    it.world.faults[NAME] = [signal()]
    await it.round(10)
    it.world.faults.clear()
    await it.round(10)  # it never fired
    it.world.faults[NAME] = [signal()]
    await it.round(10)
    await it.round(10)
    it.world.faults.clear()
    await it.round(10)
    await it.round(10)
    keep = AlertingSettings(executions_days=30, quiet_executions_days=3, history_days=730)
    assert await it.repository.prune(T0 + timedelta(days=2), keep) == 0
    assert await it.repository.prune(T0 + timedelta(days=4), keep) == 3  # two that found nothing, one that never fired
    assert await it.repository.prune(T0 + timedelta(days=31), keep) == 4
    assert await rows(database, "select count(*) from v_alert_events") == [(3,)]
    assert await it.repository.prune(T0 + timedelta(days=731), keep) == 1
    assert await rows(database, "select count(*) from alert_events") == [(0,)]


async def test_history_is_summed_by_rule(database: Database) -> None:
    it = await begun(scene(database, rule(), rule("other")))
    it.world.faults |= {NAME: [signal()], "other": ValueError("no")}
    await it.round(10)
    await AlertAdministration(database).acknowledge(1, "me", "", it.clock.now() + timedelta(seconds=4))
    it.world.faults.clear()
    await it.round(10)
    one, other = await AlertAdministration(database).summary(T0, it.clock.now() + MINUTE, None)
    assert (one.rule, one.evaluations, one.fired, one.notified, one.errors) == (NAME, 2, 1, 2, 0)
    assert (one.seconds_to_acknowledge, one.seconds_to_resolve) == (4.0, 10.0)
    assert (other.evaluations, other.fired, other.errors, other.seconds_to_resolve) == (2, 0, 1, None)
    events = await AlertAdministration(database).events(T0, it.clock.now() + MINUTE, NAME, limit=10)
    assert [event.kind for event in events] == ["resolved", "acknowledged", "fired"]


async def test_the_service_runs_until_it_is_stopped_and_gives_back_what_it_has_not_finished(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.alerting.evaluation.service.DRAIN_SECONDS", 0.1)
    it = scene(database, rule(every=1), rule("sleeper", every=1), tick=0.05)
    service = it.service
    service._clock = SystemClock()
    asleep = asyncio.Event()
    evaluate = it.world.evaluate

    async def sleepy(rule_, now):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        if rule_.name == "sleeper":
            asleep.set()
            await asyncio.sleep(60)
        return await evaluate(rule_, now)

    monkeypatch.setattr(service, "_evaluator", type("Sleepy", (), {"evaluate": staticmethod(sleepy)})())
    it.world.faults[NAME] = [signal()]
    stop = asyncio.Event()
    task = asyncio.create_task(service.run(stop))
    async with asyncio.timeout(60):
        await asleep.wait()
        while not it.told.events:  # noqa: ASYNC110  what is waited for tells nobody
            await asyncio.sleep(0.02)
    assert service.status().rules == 2
    stop.set()
    await asyncio.wait_for(task, 60)
    assert await rows(database, "select count(*) from rule_states where lease is not null") == [(0,)]
