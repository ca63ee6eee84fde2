"""Why a value is missing: decided from its deadline and from what was asked since. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.collection.gaps.question_schedule import AskPolicy, distance_to_count, next_of_missing, next_of_ours
from app.market.calendar import PublicationRule, deadlines
from app.market.time import Resolution
from app.timeseries.grid import Units


class Reason(StrEnum):
    """Why a market time unit has no value."""

    NOT_DUE = "not_due"
    LATE = "late"
    MISSING_AT_SOURCE = "missing_at_source"
    OURS = "ours"


REASONS = tuple(Reason)
_NOT_DUE, _LATE, _MISSING, _OURS = range(len(REASONS))


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Windows that were asked for, as columns in the order in which they were asked; times in seconds since 1970.

    A question proves something of the moment when it was asked, not of the one when its answer was stored.
    `usable`: the source answered, with data or with "no matching data", and nothing of the answer was refused.
    """

    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    asked_at: NDArray[np.int64]
    finished: NDArray[np.int64]
    usable: NDArray[np.bool_]


_NO_TIMES = np.empty(0, np.int64)
NEVER_ASKED = Asked(_NO_TIMES, _NO_TIMES, _NO_TIMES, _NO_TIMES, np.empty(0, np.bool_))


def due(rule: PublicationRule | None, units: Units, zone: ZoneInfo, habit: int | None) -> NDArray[np.int64]:
    """When each unit has to be public: its deadline, else as long after its start as the series is used to.

    A series without a rule and without a habit is due when the unit is over.
    """
    if rule is None:
        return units.ends if habit is None else units.starts + habit
    found = np.empty(len(units), np.int64)
    for number in np.unique(units.resolutions).tolist():
        which = units.resolutions == number
        found[which] = deadlines(rule, units.starts[which], Resolution.from_id(number), zone)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class GapClassification:
    """Of each missing unit its reason (index into `REASONS`) and what was asked for it since it was due.

    Times are seconds since 1970. `asked` counts the attempts, `answers` those usable answers that prove something.
    `last_asked` is the last attempt ever, 0 for never. From `next_ask` on the unit is to be asked for again.
    """

    reasons: NDArray[np.int8]
    asked: NDArray[np.int64]
    answers: NDArray[np.int64]
    last_asked: NDArray[np.int64]
    next_ask: NDArray[np.int64]


def classify_gaps(
    units: Units, due_at: NDArray[np.int64], asked: Asked, now: int, patience: AskPolicy
) -> GapClassification:
    """Why each unit is missing.

    Not due before its deadline. Missing at the source once as many usable answers lacked it as `patience` says, each at
    a greater distance than the one before: one answer proves nothing, however old the unit is. Until then late where
    the last attempt was answered. Ours where nothing covered it, where the last attempt failed or was partly refused,
    and where its horizon passed and nobody asked since it was due.
    """
    horizon = due_at + int(patience.horizon.total_seconds())
    attempts, answers, last_asked = (np.zeros(len(units), np.int64) for _ in range(3))
    first_answer, counted, last_answer = (np.zeros(len(units), np.int64) for _ in range(3))
    answered = np.zeros(len(units), np.bool_)
    for begin, end, asked_at, usable in zip(*_columns(asked), strict=True):
        covered = _covered(units, begin, end)
        answered[covered], last_asked[covered] = usable, asked_at
        since_due = due_at[covered] <= asked_at
        attempts[covered] += since_due
        if usable:
            last_answer[covered] = asked_at
            counts = since_due & (asked_at - counted[covered] >= distance_to_count(answers[covered]))
            first_answer[covered] = np.where(counts & (answers[covered] == 0), asked_at, first_answer[covered])
            counted[covered] = np.where(counts, asked_at, counted[covered])
            answers[covered] += counts
    found = np.full(len(units), _OURS, np.int8)
    found[answered & ((now < horizon) | (answers > 0))] = _LATE
    found[answers >= patience.asks] = _MISSING
    found[now < due_at] = _NOT_DUE
    soon = next_of_ours(last_asked, attempts)
    by_age = next_of_missing(due_at, np.where(answers > 0, first_answer, due_at), last_answer, patience)
    following = np.where(found == _OURS, soon, np.where(answered, by_age, np.maximum(by_age, soon)))
    return GapClassification(found, attempts, answers, last_asked, np.where(attempts == 0, due_at, following))


def _columns(asked: Asked) -> tuple[list[int], list[int], list[int], list[bool]]:
    return asked.begins.tolist(), asked.ends.tolist(), asked.asked_at.tolist(), asked.usable.tolist()


def _covered(units: Units, begin: int, end: int) -> slice:
    """The units that lie wholly in a window; a calendar unit is answered by any window that meets it."""
    if len(units) and Resolution.from_id(int(units.resolutions[0])).is_calendar:
        first, last = np.searchsorted(units.ends, begin, "right"), np.searchsorted(units.starts, end)
    else:
        first, last = np.searchsorted(units.starts, begin), np.searchsorted(units.ends, end, "right")
    return slice(int(first), int(last))
