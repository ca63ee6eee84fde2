"""Why a value is missing: decided from its deadline and from what was asked since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.market.calendar import PublicationRule, deadlines
from app.market.time import Resolution
from app.timeseries.gaps import Units


class Reason(StrEnum):
    """Why a market time unit has no value."""

    NOT_DUE = "not_due"
    LATE = "late"
    MISSING_AT_SOURCE = "missing_at_source"
    OURS = "ours"


REASONS = tuple(Reason)
_NOT_DUE, _LATE, _MISSING, _OURS = range(len(REASONS))


AGES = np.array([minutes * 60 for minutes in (15, 30, 60, 120, 240, 480, 720)], np.int64)
"""Seconds after its deadline at which a value that is not there is asked for again; then once a day."""
DAY = 86_400
SHORTEST_PAUSE, LONGEST_PAUSE_OF_OURS = 900, 1800
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a value that is due is asked for, and after how many usable answers it counts as missing at the source.

    `asks` usable answers after the deadline settle it, or a single one later than `horizon` after the deadline. Until
    the horizon it is asked for all the same.
    """

    asks: int = 6
    horizon: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Windows that were asked for, as columns in the order in which they ended; times in seconds since 1970.

    `usable`: the source answered, with data or with "no matching data", and nothing of the answer was refused.
    """

    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    finished: NDArray[np.int64]
    usable: NDArray[np.bool_]


_NO_TIMES = np.empty(0, np.int64)
NEVER_ASKED = Asked(_NO_TIMES, _NO_TIMES, _NO_TIMES, np.empty(0, np.bool_))


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
class Verdict:
    """Of each missing unit its reason (index into `REASONS`), how often it was asked for since it was due, and when last.

    Times are seconds since 1970. `last_asked` is 0 for never. `next_ask` is the moment from which on it is to be asked
    for again, `NEVER` where that would be no use.
    """

    reasons: NDArray[np.int8]
    asked: NDArray[np.int64]
    last_asked: NDArray[np.int64]
    next_ask: NDArray[np.int64]


def judge(units: Units, due_at: NDArray[np.int64], asked: Asked, now: int, patience: Patience) -> Verdict:
    """Why each unit is missing.

    Not due before its deadline. Then missing at the source once usable answers lacked it as often as `patience` says.
    Until then late while the horizon lasts; ours where nothing covered it, where the last attempt failed or was partly
    refused, and where the horizon passed without enough questions.
    """
    horizon = due_at + int(patience.horizon.total_seconds())
    attempts, answers, last_asked = (np.zeros(len(units), np.int64) for _ in range(3))
    conclusive, answered = (np.zeros(len(units), np.bool_) for _ in range(2))
    for begin, end, finished, usable in zip(*_columns(asked), strict=True):
        covered = _covered(units, begin, end)
        answered[covered], last_asked[covered] = usable, finished
        since_due = due_at[covered] <= finished
        attempts[covered] += since_due
        if usable:
            answers[covered] += since_due
            conclusive[covered] |= horizon[covered] <= finished
    found = np.full(len(units), _OURS, np.int8)
    found[answered & (now < horizon)] = _LATE
    found[conclusive | (answers >= patience.asks)] = _MISSING
    found[now < due_at] = _NOT_DUE
    return Verdict(found, attempts, last_asked, _next_ask(found, attempts, due_at, last_asked, horizon))


def _next_ask(
    reasons: NDArray[np.int8],
    attempts: NDArray[np.int64],
    due_at: NDArray[np.int64],
    last_asked: NDArray[np.int64],
    horizon: NDArray[np.int64],
) -> NDArray[np.int64]:
    """By its age, so that whoever else asks in between does not use up the attempts; what is ours, by the pause alone.

    What is missing through us is asked for soon again: its attempts may all have met an outage.
    """
    doubled = SHORTEST_PAUSE << np.clip(attempts - 1, 0, 4)
    found = np.where(
        reasons == _OURS, last_asked + np.minimum(doubled, LONGEST_PAUSE_OF_OURS), _by_age(due_at, last_asked)
    )
    found[attempts == 0] = due_at[attempts == 0]
    found[(reasons == _MISSING) & (found > horizon)] = NEVER
    return found


def _by_age(due_at: NDArray[np.int64], last_asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first of the ages that the last question has not reached yet; two questions never lie closer than a pause."""
    age = np.maximum(last_asked - due_at, 0)
    position = np.searchsorted(AGES, age, "right")
    following = np.where(position < len(AGES), AGES[np.minimum(position, len(AGES) - 1)], (age // DAY + 1) * DAY)
    found: NDArray[np.int64] = np.maximum(due_at + following, last_asked + SHORTEST_PAUSE)
    return found


def _columns(asked: Asked) -> tuple[list[int], list[int], list[int], list[bool]]:
    return asked.begins.tolist(), asked.ends.tolist(), asked.finished.tolist(), asked.usable.tolist()


def _covered(units: Units, begin: int, end: int) -> slice:
    """The units that lie wholly in a window; a calendar unit is answered by any window that meets it."""
    if len(units) and Resolution.from_id(int(units.resolutions[0])).is_calendar:
        first, last = np.searchsorted(units.ends, begin, "right"), np.searchsorted(units.starts, end)
    else:
        first, last = np.searchsorted(units.starts, begin), np.searchsorted(units.ends, end, "right")
    return slice(int(first), int(last))
