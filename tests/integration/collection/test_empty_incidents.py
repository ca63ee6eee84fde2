"""A source that says "no matching data" to everybody: noticed, ended, and nothing of it believed."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.collection.empty_incidents import EmptyIncidents, ExpectedWindow, incident_begins, incident_ends
from app.collection.gaps.classification import Reason
from app.collection.gaps.windows import AskEvidence
from app.collection.repository import IncidentRepository
from app.market.series import DataItem
from app.sources.source import Fetched
from tests.support.gap_world import MakeWorld, Published, World, at, span, world_on
from tests.support.services import correction_service

NOW = at("20T12:00")


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[MakeWorld]:
    async with world_on(database_url) as make:
        yield make


def windows(text: str) -> list[ExpectedWindow]:
    """`x` is empty, `o` has data; one each minute."""
    return [ExpectedWindow(NOW + timedelta(minutes=number), letter == "x") for number, letter in enumerate(text)]


@pytest.mark.parametrize(
    ("answers", "begins"),
    [("", None), ("xxxx", None), ("xxxxx", 0), ("ooxxxxx", 2), ("xxxxxo", 0), ("xxxxxoo", None), ("oxoxoxoxox", None)],
)
def test_many_empty_windows_at_once_are_an_incident(answers: str, begins: int | None) -> None:
    assert incident_begins(windows(answers)) == (None if begins is None else NOW + timedelta(minutes=begins))


@pytest.mark.parametrize(
    ("answers", "ends"), [("xxxxx", None), ("xxxxxoo", None), ("xxxxxooo", 5), ("xxoxxoooo", 5), ("ooo", 0)]
)
def test_it_is_over_with_the_first_of_three_answers_with_data(answers: str, ends: int | None) -> None:
    assert incident_ends(windows(answers)) == (None if ends is None else NOW + timedelta(minutes=ends))


async def incidents(one: World) -> list[tuple[object, ...]]:
    return await one.rows("select began_at, ended_at, windows from empty_incidents")


async def test_what_was_empty_in_an_incident_is_asked_for_again_when_it_is_over(world: MakeWorld) -> None:
    one = world(Published(span("2023-01-01", "2024-04-01")))
    watch = EmptyIncidents(IncidentRepository(one.database))
    # Another item of the area has values of all these years.
    beside = world(Published(span("2023-01-01", "2024-04-01")), item=DataItem.GENERATION_ACTUAL)
    await beside.ask("19T00:00", "2023-01-01", "19T00:00")
    await one.ask("19T00:00", "10T00:00", "19T00:00")
    assert await watch.look(at("19T00:10")) == ""
    answer = one.source._answer
    one.source._answer = lambda *_: Fetched([])
    months = [f"2023-{number:02}-01" for number in range(1, 8)]
    for number, (first, last) in enumerate(itertools.pairwise(months)):
        await one.ask(f"20T12:0{number}", first, last)
    told = await watch.look(at("20T12:10"))
    assert told.startswith("6 windows came back empty although values are expected there: load_actual FR")
    assert await incidents(one) == [(at("20T12:00"), None, 6)]
    gaps = await one.gaps("20T12:10", "2023-01-01", "2023-07-01")
    assert {(gap.reason, gap.evidence) for gap in gaps} == {(Reason.LATE, AskEvidence.EMPTY)}
    one.source._answer = answer
    assert await watch.look(at("20T12:20")) != ""
    for minute in (30, 31, 32):
        await one.ask(f"20T12:{minute}", "10T00:00", "19T00:00")
    assert "asked for again" in await watch.look(at("20T12:40"))
    assert await incidents(one) == [(at("20T12:00"), at("20T12:30"), 6)]
    gaps = await one.gaps("20T12:40", "2023-01-01", "2023-07-01")
    assert {gap.reason for gap in gaps} == {Reason.OURS}
    assert max(gap.next_ask for gap in gaps) <= at("20T12:40")
    assert await watch.look(at("20T12:50")) == ""


async def test_questions_for_what_is_known_to_be_missing_are_no_incident(world: MakeWorld) -> None:
    holes = [(span(f"{day:02}T05:00", f"{day:02}T06:00"), None) for day in range(2, 12)]
    one = world(Published(span("2024-01-01", "2024-04-01"), holes=holes))
    await one.ask("19T00:00", "2024-01-01", "19T00:00")
    for day in range(2, 12):
        await one.ask("19T01:00", f"{day:02}T05:00", f"{day:02}T06:00")
    for day in range(2, 12):
        await one.ask("20T12:00", f"{day:02}T05:00", f"{day:02}T06:00")
    assert await EmptyIncidents(IncidentRepository(one.database)).look(at("20T12:10")) == ""


async def test_an_item_that_an_area_never_had_is_no_incident(world: MakeWorld) -> None:
    one = world()
    beside = world(Published(span("2024-01-01", "2024-04-01")), item=DataItem.GENERATION_ACTUAL)
    await beside.ask("19T00:00", "2024-01-01", "19T00:00")
    for day in range(2, 12):
        await one.ask("20T12:00", f"{day:02}T05:00", f"{day:02}T06:00")
    assert await EmptyIncidents(IncidentRepository(one.database)).look(at("20T12:10")) == ""


async def test_stored_values_that_came_back_empty_in_an_incident_are_asked_for_again(world: MakeWorld) -> None:
    from app.collection.models import CollectionRequest

    one = world(Published(span("2024-01-01", "2024-04-01")))
    await one.ask("19T00:00", "10T00:00", "19T00:00")
    one.source._answer = lambda *_: Fetched([])
    await one.ask("19T02:50", "10T00:00", "19T00:00")
    again = correction_service(one.database)
    request = CollectionRequest(one.item, one.place, span("10T00:00", "19T00:00"))
    assert await again.again([request], at("19T03:10")) == []
    await one.rows(
        "insert into empty_incidents (began_at, windows, summary) values ('2024-03-19T02:00Z', 9, '') returning 1"
    )
    assert len(await again.again([request], at("19T03:10"))) == 1
