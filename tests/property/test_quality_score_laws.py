from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.market.time import Interval
from app.quality.findings import GONE, JUDGED, Detected, Finding, Reassessment, State, family, reconcile
from app.quality.models import EvidenceRule
from app.quality.scoring import ScoreCounts, score, weighted_mean

T0 = datetime(2024, 3, 1, tzinfo=UTC)
NOW = T0 + timedelta(days=30)
WINDOW = Interval(T0, NOW)


@st.composite
def counts(draw: st.DrawFn) -> ScoreCounts:
    """Counts that add up, of a day with up to 100 units."""

    def number(most: int) -> int:
        return draw(st.integers(0, most))

    stored, ours, source, late, not_due = (number(100) for _ in range(5))
    timed, checked, examined = (number(100) for _ in range(3))
    return ScoreCounts(
        stored + ours + source + late + not_due, stored, ours, source, late, not_due,
        timed, number(timed), checked, number(checked), examined, number(examined),
    )  # fmt: skip


WEIGHTS = st.tuples(*(st.floats(0, 1000) for _ in range(4)))


@given(counts(), WEIGHTS)
def test_scores_lie_between_0_and_100_and_absent_means_that_nothing_was_examined(
    found: ScoreCounts, weights: tuple[float, float, float, float]
) -> None:
    scored = score(found, weights)
    timed = found.timed if 2 * found.timed > max(found.due, found.checked) else 0
    for part, examined in zip(scored.dimensions, (found.due, timed, found.checked, found.examined), strict=True):
        assert (part is None) == (examined == 0)
        assert part is None or 0 <= part <= 100
    present = [part for part, weight in zip(scored.dimensions, weights, strict=True) if part is not None and weight]
    assert (scored.overall is None) == (not present)
    if scored.overall is not None:
        assert min(present) <= scored.overall <= max(present)


@given(counts(), WEIGHTS)
def test_a_value_that_is_better_never_lowers_a_score(
    found: ScoreCounts, weights: tuple[float, float, float, float]
) -> None:
    before = score(found, weights)
    for better in (
        replace(found, stored=found.stored + found.ours, ours=0),
        replace(found, on_time=found.timed),
        replace(found, violating=0),
        replace(found, flagged=0),
    ):
        after = score(better, weights)
        assert after.overall is None or (before.overall is not None and after.overall >= before.overall - 1e-9)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=4), st.floats(0.01, 100))
def test_weights_mean_only_their_ratio(parts: list[float], factor: float) -> None:
    weights = [1.0 + number for number in range(len(parts))]
    one, other = weighted_mean(parts, weights), weighted_mean(parts, [factor * weight for weight in weights])
    assert one is not None
    assert other is not None
    assert np.isclose(one, other)


RULES = (EvidenceRule.STUCK, EvidenceRule.STEP, EvidenceRule.SEASONAL, EvidenceRule.NEGATIVE)
SPANS = st.tuples(st.integers(0, 600), st.integers(1, 48)).map(
    lambda pair: Interval(T0 + timedelta(hours=pair[0]), T0 + timedelta(hours=sum(pair)))
)


def apart(spans: list[Interval]) -> list[Interval]:
    """Those that do not meet one before, as one look finds them."""
    found: list[Interval] = []
    for span in sorted(spans):
        if not found or span.start >= found[-1].end:
            found.append(span)
    return found


@st.composite
def looks(draw: st.DrawFn) -> Reassessment:
    events = [
        Detected(rule, span, 1, 10.0, T0, {"rules": {rule.value: 1}})
        for rule in draw(st.sets(st.sampled_from((EvidenceRule.STUCK, EvidenceRule.STEP, EvidenceRule.NEGATIVE))))
        for span in apart(draw(st.lists(SPANS, max_size=5)))
    ]
    return Reassessment(1, WINDOW, tuple(events))


def kept(known: list[Finding], look: Reassessment, now: datetime = NOW) -> list[Finding]:
    """The findings after a look, with numbers for new ones."""
    changes = reconcile(known, look, {one.finding_id or 0: T0 for one in known}, now)
    changed = {one.finding_id or 0: one for one in changes.written if one.finding_id is not None}
    stay = [changed.get(one.finding_id or 0, one) for one in known if one.finding_id not in changes.absorbed]
    first = max((one.finding_id or 0 for one in known), default=0) + 1
    new = [one for one in changes.written if one.finding_id is None]
    return stay + [replace(one, finding_id=first + number) for number, one in enumerate(new)]


@given(looks())
def test_the_same_look_again_changes_nothing(look: Reassessment) -> None:
    once = kept([], look)
    assert kept(once, look, NOW + timedelta(days=1)) == once


@given(st.lists(looks(), max_size=4), looks(), st.data())
def test_after_any_looks_what_stands_is_what_the_last_one_found(
    looks_before: list[Reassessment], last: Reassessment, data: st.DataObject
) -> None:
    known: list[Finding] = []
    for look in looks_before:
        known = kept(known, look)
    judged = {
        one.finding_id: data.draw(st.sampled_from([*JUDGED, State.OPEN])) for one in known if one.state is State.OPEN
    }
    known = [replace(one, state=judged.get(one.finding_id, one.state)) for one in known]
    after = kept(known, last)
    assert kept(after, last, NOW + timedelta(days=1)) == after
    standing = [one for one in after if one.state not in GONE]
    for event in last.detected:
        own = [one.interval for one in standing if one.family == family(event.rule)]
        rest = [event.interval]
        for interval in own:
            rest = [part for one in rest for part in one.subtract(interval)]
        assert rest == []
    for one in standing:
        if one.state is State.OPEN:
            assert any(event.interval.intersection(one.interval) for event in last.detected)


@given(looks(), looks())
def test_an_accepted_finding_is_never_raised_again(first: Reassessment, second: Reassessment) -> None:
    accepted = [replace(one, state=State.ACCEPTED) for one in kept([], first)]
    after = kept(accepted, second)
    assert [one for one in after if one.state is State.ACCEPTED] == accepted
    for one in after:
        if one.state is State.OPEN:
            same = [other for other in accepted if other.family == one.family]
            assert not any(one.interval.intersection(other.interval) for other in same)
