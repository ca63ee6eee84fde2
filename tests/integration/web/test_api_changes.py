"""Changes over the REST API: cursors that hold over restarts, waiting, filters, and what is wrong with a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.access.models import AccessScope
from app.timeseries.changes.schemas import ChangesResource
from app.web.api.cursors import encode_cursor
from app.web.problem_types import ProblemType
from tests.support.api_factory import ServedApi, served_api
from tests.support.change_mirror import holds_no_connection
from tests.support.store_factory import DE_LU, FR, block, hours, key


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    async with served_api(database_url, api={"changes_rows": 2000}) as served:
        yield served


async def changes(client: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:
    answer = await client.get("/changes", params=asked)
    assert answer.status_code == 200, answer.text
    ChangesResource.model_validate(answer.json())
    found: dict[str, Any] = answer.json()
    return found


async def test_a_reader_that_keeps_the_cursor_is_told_everything_once_over_restarts(database_url: str) -> None:
    async with served_api(database_url) as api, api.client() as client:
        store = api.container.storage().time_series()
        await store.store([block([1.5, 2, 3]), block([7], key(area=FR))])
        first = await changes(client, limit=2)
        assert first["data"][0] | {"recorded_at": ""} == {
            "series": 1, "change": "new", "delivery_start": "2024-01-01T00:00:00Z", "resolution": "PT60M",
            "value": 1.5, "previous": None, "filled": False, "recorded_at": "",
        }  # fmt: skip
        assert (len(first["data"]), first["more"], first["series"][0]["area"]) == (2, True, "DE_LU")
    async with served_api(database_url) as api, api.client() as client:
        await api.container.storage().time_series().store([block([1.5])], answered=hours(0, 2))
        second = await changes(client, after=first["next"])
        found = [(row["change"], row["value"], row["previous"]) for row in second["data"]]
        assert found == [("new", 3, None), ("new", 7, None), ("vanished", None, 2)]
        assert (second["more"], [one["area"] for one in second["series"]]) == (False, ["DE_LU", "FR"])
        last = await changes(client, after=second["next"])
        assert (last["data"], last["next"]) == ([], second["next"])
        assert (await changes(client, after="now"))["next"] == last["next"]


async def test_waiting_ends_with_a_change_and_holds_no_connection(api: ServedApi) -> None:
    async with api.client(timeout=30) as client:
        begin = await changes(client, after="now", wait=30)
        waiting = [asyncio.create_task(changes(client, after=begin["next"], wait=30)) for _ in range(8)]
        other = asyncio.create_task(changes(client, after=begin["next"], wait=1, area="FR"))
        assert await holds_no_connection(api.container.database())
        await api.container.storage().time_series().store([block([1])])
        assert [len(found["data"]) for found in await asyncio.gather(*waiting)] == [1] * 8
        skipped = await other
        assert (skipped["data"], skipped["next"] != begin["next"]) == ([], True)


async def test_a_limited_key_is_told_of_its_own_values(api: ServedApi) -> None:
    await api.container.storage().time_series().store([block([1]), block([7], key(area=FR))])
    async with api.client(await api.key(AccessScope.READ, areas=(FR,))) as client:
        found = await changes(client)
        assert ([row["value"] for row in found["data"]], [one["area_eic"] for one in found["series"]]) == ([7], [FR])
        assert (await client.get("/changes", params={"area": "DE_LU"})).status_code == 403
    async with api.client(await api.key()) as client:
        assert [row["value"] for row in (await changes(client, area=DE_LU, item="load_actual"))["data"]] == [1]


@pytest.mark.parametrize(
    ("asked", "kind", "said"),
    [
        ({"after": "nonsense"}, ProblemType.INVALID_REQUEST, "hand back `next`"),
        ({"after": encode_cursor([1, 2])}, ProblemType.INVALID_REQUEST, "another list"),
        ({"after": encode_cursor([1, 2**62, 1, 1, 1])}, ProblemType.INVALID_REQUEST, "no cursor"),
        ({"after": encode_cursor([1, 1, 2**40, 1, 1])}, ProblemType.INVALID_REQUEST, "no cursor"),
        ({"after": encode_cursor([7, 1, 1, 0, 0])}, ProblemType.GONE, "read all values, then follow"),
        ({"limit": 2001}, ProblemType.LIMIT_EXCEEDED, "GRIDKEEPER_API__CHANGES_ROWS"),
        ({"wait": 61}, ProblemType.INVALID_REQUEST, "wait"),
        ({"area": "XX"}, ProblemType.UNKNOWN_NAME, "XX"),
    ],
)
async def test_what_is_wrong_with_a_request(
    api: ServedApi, asked: dict[str, Any], kind: ProblemType, said: str
) -> None:
    async with api.client() as client:
        answer = await client.get("/changes", params=asked)
    assert (answer.status_code, answer.json()["type"]) == (kind.status.value, kind.uri)
    assert said in answer.json()["detail"]
