"""Websites over the REST API: the shortest client, what is refused, secrets, results and windows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.access.models import AccessScope
from app.probes.regions.repository import RecordedCheck
from app.probes.websites.models import CheckRecord
from app.probes.websites.state import CheckPolicy, after_check
from tests.support.api_factory import ServedApi, served_api

EXAMPLE = {"url": "https://example.com", "name": "Example Site", "enabled": True, "check_interval": 300}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
POLICY = CheckPolicy(timedelta(minutes=5), timedelta(seconds=30), 2, 2, timedelta(seconds=20), 0.5)


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    async with served_api(database_url) as served:
        yield served


@pytest.fixture
async def client(api: ServedApi) -> AsyncIterator[httpx.AsyncClient]:
    async with api.client(await api.key(AccessScope.OPERATE), timeout=60) as client:
        yield client


async def made(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post("/websites", json=EXAMPLE | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert found.pop("warnings") == []
    return found


async def test_the_shortest_client_works(api: ServedApi, client: httpx.AsyncClient) -> None:
    short = f"{api.url}/api/websites"
    answer = await client.post(short, content=json.dumps(EXAMPLE), headers=FORM)
    found = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, "/api/v1/websites/1"), answer.text
    assert found.pop("warnings") == []
    assert found.items() >= (EXAMPLE | {"id": 1, "status": "unknown", "failures": 2, "successes": 2}).items()
    assert (await client.get(f"{short}/1")).json() == found | {"seen_by": []}
    assert (await client.get(short)).json() == {"data": [found], "next": None}
    changed = await client.patch(f"{short}/1", content='{"enabled": false}', headers=FORM)
    assert changed.json().items() >= {"status": "paused", "name": "Example Site", "next_check_at": None}.items()
    of_page = FORM | {"Origin": "https://elsewhere.example"}
    assert (await client.post(short, content=json.dumps(EXAMPLE), headers=of_page)).status_code == 422
    assert (await client.delete(f"{short}/1")).status_code == 204
    assert [(await client.request(method, f"{short}/1")).status_code for method in ("GET", "DELETE")] == [404, 404]
    assert (await client.get("/websites")).json()["data"] == []


async def test_what_may_not_be_meant_is_taken_and_told(client: httpx.AsyncClient) -> None:
    await made(client)
    twin = EXAMPLE | {"url": "https://twin.example/", "labels": {"depends_on": "Gate"}}
    answer = await client.post("/websites", json=twin)
    assert (answer.status_code, answer.json()["warnings"]) == (
        201,
        [
            "the name 'Example Site' is that of website 1 too; commands take its number",
            "no website is called 'Gate' yet; until one is, depends_on explains nothing",
        ],
    )
    mended = await client.patch("/websites/2", json={"name": "Twin", "labels": {"depends_on": "Example Site"}})
    assert mended.json()["warnings"] == []
    plan = {"name": "x", "duration": "1h", "starts_at": "31.12.2040 22:00", "labels": {"group": "none"}}
    refused = await client.post("/websites/maintenance", json=plan)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "starts_at")
    planned = await client.post("/websites/maintenance", json=plan | {"zone": "Europe/Berlin"})
    assert planned.json()["starts_at"] == "2040-12-31T21:00:00Z"
    assert (planned.status_code, planned.json()["warnings"]) == (
        201, ["no website has the labels group=none yet; until one has, the maintenance is for none"]
    )  # fmt: skip
    for condition in ("status 999", "latency < 0 ms"):
        refused = await client.post(
            "/websites", json=EXAMPLE | {"url": "https://n.example/", "conditions": [condition]}
        )
        assert (refused.status_code, "can never be true" in refused.text) == (422, True)
    short = await client.patch("/websites/2", json={"timeout": 5, "conditions": ["latency > 8 s"]})
    assert (short.status_code, short.json()["errors"][0]["field"]) == (422, "conditions")


async def test_an_address_is_checked_once(client: httpx.AsyncClient) -> None:
    await made(client)
    again = await client.post("/websites", json=EXAMPLE | {"url": "HTTPS://EXAMPLE.com:443/", "name": "Twin"})
    assert again.status_code == 409
    assert "the website 1 ('Example Site') has this address already" in again.json()["detail"]
    other = await made(client, url="https://bücher.example/", name="Books")
    moved = await client.patch(f"/websites/{other['id']}", json={"url": "https://example.com/"})
    assert (moved.status_code, "1 ('Example Site')" in moved.json()["detail"]) == (409, True)
    assert (await client.get(f"/websites/{other['id']}")).json() == other | {"seen_by": []}
    assert (await client.delete("/websites/1")).status_code == 204
    assert (await made(client))["id"] > other["id"], "the address of a deleted website is free"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"intervall": 60}, "intervall"), ({"check_interval": 59}, "check_interval"),
        ({"check_interval": 3601}, "check_interval"), ({"url": "ftp://example.com"}, "url"), ({"url": "https://"}, "url"),
        ({"name": " "}, "name"), ({"method": "DELETE"}, "method"), ({"headers": {"a b": "c"}}, "headers"),
        ({"headers": {"X": "a\r\nb"}}, "headers"), ({"timeout": 60}, "timeout"), ({"failures": 0}, "failures"),
        ({"note": "\0"}, "note"), ({"labels": {"a-b": "c"}}, "labels"), ({"conditions": ["latency < soon"]}, "conditions.0"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_refused_by_name(client: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    created = await client.post("/websites", json=EXAMPLE | body)
    assert (created.status_code, [one["field"] for one in created.json()["errors"]]) == (422, [field]), created.text
    assert (await client.patch("/websites/1", json=body)).status_code == 422


async def test_secrets_are_kept_and_shown_to_nobody(api: ServedApi, client: httpx.AsyncClient) -> None:
    secrets = {"headers": {"Authorization": "Bearer s3cret", "Accept": "text/html"}, "method": "POST", "body": "s3cret"}
    shown = await made(client, **secrets)
    assert (shown["headers"], shown["body"]) == ({"Authorization": "***", "Accept": "text/html"}, "***")
    kept = await client.patch("/websites/1", json={"headers": {"authorization": "***", "X-Key": "s3cret too"}})
    assert kept.json()["headers"] == {"authorization": "***", "X-Key": "***"}
    stored = await api.container.probes().websites().read(1)
    assert stored.draft.headers == {"authorization": "Bearer s3cret", "X-Key": "s3cret too"}
    assert stored.draft.body == "s3cret"
    away = await client.patch("/websites/1", json={"url": "https://elsewhere.example"})
    assert (away.status_code, "another server" in away.json()["detail"]) == (422, True)
    unknown = await client.patch("/websites/1", json={"headers": {"X-Other": "***"}})
    assert (unknown.status_code, "X-Other" in unknown.json()["detail"]) == (422, True)
    answers = [await client.get(path) for path in ("/websites", "/websites/1")]
    answers += [away, unknown, kept]
    assert not any("s3cret" in answer.text for answer in answers)


async def test_results_and_windows_come_newest_first(api: ServedApi, client: httpx.AsyncClient) -> None:
    website_id = (await made(client))["id"]
    probes, now = api.container.probes(), api.container.clock().now()
    for number, reason in enumerate(["", "timeout", "timeout", "", "", "status", "status"]):
        found = await probes.websites().read(website_id)
        at = now + timedelta(minutes=number)
        step = after_check(found.state, POLICY, at, reason, now=at)
        check = CheckRecord(step.state.latest_at, not reason, reason, status=200, total_ms=12.5)
        assert await probes.website_rows().record([RecordedCheck(website_id, check, step)]) == {website_id}
    first = (await client.get(f"/websites/{website_id}/checks", params={"limit": 5})).json()
    rest = (await client.get(f"/websites/{website_id}/checks", params={"limit": 5, "next": first["next"]})).json()
    assert [row["reason"] for row in first["data"]] == ["status", "status", "", "", "timeout"]
    assert ([row["reason"] for row in rest["data"]], rest["next"]) == (["timeout", ""], None)
    windows = (await client.get(f"/websites/{website_id}/downtime")).json()["data"]
    assert [(row["kind"], row["reason"], row["ended_at"] is None) for row in windows] == [
        ("down", "status", True),
        ("down", "timeout", False),
    ]
    assert windows[1]["seconds"] == 120
    unknown = (await client.get(f"/websites/{website_id}/downtime", params={"kind": "unknown"})).json()
    assert len(unknown["data"]) == 1
    told = (await client.get(f"/websites/{website_id}/availability", params={"objective": 50})).json()
    assert (told["down_seconds"], told["incidents"], told["objective_percent"]) == (0, 0, 50), (
        "all of it is yet to come"
    )
    asked = (await client.post(f"/websites/{website_id}/check")).json()
    assert (asked["status"], asked["next_check_at"] <= asked["checked_at"]) == ("down", True)
    assert (await client.get("/websites/99/checks")).status_code == 404


async def test_maintenance_pauses_and_what_is_said_of_a_downtime(api: ServedApi, client: httpx.AsyncClient) -> None:
    found = await made(client)
    number = found["id"]
    for act, status in (("pause", "paused"), ("pause", "paused"), ("resume", "unknown")):
        answer = await client.post(f"/websites/{number}/{act}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    body = {"name": "move", "duration": "2h", "website_id": number, "starts_at": found["created_at"]}
    answer = await client.post("/websites/maintenance", json=body)
    said = answer.json()
    assert (said["id"], said["duration"], said["active"], said["cron"]) == (1, "2 h", True, ""), answer.text
    assert (await client.post("/websites/maintenance", json=body | {"cron": "0 3 * * *"})).status_code == 422
    assert (await client.post("/websites/maintenance", json=body | {"website_id": 99})).status_code == 404
    assert [one["id"] for one in (await client.get("/websites/maintenance")).json()["data"]] == [1]
    of_kind = (await client.get(f"/websites/{number}/downtime", params={"kind": "maintenance"})).json()["data"]
    assert [(one["kind"], one["reason"]) for one in of_kind] == [("maintenance", "move")]
    [line] = (await client.get("/reports/sla", params={"by_month": "1"})).json()
    assert (line["maintenance_seconds"] > 0, line["down_seconds"], line["objective_percent"]) == (True, 0, 99.9)
    assert (await client.get("/reports/sla", params={"zone": "Mars"})).status_code == 422
    assert (await client.delete("/websites/maintenance/1")).status_code == 204
    assert (await client.patch(f"/websites/{number}/downtime/1", json={"note": "x"})).status_code == 404
