"""Suites against a real server: values go from step to step, and the cleanup runs whatever becomes of the steps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from app.kit.yaml.tree import ProblemReport
from app.probes.checking.checker import HttpChecker
from app.probes.config import read_interfaces
from app.probes.interfaces.logins.models import LoginFailed
from app.probes.interfaces.models import ProbeRecord
from app.probes.interfaces.requests import probe_record
from app.probes.interfaces.suites.probe import suite_probes
from app.probes.models import CheckRequest, CheckResult
from tests.support.interface_server import CLOCK, ChosenAnswer, HttpService, ReceivedRequest, http_service

TOKEN = "eyJhbGciOiJIUzI1NiJ9." + "tok" * 40
STEPS = """
  - {name: login, method: POST, path: /login, body: '{"user": "{{user}}", "password": "{{password}}"}', take: {token: $.token}}
  - {name: order, method: POST, path: /orders, headers: {Authorization: "Bearer {{token}}"}, conditions: [status 201], take: {order: $.id}}
  - {name: read, path: "/orders/{{order}}", headers: {Authorization: "Bearer {{token}}"}, conditions: ['$.id == {{order}}', latency < 20 s]}
"""
CLEANUP = """
  - {name: delete, method: DELETE, path: "/orders/{{order}}", headers: {Authorization: "Bearer {{token}}"}}
  - {name: logout, method: POST, path: /logout, headers: {Authorization: "Bearer {{token}}"}}
"""


class Asker:
    """Asks as a cycle does, without a login."""

    def __init__(self, checker: HttpChecker) -> None:
        self.checker = checker
        self.asked: list[tuple[bool, bool]] = []
        self.refuses = False

    async def ask(self, request: CheckRequest, *, with_login: bool = True, further: bool = False) -> CheckResult:
        self.asked.append((with_login, further))
        if self.refuses:
            raise LoginFailed("no token today")
        return await self.checker.check(request)

    async def answer(self, request: CheckRequest) -> CheckResult:
        return await self.ask(request)

    def now(self) -> Any:
        return CLOCK.now()


def shop(broken: str = "", status: int = 500) -> Callable[[ReceivedRequest], ChosenAnswer]:
    """A shop that wants its token; one path may be broken."""

    def answer(request: ReceivedRequest) -> ChosenAnswer:
        if request.path == broken:
            return ChosenAnswer(status, {"error": f"echo {request.headers.get('authorization')}"})
        if request.path == "/login":
            said = json.loads(request.body)
            right = said == {"user": "ann", "password": 'pass"word-of-ann'}
            return ChosenAnswer(200 if right else 403, {"token": TOKEN}, [("Set-Cookie", "sid=session-of-ann; Path=/")])
        let_in = request.headers.get(
            "authorization"
        ) == f"Bearer {TOKEN}" and "sid=session-of-ann" in request.headers.get("cookie", "")
        if not let_in:
            return ChosenAnswer(401)
        return ChosenAnswer(201 if request.path == "/orders" else 200, {"id": 4711})

    return answer


async def ran(
    server: HttpService, steps: str = STEPS, cleanup: str = CLEANUP, more: str = "", asker: Asker | None = None
) -> ProbeRecord:
    text = (
        f"services:\n shop:\n  base_urls: {server.url}\n  headers: {{X-Tenant: acme}}\n  suites:\n   flow:\n"
        f'    variables: {{user: ann, password: "${{SUITE_PASSWORD}}"}}\n    {more}\n    steps: {_indented(steps)}\n'
        f"    cleanup: {_indented(cleanup)}\n"
    )
    report = ProblemReport("i.yaml")
    service = read_interfaces(text.encode(), report).services["shop"]
    assert report.problems == []
    [probe] = suite_probes(service).values()
    checker = HttpChecker()
    try:
        return probe_record(await probe.outcome(asker or Asker(checker)))
    finally:
        checker.close()


def _indented(text: str) -> str:
    return text.replace("\n  -", "\n     -")


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_PASSWORD", 'pass"word-of-ann')


def told(record: ProbeRecord) -> list[tuple[str, str]]:
    return [(step.name, "skipped" if step.skipped else step.reason or "ok") for step in record.steps]


async def test_login_token_call_logout() -> None:
    async with http_service(shop()) as server:
        record = await ran(server)
    assert (record.ok, record.status, record.message) == (True, 200, "")
    assert told(record) == [("login", "ok"), ("order", "ok"), ("read", "ok"), ("delete", "ok"), ("logout", "ok")]
    assert [f"{one.method} {one.target}" for one in server.requests] == [
        "POST /login", "POST /orders", "GET /orders/4711", "DELETE /orders/4711", "POST /logout",
    ]  # fmt: skip
    assert {one.headers["x-tenant"] for one in server.requests} == {"acme"}
    assert record.total_ms == pytest.approx(sum(step.total_ms for step in record.steps))


async def test_after_a_step_that_fails_the_others_are_skipped_and_the_cleanup_runs_and_no_secret_shows() -> None:
    async with http_service(shop("/orders/4711")) as server:
        record = await ran(server)
    assert (record.ok, record.reason, record.status) == (False, "status", 500)
    assert record.message == "step 3 of 3, read: status 500 where status 200-299 is expected"
    assert told(record)[2:] == [("read", "status"), ("delete", "status"), ("logout", "ok")]
    assert server.requests[-1].path == "/logout"
    assert "***" in record.excerpt
    for secret in (TOKEN, TOKEN[:60], "word-of-ann", "session-of-ann"):
        assert secret not in repr(record)
    async with http_service(shop("/orders")) as server:
        record = await ran(server)
    assert told(record) == [
        ("login", "ok"), ("order", "status"), ("read", "skipped"), ("delete", "skipped"), ("logout", "ok"),
    ]  # fmt: skip
    assert record.steps[3].message == "no step gave order, so that there is nothing to clean up"


async def test_a_cleanup_that_fails_fails_a_suite_that_was_well() -> None:
    async with http_service(shop("/logout")) as server:
        record = await ran(server)
    assert (record.ok, record.message) == (False, "cleanup, logout: status 500 where status 200-299 is expected")


async def test_fewer_requests_are_no_failure() -> None:
    async with http_service(shop("/orders", 429)) as server:
        record = await ran(server)
    assert (record.ok, record.status) == (True, 429)
    assert record.steps[2].message == "the service asked for fewer requests"


async def test_an_answer_without_its_token_fails_and_is_not_shown() -> None:
    def answer(_: ReceivedRequest) -> ChosenAnswer:
        return ChosenAnswer(200, b"token=" + TOKEN.encode())

    async with http_service(answer) as server:
        record = await ran(server)
    assert (record.reason, record.excerpt) == ("condition", "")
    assert "login: the answer is no JSON" in record.message


async def test_a_token_whose_condition_fails_is_not_quoted() -> None:
    steps = '[{path: /login, method: POST, body: \'{"user": "{{user}}", "password": "{{password}}"}\', conditions: [\'$.token == x\', \'header set-cookie == y\'], take: {token: $.token}}]'
    async with http_service(shop()) as server:
        record = await ran(server, steps, "[]")
    assert record.reason == "condition"
    assert "***" in record.message
    assert TOKEN[:30] not in repr(record)
    assert "session-of-ann" not in repr(record)


async def test_cookies_that_a_redirect_sets_go_to_the_steps_after_it() -> None:
    def answer(request: ReceivedRequest) -> ChosenAnswer:
        if request.path == "/login":
            return ChosenAnswer(302, {}, [("Location", "/home"), ("Set-Cookie", "sid=1234567")])
        return ChosenAnswer(200, {"cookie": request.headers.get("cookie", "")})

    async with http_service(answer) as server:
        steps = "[{path: /login}, {path: /me, conditions: ['$.cookie == \"sid=1234567\"']}]"
        record = await ran(server, steps, "[]")
        assert record.ok, record
        other = f"{server.url.replace('127.0.0.1', 'localhost')}/me"
        steps = f"[{{path: /login, follow_redirects: false, conditions: [status 302]}}, {{url: '{other}', conditions: ['$.cookie == \"\"']}}]"
        asker = Asker(HttpChecker())
        record = await ran(server, steps, "[]", "with_auth: false", asker)
        assert record.ok, record
        # Another host gets neither the cookies nor the headers of the service.
        assert "x-tenant" not in server.requests[-1].headers
        assert asker.asked == [(False, False), (False, True)]


async def test_a_value_that_cannot_be_sent_is_a_failure_of_the_answer() -> None:
    def answer(_: ReceivedRequest) -> ChosenAnswer:
        return ChosenAnswer(200, {"a": "x\ny", "b": ".."})

    async with http_service(answer) as server:
        steps = "[{path: /, take: {a: $.a, b: $.b}}, {path: /, headers: {X-A: '{{a}}'}}]"
        record = await ran(server, steps, "[{path: '/{{b}}'}]")
    assert record.reason == "condition"
    assert "step 2 of 2, GET /: its request cannot be sent: the header 'X-A'" in record.message
    assert record.steps[2].message == "its request cannot be sent: '..' cannot stand in a path"


async def test_a_suite_that_is_broken_off_is_cleaned_up() -> None:
    reached = asyncio.Event()

    def answer(request: ReceivedRequest) -> ChosenAnswer:
        if request.path == "/slow":
            reached.set()
        return ChosenAnswer(200, {"id": 7})

    class Slow(Asker):
        async def ask(self, request: CheckRequest, *, with_login: bool = True, further: bool = False) -> CheckResult:
            result = await super().ask(request, with_login=with_login, further=further)
            if request.url.endswith("/slow"):
                await asyncio.sleep(60)
            return result

    async with http_service(answer) as server:
        checker = HttpChecker()
        steps = "[{path: /begin, method: POST, take: {id: $.id}}, {path: /slow}]"
        task = asyncio.create_task(ran(server, steps, "[{method: DELETE, path: '/begin/{{id}}'}]", asker=Slow(checker)))
        await reached.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        checker.close()
    assert [f"{one.method} {one.path}" for one in server.requests] == ["POST /begin", "GET /slow", "DELETE /begin/7"]


async def test_without_a_token_nothing_is_sent() -> None:
    async with http_service() as server:
        asker = Asker(HttpChecker())
        asker.refuses = True
        with pytest.raises(LoginFailed):
            await ran(server, "[{path: /a}]", "[{path: /b}]", asker=asker)
        assert server.requests == []
        assert len(asker.asked) == 1
