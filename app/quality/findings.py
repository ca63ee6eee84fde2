"""Findings: intervals of values that one rule speaks against, and what another look at them changes.

A finding is the same as one before where its rule is of the same family, its series the same and its interval meets the
other's. What a person or the source has judged keeps its interval; only what lies outside is found anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.market.time import Interval
from app.quality.models import EvidenceRule
from app.quality.rules.hard_rules import HARD_RULES
from app.quality.scoring import Dimension


class FindingSeverity(StrEnum):
    """How much a finding matters: a hint, something to look at, something that cannot be."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class State(StrEnum):
    """What became of a finding; open ones await somebody."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REPAIRED = "repaired"
    CONFIRMED = "confirmed"
    UNREPAIRABLE = "unrepairable"
    WITHDRAWN = "withdrawn"


JUDGED = frozenset({State.ACCEPTED, State.CONFIRMED, State.UNREPAIRABLE})
"""Somebody or the source has looked at these values."""
GONE = frozenset({State.REPAIRED, State.WITHDRAWN})

VALIDITY = frozenset({EvidenceRule.DUPLICATE, EvidenceRule.OFF_GRID} | {hard.rule for hard in HARD_RULES})
IMPOSSIBLE = frozenset({EvidenceRule.DUPLICATE, EvidenceRule.OFF_GRID, EvidenceRule.NEGATIVE, EvidenceRule.SIGN})
PATTERNS = frozenset(
    {
        EvidenceRule.ZERO_RUN,
        EvidenceRule.STUCK,
        EvidenceRule.STRAIGHT_LINE,
        EvidenceRule.STALE_COPY,
        EvidenceRule.PEER_COPY,
    }
)
STRONG = 2.0
"""A soft score from which a finding is worth a look."""


def dimension_of(rule: EvidenceRule) -> Dimension:
    return Dimension.VALIDITY if rule in VALIDITY else Dimension.ACCURACY


def family(rule: str) -> str:
    """What speaks for the same fault: each rule and each pattern by itself, all soft evidence together."""
    return rule if rule in VALIDITY or rule in PATTERNS else "implausible"


def severity_of(rule: EvidenceRule, score: float) -> FindingSeverity:
    if rule in IMPOSSIBLE:
        return FindingSeverity.ERROR
    if rule in VALIDITY or rule in PATTERNS or score >= STRONG:
        return FindingSeverity.WARNING
    return FindingSeverity.INFO


@dataclass(frozen=True, slots=True)
class Detected:
    """What speaks against the values of an interval; `known_until` is the latest moment one of them was learned."""

    rule: EvidenceRule
    interval: Interval
    affected: int
    score: float
    known_until: datetime | None
    evidence: Mapping[str, Any]

    @property
    def dimension(self) -> Dimension:
        return dimension_of(self.rule)

    @property
    def severity(self) -> FindingSeverity:
        return severity_of(self.rule, self.score)


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding as it is kept; `finding_id` is None until it is."""

    finding_id: int | None
    series_id: int
    rule: EvidenceRule
    interval: Interval
    affected: int
    score: float
    known_until: datetime | None
    evidence: Mapping[str, Any]
    state: State
    first_seen: datetime
    last_seen: datetime
    state_since: datetime

    @property
    def family(self) -> str:
        return family(self.rule)


@dataclass(frozen=True, slots=True)
class Reassessment:
    """What another look at a series found, and in which interval it looked."""

    series_id: int
    interval: Interval
    detected: Sequence[Detected]


@dataclass(frozen=True, slots=True)
class Changes:
    """Findings to keep anew or differently, and those that another one has taken in."""

    written: tuple[Finding, ...]
    absorbed: tuple[int, ...]


def reconcile(
    known: Sequence[Finding], look: Reassessment, learned: Mapping[int, datetime | None], now: datetime
) -> Changes:
    """What a look changes; the same look again changes nothing.

    `learned` gives for each known finding when the latest of its present values was learned, None where none is left.
    A finding that nothing speaks for any more is repaired where its values have changed since, else withdrawn: values
    that vanished are missing, and nobody has put others in their place.
    A judgement holds for the values that were judged: what the source has changed since is looked at anew.
    """
    written: list[Finding] = []
    absorbed: list[int] = []
    matched: set[int] = set()
    judged = [one for one in known if one.state in JUDGED and not is_revised(one, learned.get(one.finding_id or 0))]
    for one in _outside(judged, look.detected):
        same = [
            other
            for other in known
            if other not in judged and other.family == family(one.rule) and _meet(other.interval, one.interval)
        ]
        fresh = [other for other in same if other.finding_id not in matched]
        matched |= {other.finding_id for other in same if other.finding_id is not None}
        if not fresh and any(other.interval.end > look.interval.end for other in same):
            continue  # part of a finding that goes on behind the look
        if not fresh:
            written.append(_new(one, look.series_id, now))
        else:
            kept, *others = sorted(fresh, key=lambda other: (other.first_seen, other.finding_id or 0))
            absorbed += [other.finding_id for other in others if other.finding_id is not None]
            written.append(_seen_again(kept, one, look, now))
    gone = [one for one in known if one.finding_id not in matched and one.state not in GONE | {State.ACCEPTED}]
    written += [_ended(one, learned.get(one.finding_id or 0), now) for one in gone if _is_judged(one, look)]
    before = {one.finding_id: one for one in known}
    return Changes(tuple(one for one in written if before.get(one.finding_id) != one), tuple(absorbed))


def _meet(one: Interval, other: Interval) -> bool:
    return one.intersection(other) is not None


def _is_judged(finding: Finding, look: Reassessment) -> bool:
    """Whether the look covers the whole finding, and nothing of it speaks for it any more."""
    if not (look.interval.start <= finding.interval.start and finding.interval.end <= look.interval.end):
        return False
    return not any(
        family(one.rule) == finding.family and _meet(one.interval, finding.interval) for one in look.detected
    )


def is_revised(finding: Finding, learned: datetime | None) -> bool:
    """Whether one of its present values was learned after the finding was last seen."""
    return learned is not None and finding.known_until is not None and learned > finding.known_until


def _outside(judged: Sequence[Finding], detected: Sequence[Detected]) -> list[Detected]:
    """What is detected less the intervals that are judged already."""
    found: list[Detected] = []
    for one in detected:
        parts = [one.interval]
        for other in judged:
            if other.family == family(one.rule):
                parts = [rest for part in parts for rest in part.subtract(other.interval)]
        whole = one.interval.duration
        found += [
            one
            if part == one.interval
            else replace(one, interval=part, affected=max(1, round(one.affected * (part.duration / whole))))
            for part in parts
        ]
    return found


def _new(one: Detected, series_id: int, now: datetime) -> Finding:
    return Finding(
        None, series_id, one.rule, one.interval, one.affected, one.score, one.known_until, one.evidence,
        State.OPEN, first_seen=now, last_seen=now, state_since=now,
    )  # fmt: skip


def _seen_again(kept: Finding, one: Detected, look: Reassessment, now: datetime) -> Finding:
    """The finding with what is seen now; what lies before the look's interval stays in it."""
    start = min(kept.interval.start, one.interval.start) if kept.interval.start < look.interval.start else None
    end = max(kept.interval.end, one.interval.end) if kept.interval.end > look.interval.end else None
    seen = replace(
        kept,
        rule=one.rule,
        interval=Interval(start or one.interval.start, end or one.interval.end),
        affected=max(kept.affected, one.affected) if start or end else one.affected,
        score=one.score,
        known_until=one.known_until,
        evidence=one.evidence,
    )
    if kept.state in GONE | JUDGED:
        return replace(seen, state=State.OPEN, state_since=now, last_seen=now)
    return kept if seen == kept else replace(seen, last_seen=now)


def _ended(finding: Finding, learned: datetime | None, now: datetime) -> Finding:
    corrected = learned is not None and (finding.known_until is None or is_revised(finding, learned))
    state = State.REPAIRED if corrected else State.WITHDRAWN
    return replace(finding, state=state, state_since=now, last_seen=now)
