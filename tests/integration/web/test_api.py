"""Conventions that every route of the REST API keeps, on a real server and a real database."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.market.areas import areas
from app.web.problem_types import ProblemType, problem_texts
from tests.support.api_factory import ServedApi, served_api


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    async with served_api(database_url) as served:
        yield served


def is_problem(answer: httpx.Response, kind: ProblemType) -> dict[str, Any]:
    content: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, content["type"]) == (kind.status.value, kind.uri), content
    assert content["request_id"] == answer.headers["x-request-id"]
    return content


async def test_pages_follow_one_another_by_their_cursors_and_links(api: ServedApi) -> None:
    async with api.client() as client:
        codes: list[str] = []
        url = "/areas?limit=17"
        while url:
            answer = await client.get(url)
            page = answer.json()
            codes += [area["code"] for area in page["data"]]
            assert len(page["data"]) <= 17
            link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("link", ""))
            assert (link is None) == (page["next"] is None)
            url = link[1] if link else ""
    assert codes == sorted(areas())


@pytest.mark.parametrize("cursor", ["x", "WzFd", "bnVsbA", "é", "W10", "a" * 3000])
async def test_a_cursor_of_something_else_is_refused(api: ServedApi, cursor: str) -> None:
    async with api.client() as client:
        content = is_problem(await client.get("/areas", params={"next": cursor}), ProblemType.INVALID_REQUEST)
    assert [error["field"] for error in content["errors"]] == ["next"]


@pytest.mark.parametrize(
    ("query", "kind", "field", "said"),
    [
        ("limt=3", ProblemType.UNKNOWN_PARAMETER, "limt", "did you mean limit?"),
        ("QQQQ=x", ProblemType.UNKNOWN_PARAMETER, "QQQQ", "it has limit, next"),
        ("limit=3&limit=4", ProblemType.UNKNOWN_PARAMETER, "limit", "once only"),
        ("limit=0", ProblemType.INVALID_REQUEST, "limit", "it must be 1 or more"),
        ("limit=many", ProblemType.INVALID_REQUEST, "limit", "no whole number"),
        ("limit=1001", ProblemType.LIMIT_EXCEEDED, "limit", "GRIDKEEPER_API__PAGE_ROWS"),
        ("next=%00", ProblemType.INVALID_REQUEST, "next", "null character"),
    ],
)
async def test_a_wrong_parameter_is_named_with_the_remedy(
    api: ServedApi, query: str, kind: ProblemType, field: str, said: str
) -> None:
    async with api.client() as client:
        content = is_problem(await client.get(f"/areas?{query}"), kind)
    assert [error["field"] for error in content["errors"]] == [field]
    assert said in content["detail"]


async def test_what_is_not_there_is_a_problem_that_leads_on(api: ServedApi) -> None:
    async with api.client() as client:
        assert "/api/docs" in is_problem(await client.get("/nothing"), ProblemType.NOT_FOUND)["detail"]
        for path, methods in (
            ("/areas", "GET"),
            ("/keys", "GET, POST"),
            ("/keys/me", "DELETE, GET"),
            ("/jobs/x/run", "POST"),
        ):
            answer = await client.put(path)
            assert f"it has {methods}" in is_problem(answer, ProblemType.METHOD_NOT_ALLOWED)["detail"]
            assert answer.headers["allow"] == methods


async def test_every_kind_of_problem_has_a_text_where_its_type_leads(api: ServedApi) -> None:
    assert list(problem_texts()) == [kind.value for kind in ProblemType]
    async with httpx.AsyncClient(base_url=api.url) as client:
        for kind in ProblemType:
            answer = await client.get(kind.uri)
            assert answer.text.startswith(f"# {kind.value}\n")
            assert f"{kind.status.value}. " in answer.text
        unknown = await client.get("/api/v1/problems/nope")
    assert (unknown.status_code, "no problem 'nope'" in unknown.json()["detail"]) == (404, True)


async def test_a_request_keeps_its_number_and_an_unfit_one_gets_another(api: ServedApi) -> None:
    async with api.client() as client:
        assert (await client.get("/areas", headers={"X-Request-ID": "job-7"})).headers["x-request-id"] == "job-7"
        made = (await client.get("/areas", headers={"X-Request-ID": "a b!"})).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)


async def test_head_is_answered_as_get_without_a_body(api: ServedApi) -> None:
    async with api.client() as client:
        got, head = await client.get("/areas"), await client.head("/areas")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(got.content))


async def test_answers_say_nothing_that_browsers_could_misuse(api: ServedApi) -> None:
    async with httpx.AsyncClient(base_url=api.url) as client:
        for path in ("/api/v1/areas", "/api/docs", "/health/live", "/api/v1/nothing"):
            headers = (await client.get(path)).headers
            assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost:8080", True),
        ("127.0.0.1", True),
        ("[::1]:80", True),
        ("10.1.2.3", True),
        ("data.example.org", True),
        ("DATA.example.org.", True),
        ("evil.example.org", False),
        ("localhost.evil.org", False),
        ("evil@localhost", False),
        ("", False),
    ],
)
async def test_a_host_that_is_not_ours_is_refused(database_url: str, host: str, *, known: bool) -> None:
    async with served_api(database_url, api={"hosts": "data.example.org"}) as api, api.client() as client:
        answer = await client.get("/areas", headers={"Host": host})
        if known:
            assert answer.status_code == 200
        else:
            is_problem(answer, ProblemType.WRONG_HOST)
        health = await client.get(f"{api.url}/health/live", headers={"Host": host or "x"})
        assert health.status_code == 200


async def test_pages_of_named_origins_may_ask(database_url: str) -> None:
    async with (
        served_api(database_url, api={"origins": "https://notebooks.example.org"}) as api,
        api.client() as client,
    ):
        for origin, allowed in (("https://notebooks.example.org", True), ("https://evil.example.org", False)):
            answer = await client.get("/areas", headers={"Origin": origin})
            assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


async def test_the_reference_needs_nothing_from_elsewhere(api: ServedApi) -> None:
    async with httpx.AsyncClient(base_url=api.url) as client:
        page = await client.get("/api/docs")
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(loaded) == 4
        for link in loaded:
            assert not urlsplit(link).netloc
            asset = await client.get(f"/api/{link}")
            assert asset.status_code == 200
            assert len(asset.content) > 100
        assert (await client.get("/api/docs/redoc.standalone.js")).status_code == 404
        assert "v1/openapi.json" in (await client.get("/api/docs/start.js")).text


async def test_the_document_describes_every_operation(api: ServedApi) -> None:
    document = await api.document()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/api/v1"}]
    named = [one["name"] for one in document["tags"]]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"]), where
            assert operation["description"].rstrip().endswith("."), where
            assert set(operation["tags"]) <= set(named), where
            errors = {status for status in operation["responses"] if status >= "400"}
            assert {"422", "429", "500", "503"} <= errors, where
            for status in errors:
                assert list(operation["responses"][status]["content"]) == ["application/problem+json"], where
            for parameter in operation.get("parameters", ()):
                assert parameter.get("description") or parameter["in"] == "path", f"{where}: {parameter['name']}"


async def test_limits_stand_in_the_document(database_url: str) -> None:
    async with served_api(database_url, api={"page_rows": 321}) as api:
        document = await api.document()
    [limit] = [one for one in document["paths"]["/areas"]["get"]["parameters"] if one["name"] == "limit"]
    assert limit["schema"]["maximum"] == 321
    assert "321 rows a page" in document["info"]["description"]
