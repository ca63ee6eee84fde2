from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.market.time import Interval
from app.quality.findings import (
    Changes,
    Detected,
    Finding,
    FindingSeverity,
    Reassessment,
    State,
    dimension_of,
    family,
    reconcile,
    severity_of,
)
from app.quality.models import EvidenceRule
from app.quality.scoring import Dimension

T0 = datetime(2024, 3, 1, tzinfo=UTC)
NOW, LATER = T0 + timedelta(days=40), T0 + timedelta(days=41)
LEARNED = T0 + timedelta(days=35)


def hours(first: float, last: float) -> Interval:
    return Interval(T0 + timedelta(hours=first), T0 + timedelta(hours=last))


def event(first: float, last: float, rule: EvidenceRule = EvidenceRule.STUCK, score: float = 10.0) -> Detected:
    return Detected(rule, hours(first, last), int(last - first), score, LEARNED, {"rules": {rule.value: 1}})


def kept(
    first: float, last: float, state: State = State.OPEN, rule: EvidenceRule = EvidenceRule.STUCK, number: int = 1
) -> Finding:
    one = event(first, last, rule)
    return Finding(number, 7, rule, one.interval, one.affected, one.score, LEARNED, one.evidence, state, NOW, NOW, NOW)


def after(known: list[Finding], *events: Detected, learned: datetime | None = LEARNED) -> Changes:
    look = Reassessment(7, hours(0, 24 * 30), events)
    return reconcile(known, look, {one.finding_id or 0: learned for one in known}, LATER)


def test_what_is_seen_first_is_open() -> None:
    [found] = after([], event(5, 9)).written
    assert (found.finding_id, found.series_id, found.state, found.first_seen) == (None, 7, State.OPEN, LATER)
    assert (found.interval, found.affected) == (hours(5, 9), 4)


def test_what_is_seen_as_before_is_not_written() -> None:
    assert after([kept(5, 9)], event(5, 9)) == Changes((), ())


def test_a_finding_grows_and_keeps_its_number_and_first_sight() -> None:
    [found] = after([kept(5, 9)], event(7, 20)).written
    assert (found.finding_id, found.interval, found.first_seen, found.last_seen) == (1, hours(7, 20), NOW, LATER)


def test_what_lies_before_and_behind_the_look_stays_part_of_a_finding() -> None:
    long = replace(kept(0, 1), interval=hours(-10, 24 * 31), affected=700)
    assert after([long], event(0, 5), event(500, 24 * 30)) == Changes((), ())
    [found] = after([long], event(0, 5, score=11.0)).written
    assert (found.interval, found.affected) == (hours(-10, 24 * 31), 700)


def test_a_part_of_a_finding_that_is_split_becomes_one_of_its_own() -> None:
    first, second = after([kept(5, 20)], event(5, 8), event(15, 20)).written
    assert (first.finding_id, first.interval) == (1, hours(5, 8))
    assert (second.finding_id, second.interval) == (None, hours(15, 20))


def test_findings_that_grow_together_become_the_older_one() -> None:
    younger = replace(kept(10, 12, number=1), first_seen=LATER)
    changes = after([younger, kept(5, 8, number=2)], event(5, 12))
    assert [(one.finding_id, one.interval) for one in changes.written] == [(2, hours(5, 12))]
    assert changes.absorbed == (1,)


def test_another_rule_makes_another_finding_and_soft_evidence_belongs_together() -> None:
    assert len(after([kept(5, 9)], event(5, 9), event(5, 9, EvidenceRule.NEGATIVE)).written) == 1
    [found] = after([kept(5, 9, rule=EvidenceRule.STEP)], event(5, 9, EvidenceRule.SEASONAL)).written
    assert (found.finding_id, found.rule) == (1, EvidenceRule.SEASONAL)


def test_a_finding_whose_values_were_corrected_is_repaired() -> None:
    [found] = after([kept(5, 9)], learned=LEARNED + timedelta(days=1)).written
    assert (found.state, found.state_since) == (State.REPAIRED, LATER)


@pytest.mark.parametrize("learned", [LEARNED, None])
def test_a_finding_whose_evidence_or_values_went_without_a_correction_is_withdrawn(learned: datetime | None) -> None:
    assert [one.state for one in after([kept(5, 9)], learned=learned).written] == [State.WITHDRAWN]


@pytest.mark.parametrize("state", [State.REPAIRED, State.WITHDRAWN])
def test_what_comes_back_is_the_same_finding_open_again(state: State) -> None:
    assert after([kept(5, 9, state)]) == Changes((), ())
    [found] = after([kept(5, 9, state)], event(6, 9)).written
    assert (found.finding_id, found.state, found.first_seen) == (1, State.OPEN, NOW)


def test_a_look_that_does_not_cover_a_finding_says_nothing_about_it() -> None:
    assert after([kept(24 * 30 - 1, 24 * 30 + 5)], learned=None) == Changes((), ())


@pytest.mark.parametrize("state", [State.ACCEPTED, State.CONFIRMED, State.UNREPAIRABLE])
def test_what_is_judged_keeps_its_interval_and_only_the_rest_is_new(state: State) -> None:
    judged = kept(5, 10, state)
    assert after([judged], event(5, 10)) == Changes((), ())
    [found] = after([judged], event(5, 20)).written
    assert (found.finding_id, found.interval, found.affected, found.state) == (None, hours(10, 20), 10, State.OPEN)


@pytest.mark.parametrize("state", [State.ACCEPTED, State.CONFIRMED, State.UNREPAIRABLE])
def test_a_judgement_does_not_hold_for_values_that_the_source_has_changed_since(state: State) -> None:
    [found] = after([kept(5, 10, state)], event(5, 10), learned=LEARNED + timedelta(days=1)).written
    assert (found.finding_id, found.state, found.state_since) == (1, State.OPEN, LATER)
    assert after([kept(5, 10, State.ACCEPTED)], learned=LEARNED + timedelta(days=1)) == Changes((), ())


def test_an_accepted_finding_stays_accepted_and_a_confirmed_one_can_be_repaired_after_all() -> None:
    assert after([kept(5, 9, State.ACCEPTED)], learned=None) == Changes((), ())
    corrected = LEARNED + timedelta(days=1)
    assert [one.state for one in after([kept(5, 9, State.CONFIRMED)], learned=corrected).written] == [State.REPAIRED]


def test_severity_says_impossible_worth_a_look_or_a_hint() -> None:
    assert severity_of(EvidenceRule.SIGN, 10) is FindingSeverity.ERROR
    assert severity_of(EvidenceRule.PRICE_BOUNDS, 10) is FindingSeverity.WARNING
    assert severity_of(EvidenceRule.STEP, 2.5) is FindingSeverity.WARNING
    assert event(1, 2, EvidenceRule.STEP, 1.2).severity is FindingSeverity.INFO


def test_rules_of_validity_are_told_from_evidence() -> None:
    assert event(1, 2, EvidenceRule.OFF_GRID).dimension is Dimension.VALIDITY
    assert dimension_of(EvidenceRule.STUCK) is Dimension.ACCURACY
    assert {family(EvidenceRule.STEP), family(EvidenceRule.PEER_LEVEL), family(EvidenceRule.NEIGHBOURS)} == {
        "implausible"
    }
