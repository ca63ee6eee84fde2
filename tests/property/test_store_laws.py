"""Laws of the store, on a real PostgreSQL, against a history kept in plain Python."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.db.engine import Database
from app.market.series import SeriesBlock
from app.market.time import Interval, Resolution
from app.settings import DatabaseSettings
from app.timeseries.repository import StoreResult, TimeSeriesRepository
from tests.support.store_factory import LEARNED, block, hour, hours, key, rows_of

MICROSECOND = timedelta(microseconds=1)
AREAS = (f"area {number}" for number in itertools.count())

Place = tuple[str, float, Resolution]  # series, hour, resolution


@dataclass(frozen=True)
class Answer:
    """One answer of the source: points in document order, when it was learned, what it covers."""

    points: Sequence[tuple[Place, float, bool]]
    learned_at: datetime
    answered: Interval | None

    def blocks(self, area: str) -> list[SeriesBlock]:
        return [
            block({at: value}, key(area=area, psr_type=series), resolution, filled=[at] if filled else [])
            for (series, at, resolution), value, filled in self.points
        ]


@dataclass
class Version:
    recorded_at: datetime
    value: float | None
    filled: bool


@dataclass
class History:
    """The model: every version of every place, oldest first."""

    versions: dict[Place, list[Version]] = field(default_factory=dict)

    def store(self, answer: Answer) -> StoreResult:
        incoming: dict[Place, tuple[float | None, bool]] = {place: (v, f) for place, v, f in answer.points}
        received, unique = len(answer.points), len(incoming)
        vanished = dict.fromkeys(self.missing(answer), (None, False))
        changed = {
            place: new
            for place, new in (incoming | vanished).items()
            if place not in self.versions or self.versions[place][-1].value != new[0]
        }
        replaced = [self.versions[place][-1].recorded_at for place in changed if place in self.versions]
        moment = max([answer.learned_at, *(recorded_at + MICROSECOND for recorded_at in replaced)])
        new = sum(place not in self.versions for place in changed)
        for place, (_, filled) in incoming.items():
            if place not in changed:
                self.versions[place][-1].filled = filled
        for place, (value, filled) in changed.items():
            self.versions.setdefault(place, []).append(Version(moment, value, filled))
        revised = len(changed) - new - len(vanished)
        return StoreResult(new, revised, unique - new - revised, len(vanished), received, received - unique)

    def missing(self, answer: Answer) -> list[Place]:
        """Places whose value is no longer in an answer that covers them."""
        series = {place[0] for place, _, _ in answer.points}
        incoming = {place for place, _, _ in answer.points}
        return [
            place
            for place, versions in self.versions.items()
            if place not in incoming and place[0] in series and versions[-1].value is not None
            if answer.answered is not None
            and hour(place[1]) >= answer.answered.start
            and hour(place[1]) + place[2].nominal <= answer.answered.end
        ]

    def as_of(self, moment: datetime) -> list[tuple[Place, Version]]:
        found = [
            (place, next((v for v in reversed(versions) if v.recorded_at <= moment), None))
            for place, versions in self.versions.items()
        ]
        known = [(place, version) for place, version in found if version and version.value is not None]
        return sorted(known, key=lambda pair: (pair[0][0], pair[0][1], pair[0][2].id))

    def instants(self) -> list[datetime]:
        moments = {version.recorded_at for versions in self.versions.values() for version in versions}
        return sorted(moments | {moment - MICROSECOND for moment in moments})


places = st.tuples(
    st.sampled_from(["B01", "B02"]),
    st.sampled_from([0.0, 1.0, 23.0, 24.0, 25.0]),
    st.sampled_from([Resolution.PT60M, Resolution.PT15M]),
)
points = st.tuples(places, st.sampled_from([0.0, 1.5, -2.25]), st.booleans())
answers = st.builds(
    Answer,
    st.lists(points, min_size=1, max_size=8),
    st.integers(-3, 3).map(lambda seconds: LEARNED + timedelta(seconds=seconds)),
    st.sampled_from([None, hours(0, 2), hours(0, 25), hours(0.5, 30)]),
)
histories = st.lists(answers, min_size=1, max_size=5)
laws = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Store:
    """The real store, driven from synchronous tests on one event loop."""

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.database = Database(DatabaseSettings(), url)
        self.repository = TimeSeriesRepository(self.database)

    def store(self, area: str, *answers: Answer) -> list[StoreResult]:
        """Stores the answers, all at once where there are several."""

        async def all_at_once() -> list[StoreResult]:
            return await asyncio.gather(
                *(
                    self.repository.store(answer.blocks(area), learned_at=answer.learned_at, answered=answer.answered)
                    for answer in answers
                )
            )

        return self._runner.run(all_at_once())

    def store_as(self, area: str, answer: Answer, question: int) -> StoreResult:
        """Stores the answer to a question of this number."""
        return self._runner.run(
            self.repository.store(
                answer.blocks(area), learned_at=answer.learned_at, answered=answer.answered, question=question
            )
        )

    def rows(self, area: str, as_of: datetime | None = None) -> list[tuple[datetime, str, float, bool, datetime]]:
        return self._runner.run(rows_of(self.repository, area, as_of=as_of))

    def count_differences(self) -> int:
        """Days whose count differs from the rows themselves."""

        async def count() -> int:
            async with self.database.connection() as connection:
                found = await connection.fetchval(COUNT_DIFFERENCES)
            return int(found)

        return self._runner.run(count())

    def close(self) -> None:
        self._runner.run(self.database.close())


COUNT_DIFFERENCES = """
    select count(*)
    from daily_counts
    full join (
        select series_id, (delivery_start at time zone 'UTC')::date as day, resolution, count(value) as present
        from observations
        group by 1, 2, 3
    ) as counted using (series_id, day, resolution)
    where stored is distinct from present
"""


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with asyncio.Runner() as runner:
        store = Store(database_url, runner)
        yield store
        store.close()


def expected(known: list[tuple[Place, Version]]) -> list[tuple[datetime, str, float | None, bool, datetime]]:
    return [(hour(at), r.code, v.value, v.filled, v.recorded_at) for (_, at, r), v in known]


@laws
@given(history=histories)
def test_the_store_equals_a_plain_history_at_every_instant(store: Store, history: list[Answer]) -> None:
    area, model = next(AREAS), History()
    for answer in history:
        assert store.store(area, answer) == [model.store(answer)]
    instants = model.instants()
    for moment in instants:
        found = store.rows(area, as_of=moment)
        # A change of `filled` alone is no version, so a model of versions cannot tell when it came.
        assert [row[:3] + row[4:] for row in found] == [row[:3] + row[4:] for row in expected(model.as_of(moment))]
        assert all(row[4] <= moment for row in found)
    latest = store.rows(area)
    assert latest == store.rows(area, as_of=instants[-1]) == expected(model.as_of(instants[-1]))
    assert store.count_differences() == 0


@laws
@given(history=histories)
def test_storing_the_last_answer_again_changes_nothing(store: Store, history: list[Answer]) -> None:
    area = next(AREAS)
    for answer in history:
        store.store(area, answer)
    before = store.rows(area)
    [again] = store.store(area, history[-1])
    assert (again.new, again.revised, again.vanished) == (0, 0, 0)
    assert store.rows(area) == before


@laws
@given(history=histories, answer=answers)
def test_two_stores_of_the_same_answer_at_once_end_as_one(store: Store, history: list[Answer], answer: Answer) -> None:
    area, model = next(AREAS), History()
    for earlier in history:
        store.store(area, earlier)
        model.store(earlier)
    once = model.store(answer)
    results = store.store(area, answer, answer)
    written = [(result.new, result.revised, result.vanished) for result in results]
    assert sorted(written) == sorted([(once.new, once.revised, once.vanished), (0, 0, 0)])
    assert store.rows(area) == expected(model.as_of(model.instants()[-1]))
    assert store.count_differences() == 0


def last_said(history: Sequence[Answer]) -> dict[Place, tuple[float | None, bool]]:
    """What the latest question that speaks of a place says of it: its value, or that there is none."""
    said: dict[Place, tuple[float | None, bool]] = {}
    for answer in history:
        series = {place[0] for place, _, _ in answer.points}
        for place in said:
            start, end = hour(place[1]), hour(place[1]) + place[2].nominal
            within = answer.answered and answer.answered.start <= start and end <= answer.answered.end
            if place[0] in series and within:
                said[place] = (None, False)
        said |= {place: (value, filled) for place, value, filled in answer.points}
    return {place: (value, filled) for place, (value, filled) in said.items() if value is not None}


@laws
@given(history=histories, data=st.data())
def test_in_whatever_order_answers_arrive_the_later_question_wins(
    store: Store, history: list[Answer], data: st.DataObject
) -> None:
    area = next(AREAS)
    for number in data.draw(st.permutations(range(len(history)))):
        result = store.store_as(area, history[number], 1 + number)
        parts = (result.new, result.revised, result.unchanged, result.superseded, result.duplicates)
        assert sum(parts) == result.received
    expected = [
        (series, hour(at), resolution.code, value, filled)
        for (series, at, resolution), (value, filled) in sorted(
            last_said(history).items(), key=lambda pair: (pair[0][0], pair[0][1], pair[0][2].id)
        )
    ]
    assert [row[:4] for row in store.rows(area)] == [row[1:] for row in expected]
    assert store.count_differences() == 0
