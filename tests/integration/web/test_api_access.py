"""Who is let in: keys, scopes, limits, and what is kept of changes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.access.models import AccessScope
from app.errors import ConfigurationError
from app.web.problem_types import ProblemType
from tests.support.api_factory import ADMINISTRATOR, Document, ServedApi, served_api, some_path


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    async with served_api(database_url) as served:
        yield served


def operations(document: Document) -> list[tuple[str, str, list[dict[str, list[str]]]]]:
    """Every operation of the document: method, path with values, and its access."""
    return [
        (method.upper(), some_path(path), operation.get("security", []))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.mark.long
async def test_every_route_lets_in_whom_the_document_says_and_nobody_else(database_url: str) -> None:
    async with served_api(database_url, api={"failures_per_minute": 100_000}) as api:
        assert await wrongly_let_in(api) == []


async def wrongly_let_in(api: ServedApi) -> list[str]:
    """What was answered otherwise than the document says."""
    callers = {scope.value: await api.key(scope) for scope in AccessScope}
    callers |= {"expired": await api.expired_key(), "revoked": await api.revoked_key(), "none": "", "wrong": "gk_x"}
    found = operations(await api.document())
    assert len(found) >= 50
    wrong = []
    for method, path, security in found:
        needed = AccessScope(security[0]["key"][0]) if security else None
        for name, key in callers.items():
            # A stream of events does not end.
            async with api.client(key) as client, client.stream(method, path) as answer:
                status = answer.status_code
            refused = expected_refusal(name, needed)
            if (status in {401, 403}) != (refused is not None) or (refused and status != refused):
                wrong.append(f"{method} {path} with {name}: {status}")
    return wrong


def expected_refusal(name: str, needed: AccessScope | None) -> int | None:
    if needed is None:
        return None
    if name not in set(AccessScope):
        return 401
    return None if AccessScope(name).includes(needed) else 403


async def test_without_a_key_one_reads_on_this_machine_while_none_exists(api: ServedApi) -> None:
    async with api.client() as client:
        assert (await client.get("/areas")).status_code == 200
        forwarded = await client.get("/areas", headers={"X-Forwarded-For": "127.0.0.1"})
        assert forwarded.status_code == 401
        await api.key(name="one")
        await asyncio.sleep(1.1)
        refused = await client.get("/areas")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        await api.access.revoke("one", ADMINISTRATOR)
        await asyncio.sleep(1.1)
        assert (await client.get("/areas")).status_code == 401


async def test_reading_stays_open_on_this_machine_where_the_setting_says_so(database_url: str) -> None:
    async with served_api(database_url, api={"open_reading": True}) as api, api.client() as client:
        await api.key(name="one")
        assert (await client.get("/areas")).status_code == 200


@pytest.mark.parametrize(
    ("proxies", "hops", "status"),
    [("", "10.0.0.9", 401), ("127.0.0.1", "10.0.0.9", 401), ("127.0.0.1", "127.0.0.1", 401), ("127.0.0.1", "", 401),
     ("127.0.0.0/8", "::1, 127.0.0.3", 200), ("127.0.0.1", "127.0.0.1, 10.0.0.9", 401), ("127.0.0.1", "x", 401)],
)  # fmt: skip
async def test_whom_a_proxy_forwards_is_where_the_request_came_from(
    database_url: str, proxies: str, hops: str, status: int
) -> None:
    async with served_api(database_url, api={"proxies": proxies}) as api, api.client() as client:
        assert (await client.get("/areas", headers={"X-Forwarded-For": hops})).status_code == status


@pytest.mark.parametrize("user", ["", "anybody", "an é"])
async def test_tools_that_know_passwords_only_send_the_key_as_one(api: ServedApi, user: str) -> None:
    key = await api.key()
    async with api.client() as client:
        assert (await client.get("/areas", auth=(user, key))).status_code == 200
        assert (await client.get("/areas", auth=(key, user))).status_code == 401


@pytest.mark.parametrize(
    "header",
    ["Basic x", "Basic ====", "Bearer", "Digest x", "", "Basic " + base64.b64encode(b"\xff:x").decode()],
)
async def test_a_header_that_holds_no_key_is_no_error_of_ours(api: ServedApi, header: str) -> None:
    async with api.client() as client:
        answer = await client.get("/areas", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["type"]) == (401, ProblemType.NOT_AUTHENTICATED.uri)
    assert "not known" not in answer.json()["detail"]


async def test_whoever_guesses_has_to_wait_and_known_keys_go_on(database_url: str) -> None:
    async with served_api(database_url, api={"failures_per_minute": 5}) as api:
        key, fresh = await api.key(), await api.key()
        async with api.client(key) as client:
            assert (await client.get("/areas")).status_code == 200
            for number in range(5):
                guess = {"Authorization": f"Bearer gk_{number:043}"}
                assert (await client.get("/areas", headers=guess)).status_code == 401
            blocked = await client.get("/areas", headers={"Authorization": f"Bearer {fresh}"})
            assert blocked.status_code == 429
            assert 1 <= int(blocked.headers["retry-after"]) <= 12
            assert (await client.get("/areas")).status_code == 200


async def test_a_key_that_asks_too_often_is_told_when_to_ask_again(database_url: str) -> None:
    async with (
        served_api(database_url, api={"requests_per_minute": 6}) as api,
        api.client(await api.key()) as busy,
        api.client(await api.key()) as calm,
    ):
        assert (await busy.get("/areas")).status_code == 200
        last = await busy.get("/areas")
        assert last.status_code == 429
        assert 1 <= int(last.headers["retry-after"]) <= 10
        assert "GRIDKEEPER_API__REQUESTS_PER_MINUTE" in last.json()["detail"]
        assert (await calm.get("/areas")).status_code == 200


async def test_the_use_of_keys_is_counted(api: ServedApi) -> None:
    async with api.client(await api.key(name="reader")) as client:
        for _ in range(3):
            await client.get("/areas")
    [key] = await api.access.keys()
    assert (key.requests, key.last_used_from) == (3, "127.0.0.1")
    assert key.last_used_at is not None


async def test_no_secret_is_in_an_answer_a_log_line_or_the_database(api: ServedApi) -> None:
    key = await api.key()
    with capture_logs() as logs:
        async with api.client(key) as client:
            answers = [
                await client.get("/areas"),
                await client.get(f"/areas?key={key}"),
                await client.get(f"/areas?limit={key}"),
                await client.get(f"/areas?{key}=1"),
                await client.get(f"/{key}"),
                await client.get("/areas", headers={"Authorization": f"Bearer {key}x"}),
            ]
    shown = "".join(answer.text for answer in answers) + str(logs)
    assert key not in shown
    async with api.client(await api.key(AccessScope.ADMIN)) as admin:
        gone = await admin.delete(f"/keys/{key}", headers={"X-Request-ID": key})
        started = await admin.post(f"/jobs/{key}/run")
    assert key not in gone.text + str(gone.headers) + started.text
    async with api.container.database().connection() as connection:
        tables = ("api_keys", "api_audit", "api_requests")
        rows = [str(dict(row)) for name in tables for row in await connection.fetch(f"select * from {name}")]
    assert key[3:] not in "".join(rows)


async def test_a_service_that_lets_others_in_needs_a_key_first(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "first_key"
    for chosen, loopback in (({}, True), ({"first_key_file": file}, True), ({"first_key_file": file}, False)):
        async with served_api(database_url, api=chosen) as api:
            await api.access.open_for("here", loopback=loopback)
    assert file.stat().st_mode & 0o777 == 0o600
    async with served_api(database_url) as api, api.client(file.read_text().strip()) as client:
        assert (await client.get("/areas")).status_code == 200
        assert [(key.name, key.scope) for key in await api.access.keys()] == [("first", AccessScope.ADMIN)]
        await api.access.open_for("0.0.0.0", loopback=False)


async def test_a_service_that_lets_others_in_without_a_key_says_how_to_make_one(database_url: str) -> None:
    async with served_api(database_url) as api:
        with pytest.raises(
            ConfigurationError, match=r"api keys create NAME --scope read.*GRIDKEEPER_API__FIRST_KEY_FILE"
        ):
            await api.access.open_for("0.0.0.0", loopback=False)


@pytest.mark.parametrize(("content", "said"), [("hello", "holds no key"), ("", "is empty"), (None, "cannot be made")])
async def test_a_first_key_that_cannot_be_one_is_named_and_not_shown(
    database_url: str, tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / ("missing/key" if content is None else "key")
    if content is not None:
        file.write_text(content)
    async with served_api(database_url, api={"first_key_file": file}) as api:
        with pytest.raises(ConfigurationError, match=said) as error:
            await api.access.open_for("0.0.0.0", loopback=False)
    assert "hello" not in str(error.value)
