"""The runner of interfaces on a real database and a real server: cycles, failures, recovery, documents that change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.db.engine import Database
from app.errors import DatabaseUnavailable
from app.probes.interfaces import runner, watched
from app.probes.interfaces.cycles import run as cycle_run
from app.probes.interfaces.models import OperationStatus
from app.probes.interfaces.repository import InterfaceRepository
from app.probes.interfaces.service import InterfaceService
from app.probes.sharing import leases
from tests.support.interface_server import (
    CLOCK,
    ChosenAnswer,
    ReceivedRequest,
    api_document,
    http_service,
    probing,
    until_service,
)
from tests.support.store_factory import opened

SECRET = "s3cr3t-of-the-shop"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "first_slot", lambda _, now: now)
    monkeypatch.setattr(runner, "FLUSH_SECONDS", 0.05)
    monkeypatch.setattr(watched, "SCAN_SECONDS", 0.3)
    monkeypatch.setattr(cycle_run, "CONFIRM_SECONDS", 0.2)


def write(folder: Path, *fields: str, paths: tuple[str, ...] = ("/a", "/b", "/c")) -> None:
    (folder / "api.json").write_text(api_document(paths))
    lines = ("services:\n  shop:", "documents: api.json", *fields)
    if not any(field.startswith("rate") for field in fields):
        lines = (*lines, "rate: 100")
    (folder / "interfaces.yaml").write_text("\n    ".join(lines) + "\n")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(25):
        while not true():  # noqa: ASYNC110  the runner tells nobody
            await asyncio.sleep(0.05)


async def asked_again(database: Database) -> None:
    rows = InterfaceRepository(database)
    service = InterfaceService(rows, CLOCK, kept_days=1)
    found = await service.find("shop")
    before = await rows.cycles(found.service_id, None, 1)
    await service.run_now(found.service_id)
    await until_service(
        database, lambda one: one.cycle_finished_at and one.cycle_started_at not in {None, before[0].started_at}
    )


async def test_a_cycle_shows_what_fails_and_recovery_and_keeps_one_row_for_each(
    database_url: str, tmp_path: Path
) -> None:
    failing = {"/b"}

    def answer(request: ReceivedRequest) -> ChosenAnswer:
        return ChosenAnswer(500 if request.path in failing else 200)

    async with opened(database_url) as database, http_service(answer) as server:
        write(tmp_path, f"base_urls: {server.url}")
        rows = InterfaceRepository(database)
        async with probing(database, tmp_path):
            found = await until_service(database, lambda one: one.cycle_outcome == "completed")
            assert (found.status, found.failing, found.operations) == ("failing", 1, 3)
            # A failure is confirmed before it counts, a good answer is not asked for twice.
            assert dict(server.asked) == {"/a": 1, "/b": 2, "/c": 1}
            [worst, *_] = await rows.worst(found.service_id, 9)
            assert (worst.operation.key.path, worst.state.status, worst.state.reason, worst.state.http_status) == (
                "/b", OperationStatus.DOWN, "status", 500,
            )  # fmt: skip
            [result] = await rows.results(worst.operation_id, None, 9)
            assert (result.ok, result.attempts, result.at) == (False, 2, worst.state.checked_at)
            assert worst.state.since < result.at
            failing.clear()
            await asked_again(database)
            found = await until_service(database, lambda one: one.failing == 0)
            assert (found.status, found.failing_since) == ("up", None)
        [last, first] = await rows.cycles(found.service_id, None, 9)
        assert (first.statistics.checked, first.statistics.failed) == (3, 1)
        assert first.statistics.success_percent == pytest.approx(100 * 2 / 3)
        assert (last.trigger, last.statistics.failed, len(last.statistics.slowest)) == ("manual", 0, 3)
        async with database.connection() as connection:
            assert await connection.fetchval("select count(*) from interface_results") == 6


async def test_cycles_go_on_without_the_database_and_what_they_find_is_kept_once_it_is_back(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = False
    for name in ("record", "requested", "keep_service"):
        works = getattr(InterfaceRepository, name)

        async def reach(self: InterfaceRepository, *given: Any, works: Any = works) -> Any:
            if away:
                raise DatabaseUnavailable("the database is away")
            return await works(self, *given)

        monkeypatch.setattr(InterfaceRepository, name, reach)

    def answer(request: ReceivedRequest) -> ChosenAnswer:
        nonlocal away
        away = away or request.path == "/b"  # it goes in the middle of a cycle
        return ChosenAnswer(500 if request.path == "/c" else 200)

    async with opened(database_url) as database, http_service(answer) as server:
        write(tmp_path, f"base_urls: {server.url}", "concurrency: 1")
        rows = InterfaceRepository(database)
        async with probing(database, tmp_path) as running:
            await until(lambda: server.asked["/c"] >= 2 and not running._cycles)
            (running._services or {})["shop"].slot = CLOCK.now()
            await until(lambda: server.asked["/c"] >= 3 and not running._cycles)
            assert away
            away = False
            found = await until_service(database, lambda one: one.failing == 1 and one.unknown == 0)
        outcomes = [one.outcome.value for one in await rows.cycles(found.service_id, None, 9)]
        assert outcomes == ["completed", "completed"]
        async with database.connection() as connection:
            kept = await connection.fetch("select operation_id, count(*) from interface_results group by 1")
        assert [one["count"] for one in kept] == [2, 2, 2]


async def test_documents_that_change_are_told_and_broken_ones_keep_their_last_good_state(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url) as database, http_service() as server:
        write(tmp_path, f"base_urls: {server.url}")
        rows = InterfaceRepository(database)
        async with probing(database, tmp_path):
            found = await until_service(database, lambda one: one.cycle_outcome == "completed")
            assert await rows.changes(found.service_id, None, 9) == []
            (tmp_path / "api.json").write_text('{"openapi": "3.0.3", "paths": {"/a": {')
            found = await until_service(database, lambda one: one.scan_problem)
            assert found.operations == 3
            assert "api.json" in found.scan_problem
        # Another process knows the last good state from the database.
        async with probing(database, tmp_path):
            found = await until_service(database, lambda one: one.operations == 3 and one.scan_failing_since)
            (tmp_path / "api.json").write_text(api_document(("/a", "/b", "/d")))
            found = await until_service(database, lambda one: not one.scan_problem)
            changes = {(one.kind, one.path, one.breaking) for one in await rows.changes(found.service_id, None, 9)}
            assert changes == {("removed", "/c", True), ("added", "/d", False)}
            async with database.connection() as connection:
                told = await connection.fetch(
                    "select kind, data->>'path' as path, (data->'breaking')::boolean as breaking from events "
                    "where topic = 'interfaces' and data->>'service' = 'shop'"
                )
            assert {tuple(one) for one in told} == changes
            assert {row.operation.key.path for row in await rows.worst(found.service_id, 9)} == {"/a", "/b", "/d"}
            (tmp_path / "interfaces.yaml").write_text("services: {other: {documents: api.json}}\n")
            await until_service(database, lambda one: one, "other")
            assert await rows.named("shop") is None


async def test_a_running_cycle_is_not_begun_again_but_told_and_a_broken_host_is_spared(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.probes.interfaces.cycles.limits.BROKEN_AFTER", 3)
    paths = tuple(f"/{number}" for number in range(30))
    async with opened(database_url) as database:
        write(tmp_path, "base_urls: http://127.0.0.1:9", "concurrency: 1", paths=paths)
        rows = InterfaceRepository(database)
        async with probing(database, tmp_path) as running:
            found = await until_service(database, lambda one: one.cycle_outcome == "completed")
            assert (found.failing, found.operations) == (30, 30)
            worst = await rows.worst(found.service_id, 99)
            spared = [row for row in worst if "not asked" in row.state.message]
            assert 20 < len(spared) < 30
            assert len({row.state.message for row in spared}) == 1
            service = running._services["shop"]
            for _ in range(2):
                service.slot = CLOCK.now()
                running._begin_due(service)
            found = await until_service(database, lambda one: one.cycle_outcome == "completed")
        outcomes = [one.outcome.value for one in await rows.cycles(found.service_id, None, 9)]
        assert sorted(outcomes) == ["aborted", "completed", "skipped"] or sorted(outcomes) == [
            "completed", "completed", "skipped",
        ]  # fmt: skip


async def test_processes_share_the_services_and_their_login_and_go_on_with_their_clocks(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second process takes its part of twelve services, none of whose cycles is doubled or lost, and takes over the rest.

    The service ends the older session at each login: they use one.
    """
    # No lease ends by itself, however slow the machine is.
    monkeypatch.setattr(leases, "RENEWED", 0.005)
    names = [f"s{number}" for number in range(12)]

    def answer(request: ReceivedRequest) -> ChosenAnswer:
        if request.path == "/login":
            return ChosenAnswer(content={"token": f"tok-{server.asked['/login']}", "expires_in": 3600})
        is_in = request.headers.get("authorization") == f"Bearer tok-{server.asked['/login']}"
        return ChosenAnswer(200 if is_in else 401)

    async with opened(database_url) as database, opened(database_url) as second, http_service(answer) as server:
        rows = InterfaceRepository(database)
        (tmp_path / "api.json").write_text(api_document(("/a",)))
        entry = f"documents: api.json, interval: 1 h, auth: user, base_urls: {server.url}"
        text = "\n".join(f"  {name}: {{{entry}/{name}}}" for name in names)
        login = f"logins: {{user: {{type: login, shared: true, url: {server.url}/login, form: {{user: ann}}}}}}"
        (tmp_path / "interfaces.yaml").write_text(f"services:\n{text}\n{login}\n")
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(probing(database, tmp_path, lasts=120))
            for name in names:
                await until_service(database, lambda one: one.cycle_outcome == "completed", name)
            clocks = {name: one.slot for name, one in first._services.items()}
            async with probing(second, tmp_path, name="two", lasts=120) as other:
                await until(lambda: len(first._services) + len(other._services) == 12 and bool(other._services))
                assert first._services.keys().isdisjoint(other._services)
                assert {name: one.slot for name, one in (first._services | other._services).items()} == clocks
                assert dict(server.asked) == {"/login": 1} | {f"/{name}/a": 1 for name in names}
                for name in names:
                    found = await rows.named(name)
                    assert found is not None
                    await rows.request(found.service_id, CLOCK.now())
                await until(lambda: server.asked.total() >= 25 and not first._cycles and not other._cycles)
                await stack.aclose()
                await until(lambda: len(other._services) == 12)
                assert dict(server.asked) == {"/login": 1} | {f"/{name}/a": 2 for name in names}
                # What is kept of a login goes a day after the file has it no more.
                (tmp_path / "interfaces.yaml").write_text("services: {s0: {documents: api.json}}\n")
                await until(lambda: len(other._services) == 1)
            service = InterfaceService(rows, CLOCK, kept_days=1)
            for days, left in ((0.9, 1), (1.1, 0)):
                await service.tidy(CLOCK.now() + timedelta(days=days))
                async with database.connection() as connection:
                    [kept] = await connection.fetch(
                        "select count(*) as n, max(session) as sealed from interface_tokens"
                    )
                assert kept["n"] == left
                assert "tok-" not in (kept["sealed"] or "")


async def test_a_token_is_renewed_after_a_refusal_and_a_failing_login_is_no_failure_of_operations(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    valid, works = {"number": 0}, {"login": True}

    def answer(request: ReceivedRequest) -> ChosenAnswer:
        if request.path == "/token":
            if not works["login"]:
                return ChosenAnswer(400, {"error": f"wrong secret {SECRET}"})
            valid["number"] += 1
            return ChosenAnswer(content={"access_token": f"tok-{valid['number']}-secret", "expires_in": 3600})
        let_in = request.headers.get("authorization") == f"Bearer tok-{valid['number']}-secret"
        return ChosenAnswer(200 if let_in else 401, {"echo": request.headers.get("authorization")})

    monkeypatch.setenv("SHOP_SECRET", SECRET)
    async with opened(database_url) as database, http_service(answer) as server:
        write(tmp_path, f"base_urls: {server.url}", "auth: sso")
        with (tmp_path / "interfaces.yaml").open("a") as file:
            login = (
                f"client_credentials, token_url: {server.url}/token, client_id: me, client_secret: '${{SHOP_SECRET}}'"
            )
            file.write(f"logins: {{sso: {{type: {login}}}}}\n")
        async with probing(database, tmp_path) as running:
            found = await until_service(database, lambda one: one.cycle_outcome == "completed")
            assert (found.status, server.asked["/token"]) == ("up", 1)
            valid["number"] = 7  # the service forgets the token that it gave
            await asked_again(database)
            found = await until_service(database, lambda one: one.cycle_outcome == "completed")
            assert (found.status, server.asked["/token"]) == ("up", 2)
            valid["number"], works["login"] = 9, False
            await running._logins.close()
            await running._logins.use(running._file.current().logins)
            await asked_again(database)
            found = await until_service(database, lambda one: one.auth_failing_since)
            assert (found.status, found.failing, found.cycle_outcome) == ("auth", 0, "auth")
            assert "400" in found.auth_problem
        async with database.connection() as connection:
            kept = await connection.fetch("select r::text from interface_results as r")
            kept += await connection.fetch("select s::text from interface_services as s")
        assert SECRET not in str(kept)
        assert "-secret" not in str(kept)
