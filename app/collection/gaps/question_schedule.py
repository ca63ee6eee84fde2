"""When a value is asked for again: one schedule for what is missing and for what is stored. Pure.

The distance to the next question follows from the value and from the last answer that covered it, never from a
calendar of jobs: so nobody's question is lost on anybody else's, a run that failed is no answer, and distances grow
with the age of the value and never end. Instants are seconds since 1970, distances seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from app.market.time import MARKET_ZONE, from_local, local_day
from app.settings import GapSettings

MINUTE, HOUR, DAY = 60, 3600, 86_400
AGES = np.array([15, 30, 60, 120, 240, 480, 720], np.int64) * MINUTE
"""Ages after its deadline at which a value that is not there is asked for again; then by `_tail`."""
AGES_OF_HISTORY = np.array([60, 120, 240, 480, 720], np.int64) * MINUTE
"""The same after the first answer, for what is asked for the first time when its deadline is long past."""
LONG_PAST = DAY
SHORTEST_PAUSE = 15 * MINUTE
LONGEST_PAUSE_OF_OURS = 30 * MINUTE
STEADY_PAUSE = 18 * HOUR
"""With a job that looks every four hours, a value waits for less than a day."""
PART_OF_AGE, PART_OF_TIME_ASKED = 16, 4
"""A question costs the more, and brings the less, the older a value is: distances are a part of its age."""


@dataclass(frozen=True, slots=True)
class AskPolicy:
    """How many answers without a value settle that the source does not have it, and how long it is asked for daily.

    `asks` answers count, each at a greater distance than the one before; within `horizon` after the deadline a value is
    asked for at least once a day.
    """

    asks: int = 6
    horizon: timedelta = timedelta(days=7)

    @classmethod
    def of(cls, settings: GapSettings) -> Self:
        return cls(settings.asks, timedelta(days=settings.horizon_days))


def distance_to_count(answers: NDArray[np.int64]) -> NDArray[np.int64]:
    """How long after the last answer that counted the next one has to come to count too, after so many of them."""
    doubled = SHORTEST_PAUSE << np.clip(answers - 1, 0, 6)
    return np.where(answers == 0, 0, np.minimum(doubled, DAY))


def answers_that_count(asked_at: Iterable[int]) -> int:
    """How many of the answers without a value, in the order in which they were asked for, prove something."""
    counted, last = 0, 0
    for moment in asked_at:
        if moment - last >= int(distance_to_count(np.array(counted, np.int64))):
            counted, last = counted + 1, moment
    return counted


def next_of_missing(
    due_at: NDArray[np.int64],
    first_answer: NDArray[np.int64],
    last_asked: NDArray[np.int64],
    patience: AskPolicy,
) -> NDArray[np.int64]:
    """When a value that the last answer lacked is asked for again; `first_answer` is the first since it was due.

    Early by its age, so that whoever else asks in between does not use up the questions. What was long past when it was
    first answered for has its ages from then on.
    """
    old = first_answer - due_at > LONG_PAST
    begin = np.where(old, first_answer, due_at)
    asked_for = np.maximum(last_asked - begin, 0)
    early = np.where(old, _following(AGES_OF_HISTORY, asked_for), _following(AGES, asked_for))
    tail = last_asked + _tail(last_asked - due_at, asked_for, int(patience.horizon.total_seconds()))
    found: NDArray[np.int64] = np.where(early > 0, np.maximum(begin + early, last_asked + SHORTEST_PAUSE), tail)
    return found


def next_of_ours(last_asked: NDArray[np.int64], attempts: NDArray[np.int64]) -> NDArray[np.int64]:
    """When a value whose last question failed is asked for again: soon, because all attempts may have met an outage."""
    doubled = SHORTEST_PAUSE << np.clip(attempts - 1, 0, 4)
    found: NDArray[np.int64] = last_asked + np.minimum(doubled, LONGEST_PAUSE_OF_OURS)
    return found


def _following(ages: NDArray[np.int64], asked_for: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first of the ages that the last question has not reached; 0 past all of them."""
    position = np.searchsorted(ages, asked_for, "right")
    return np.where(position < len(ages), ages[np.minimum(position, len(ages) - 1)], 0)


def _tail(age: NDArray[np.int64], asked_for: NDArray[np.int64], horizon: int) -> NDArray[np.int64]:
    grown = np.minimum(age // PART_OF_AGE, asked_for // PART_OF_TIME_ASKED)
    return np.maximum(STEADY_PAUSE, np.where(age < horizon, 0, grown))


PRICE_SLOTS = tuple(
    time.fromisoformat(text)
    for text in (
        "03:20", "08:30", "09:20", "10:10", "11:00", "11:50", "13:40", "14:30", "15:20", "16:10", "17:00", "22:10",
    )
)  # fmt: skip
"""Market times at which prices of today and tomorrow are asked for again: 12 a day, less than an hour apart while people
work; from 12:45 on the search for tomorrow's prices asks for both days. Twelve cannot be hourly: the two of the night
divide it evenly."""
FRESH_WORKING_DAYS = 5
"""Most corrections come within so many working days; a Friday is corrected on Monday."""
PART_OF_AGE_STORED = 8
SHORTEST_FRESH, LONGEST_FRESH = 3 * HOUR, 7 * DAY
LIVELY, QUIET = 0.25, 8
"""A pair whose questions found a correction that often is asked twice as often; never in so many, half as often."""


@dataclass(frozen=True, slots=True)
class AskPace:
    """How an item is asked for again where values are stored, or may appear before they are due.

    `fresh`: the distance while delivery is ahead and for `FRESH_WORKING_DAYS` after it. `slots`: asked at `PRICE_SLOTS`
    instead. `costs`: requests that a week of it takes; what costs more is asked for less often.
    """

    fresh: int
    slots: bool = False
    costs: int = 1


def pace_of(unit: timedelta, *, price: bool, longest_window: timedelta) -> AskPace:
    """A week in seven questions for what is a week long, never below three hours; `unit` is that of the values."""
    costs = max(1, -(-timedelta(days=7) // longest_window))
    fresh = min(max(SHORTEST_FRESH, int(unit.total_seconds()) // 7), LONGEST_FRESH)
    return AskPace(fresh * costs, slots=price, costs=costs)


def eagerness(questions: int, found: int) -> float:
    """How much more often than others a pair is asked for, by what its questions about older values have found."""
    if found and found >= LIVELY * questions:
        return 2.0
    return 0.5 if not found and questions >= QUIET else 1.0


def next_of_stored(
    ends: NDArray[np.int64], last_answer: NDArray[np.int64], pace: AskPace, eager: float = 1.0
) -> NDArray[np.int64]:
    """When stored values are asked for again: `ends` of their delivery, `last_answer` that covered them (0 for none)."""
    fresh = working_seconds(ends, last_answer) < FRESH_WORKING_DAYS * DAY
    grown = ((last_answer - ends) // PART_OF_AGE_STORED * pace.costs / eager).astype(np.int64)
    pause = np.where(fresh, pace.fresh, np.maximum(pace.fresh, grown))
    if not pace.slots:
        return np.where(last_answer == 0, 0, last_answer + pause)
    return np.where(last_answer == 0, 0, _next_slots(last_answer + np.where(fresh, 0, pause)))


def working_seconds(begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Seconds of Monday to Friday in between, in winter time of the market; negative where the end comes first."""
    return _working(ends) - _working(begins)


def _working(instants: NDArray[np.int64]) -> NDArray[np.int64]:
    local = instants + HOUR + 3 * DAY  # 1970 began on a Thursday
    weeks, inside = local // (7 * DAY), local % (7 * DAY)
    return weeks * 5 * DAY + np.minimum(inside, 5 * DAY)


def _next_slots(instants: NDArray[np.int64]) -> NDArray[np.int64]:
    distinct, inverse = np.unique(instants, return_inverse=True)
    return np.array([_next_slot(int(one)) for one in distinct], np.int64)[inverse]


def _next_slot(instant: int) -> int:
    today = local_day(datetime.fromtimestamp(instant, UTC), MARKET_ZONE)
    slots = (
        int(from_local(datetime.combine(today + timedelta(days=days), clock), MARKET_ZONE).timestamp())
        for days in (0, 1)
        for clock in PRICE_SLOTS
    )
    return next(slot for slot in slots if slot > instant)


def ripe_spans(next_question: NDArray[np.int64], last_answer: NDArray[np.int64], now: int) -> list[tuple[int, int]]:
    """Stretches of adjacent cells, first and one past the last, that are to be asked for now.

    A question for a cell whose time has come takes its neighbours with it that have waited for half of theirs, so that
    they share the next one too: that is why asking for a whole week costs no more than for an hour.
    """
    ripe = next_question <= now
    taken = ripe | (now - last_answer >= next_question - now)
    bounds = np.flatnonzero(np.diff(np.concatenate([[False], taken, [False]]).astype(np.int8)))
    spans = zip(bounds[::2].tolist(), bounds[1::2].tolist(), strict=True)
    return [(first, last) for first, last in spans if ripe[first:last].any()]
