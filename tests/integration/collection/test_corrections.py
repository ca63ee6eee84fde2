"""What is stored and to be asked for again, read from what was asked and what came."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.collection.models import CollectionRequest
from tests.support.gap_world import MakeWorld, Published, World, at, span, world_on
from tests.support.services import correction_service


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[MakeWorld]:
    async with world_on(database_url) as make:
        yield make


async def again(one: World, now: str) -> list[CollectionRequest]:
    request = CollectionRequest(one.item, one.place, span("2020-01-01", "20T00:00"))
    return await correction_service(one.database).again([request], at(now))


async def test_what_lies_between_old_and_new_values_and_was_never_asked_for_is_left_alone(world: MakeWorld) -> None:
    one = world(Published(span("2020-01-01", "2024-04-01")))
    await one.ask("19T00:00", "2022-01-01", "2022-02-01")
    await one.ask("19T00:00", "15T00:00", "19T00:00")

    assert await again(one, "19T01:00") == []
    later = [request.interval for request in await again(one, "2024-12-19T00:00")]
    assert [interval.start for interval in later] == [at("2022-01-01"), at("15T00:00")]
    assert [interval.end for interval in later] == [at("2022-02-01"), at("18T23:00")]


async def test_values_of_which_no_question_is_known_are_asked_for(world: MakeWorld) -> None:
    one = world(Published(span("2020-01-01", "2024-04-01")))
    await one.ask("19T00:00", "2022-01-01", "2022-01-08")
    await one.ask("19T00:00", "2022-01-15", "2022-01-20")
    await one.rows("delete from collection_runs returning 1")

    found = [request.interval for request in await again(one, "19T01:00")]
    assert found == [span("2022-01-01", "2022-01-08"), span("2022-01-15", "2022-01-20")]
