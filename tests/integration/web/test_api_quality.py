"""Scores and findings over the REST API: as of the last scan, accepted and looked at again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from app.access.models import AccessScope
from app.web.api.cursors import encode_cursor
from app.web.problem_types import ProblemType
from tests.support.api_factory import served_api
from tests.support.quality_series import load
from tests.support.quality_world import QualityWorld, at
from tests.support.store_factory import DE_LU

DAYS = 60
END = int(datetime.now(UTC).timestamp()) // 86_400 * 86_400


async def data(client: httpx.AsyncClient, path: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = await client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_findings_are_listed_accepted_and_looked_at_again(database_url: str) -> None:
    series = replace(load(DAYS), start=END - DAYS * 86_400)
    series.values[-50] = -5.0
    async with (
        served_api(database_url) as api,
        api.client(await api.key(AccessScope.OPERATE, name="operator")) as client,
    ):
        await QualityWorld(api.container.database()).store(series, learned=at(END))
        assert await data(client, "/quality/scores") == []
        await api.container.quality().service().scan_recent(DAYS, datetime.now(UTC))
        scores = await data(client, "/quality/scores", area="FR", **{"from": "-5d", "to": "yesterday"})
        assert (sum(one["violating"] for one in scores), {one["area"] for one in scores}) == (1, {"FR"})
        assert [one["day"] for one in scores] == sorted(one["day"] for one in scores)
        assert await data(client, "/quality/scores", item="price_day_ahead") == []
        [finding] = await data(client, "/quality/findings", state="open", **{"from": "-60d"})
        first = (await client.get("/quality/findings", params={"from": "-60d", "limit": 1})).json()
        beyond = encode_cursor((-finding["id"],))
        assert (first["data"], first["next"]) == ([finding], None)
        assert await data(client, "/quality/findings", next=beyond, **{"from": "-60d"}) == []
        path = f"/quality/findings/{finding['id']}"
        rechecked = (await client.post(f"{path}/recheck")).json()
        assert (rechecked["finding"]["state"], rechecked["scan"]["series"]) == ("open", 1)
        empty = await client.post(f"{path}/accept", json={"note": " "})
        assert (empty.status_code, empty.json()["errors"][0]["field"]) == (422, "note")
        accepted = (await client.post(f"{path}/accept", json={"note": "a strike"})).json()
        assert (accepted["state"], accepted["note"], accepted["noted_by"]) == ("accepted", "a strike", "operator")
        assert await data(client, "/quality/findings", state="open", **{"from": "-60d"}) == []
        gone = (await client.post("/quality/findings/999/recheck")).json()
        assert (gone["type"], "GET /api/v1/quality/findings lists" in gone["detail"]) == (
            ProblemType.NOT_FOUND.uri,
            True,
        )
        wrong = (await client.get("/quality/findings", params={"to": "soon"})).json()
        assert wrong["errors"][0]["field"] == "to"
        async with api.client(await api.key(areas=(DE_LU,))) as limited:
            assert await data(limited, "/quality/findings", **{"from": "-60d"}) == []
            assert (await limited.get("/quality/scores", params={"area": "FR"})).status_code == 403
