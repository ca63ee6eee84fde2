"""The newest values, what was believed before, chosen columns, and the windows that were asked for, over the REST API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.access.models import AccessScope
from app.collection.models import CollectionRun, Outcome
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.sources.source import FetchStatistics
from app.web.problem_types import ProblemType
from tests.support.api_factory import ServedApi, served_api
from tests.support.store_factory import DE_LU, FR, LEARNED, block, hour, hours, key


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    """Load of two areas on 2024-01-01, of which hour 3 of DE_LU was corrected and hour 4 vanished; a series without values."""
    async with served_api(database_url, sandbox=False) as served:
        store = served.container.storage().time_series()
        await store.store([block([10.5, 11, 12, 13, 14, 15])], learned_at=LEARNED)
        await store.store(
            [block({0: 10.5, 1: 11, 2: 12, 3: 99, 5: 15})],
            learned_at=LEARNED + timedelta(hours=1),
            answered=hours(0, 6),
        )
        await store.store([block([50.0] * 48, key(area=FR), filled=[47])], learned_at=LEARNED)
        await store.store([block([1.0], key("generation_actual"))], learned_at=LEARNED)
        await store.store(
            [block({30: 2.0}, key("generation_actual"))], learned_at=LEARNED + timedelta(hours=1), answered=hours(0, 48)
        )
        yield served


async def page(client: httpx.AsyncClient, path: str, **parameters: Any) -> dict[str, Any]:
    answer = await client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_newest_value_of_each_series_comes_in_one_answer(api: ServedApi) -> None:
    async with api.client() as client:
        rows = (await page(client, "/observations/latest"))["data"]
        assert [(one["item"], one["area"], one["delivery_start"], one["value"], one["filled"]) for one in rows] == [
            ("load_actual", "DE_LU", "2024-01-01T05:00:00Z", 15.0, False),
            ("load_actual", "FR", "2024-01-02T23:00:00Z", 50.0, True),
            ("generation_actual", "DE_LU", "2024-01-02T06:00:00Z", 2.0, False),
        ]
        assert rows[0]["recorded_at"] == "2024-02-01T12:00:00Z"
        before = (await page(client, "/observations/latest", to="2024-01-01T05:00Z", item="load_actual"))["data"]
        assert [one["delivery_start"] for one in before] == ["2024-01-01T03:00:00Z", "2024-01-01T04:00:00Z"]
        # Its value of the day before has vanished.
        assert (await page(client, "/observations/latest", to="2024-01-02", item="generation_actual"))["data"] == []
        first = await page(client, "/observations/latest", limit=2)
        assert first["data"] + (await page(client, "/observations/latest", next=first["next"]))["data"] == rows
        wrong = await client.get("/observations/latest", params={"to": "soon"})
        assert wrong.json()["errors"][0]["field"] == "to"
    async with api.client(await api.key(areas=(FR,))) as limited:
        assert [one["area"] for one in (await page(limited, "/observations/latest"))["data"]] == ["FR"]


async def test_everything_that_was_believed_is_told_with_its_instants(api: ServedApi) -> None:
    wanted = {"from": "2024-01-01T02:00Z", "to": "2024-01-01T05:00Z"}
    async with api.client() as client:
        found = await page(client, "/series/1/revisions", **wanted)
        assert [tuple(one.values()) for one in found["data"]] == [
            ("2024-01-01T02:00:00Z", "PT60M", 12.0, False, "2024-02-01T12:00:00Z", None),
            ("2024-01-01T03:00:00Z", "PT60M", 13.0, False, "2024-02-01T12:00:00Z", "2024-02-01T13:00:00Z"),
            ("2024-01-01T03:00:00Z", "PT60M", 99.0, False, "2024-02-01T13:00:00Z", None),
            ("2024-01-01T04:00:00Z", "PT60M", 14.0, False, "2024-02-01T12:00:00Z", "2024-02-01T13:00:00Z"),
            ("2024-01-01T04:00:00Z", "PT60M", None, False, "2024-02-01T13:00:00Z", None),
        ]
        rows: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            part = await page(client, "/series/1/revisions", limit=2, **wanted, **cursor)
            rows += part["data"]
            if part["next"] is None:
                break
            cursor = {"next": part["next"]}
        assert rows == found["data"]
        assert (await client.get("/series/999/revisions")).status_code == 404
        long = await client.get("/series/1/revisions", params={"from": "1991-01-01"})
        assert long.json()["type"] == ProblemType.LIMIT_EXCEEDED.uri
    async with api.client(await api.key(areas=(FR,))) as limited:
        assert (await limited.get("/series/1/revisions", params=wanted)).status_code == 404


async def test_the_columns_are_those_that_are_named(api: ServedApi) -> None:
    asked = {
        "area": "FR",
        "item": "load_actual",
        "from": "2024-01-01",
        "to": "2024-01-01T02:00Z",
        "tz": "Europe/Berlin",
    }
    async with api.client() as client:
        csv = await client.get(
            "/observations", params={**asked, "format": "csv", "fields": "value,area,delivery_start"}
        )
        assert (
            csv.text == "value,area,delivery_start\n50,FR,2024-01-01T01:00:00+01:00\n50,FR,2024-01-01T02:00:00+01:00\n"
        )
        rows = await page(client, "/observations", **asked, fields=["area", "unit"])
        assert rows["data"] == [{"area": "FR", "unit": ""}] * 2
        days = await page(client, "/observations", **asked, resolution="P1D", min_coverage=0, fields="value,coverage")
        assert [list(one) for one in days["data"]] == [["value", "coverage"]]
        for wrong, said in (
            ({"fields": "valeu"}, "did you mean value"), ({"fields": "coverage"}, "it has delivery_start"),
            ({"fields": "value", "shape": "wide"}, "the columns of `shape=wide`"),
        ):  # fmt: skip
            refused = (await client.get("/observations", params=asked | wrong)).json()
            assert (refused["errors"][0]["field"], said in refused["detail"]) == ("fields", True), refused


async def test_the_windows_that_were_asked_for_are_listed_with_what_came_of_each(api: ServedApi) -> None:
    record, now = api.container.storage().runs(), datetime.now(UTC)
    for number, outcome in enumerate([Outcome.STORED, Outcome.EMPTY, Outcome.FAILED]):
        done = now - timedelta(minutes=3 - number)
        await record.add(
            CollectionRun(
                "entsoe", DataItem.LOAD_ACTUAL, find_place("FR"), Interval(hour(0), hour(24)), done, done, outcome,
                FetchStatistics(requests=1), received=7 * (outcome is Outcome.STORED), error_message="no answer",
            )
        )  # fmt: skip
    async with api.client() as client:
        found = await page(client, "/runs/windows")
        assert [(one["id"], one["area"], one["outcome"], one["received"]) for one in found["data"]] == [
            (3, "FR", "failed", 0), (2, "FR", "empty", 0), (1, "FR", "stored", 7),
        ]  # fmt: skip
        assert [one["id"] for one in (await page(client, "/runs/windows", outcome="failed", area="FR"))["data"]] == [3]
        first = await page(client, "/runs/windows", limit=1)
        second = await page(client, "/runs/windows", limit=1, next=first["next"])
        assert first["data"] + second["data"] == found["data"][:2]
        assert (await page(client, "/runs/windows", to="-1d"))["data"] == []
    async with api.client(await api.key(AccessScope.READ, areas=(DE_LU,))) as limited:
        assert (await page(limited, "/runs/windows"))["data"] == []
