"""Suites as the runner runs them: kept with their steps, told in the service's alert, run when somebody asks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog

from app.access.models import AccessScope
from app.alerting.evaluation.evaluator import RuleEvaluator
from app.alerting.evaluation.query_runner import PostgresRunner
from app.alerting.rules.book import read_book
from app.cli import run
from app.errors import NotFound
from app.probes.interfaces import runner, watched
from app.probes.interfaces.cycles import run as cycle_run
from app.probes.interfaces.repository import InterfaceRepository
from app.probes.interfaces.service import InterfaceService
from tests.support.api_factory import served_api
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

TOKEN = "token-of-the-suite"
SUITE = """    suites:
      flow:
        steps:
          - {name: login, method: POST, path: /login, take: {token: $.token}}
          - {name: call, path: /call, headers: {Authorization: "Bearer {{token}}"}}
        cleanup:
          - {name: logout, method: POST, path: /logout}
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "first_slot", lambda _, now: now)
    monkeypatch.setattr(runner, "FLUSH_SECONDS", 0.05)
    monkeypatch.setattr(watched, "SCAN_SECONDS", 0.3)
    monkeypatch.setattr(cycle_run, "CONFIRM_SECONDS", 0.2)


async def test_a_suite_is_an_operation_of_its_service_and_runs_when_asked_for(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    works = {"call": False}

    def answer(request: ReceivedRequest) -> ChosenAnswer:
        if request.path == "/login":
            return ChosenAnswer(200, {"token": TOKEN})
        good = request.path != "/call" or (works["call"] and request.headers.get("authorization") == f"Bearer {TOKEN}")
        return ChosenAnswer(200 if good else 500, {"echo": request.headers.get("authorization", "")})

    async with opened(database_url) as database, http_service(answer) as server:
        (tmp_path / "api.json").write_text(api_document(("/a",)))
        (tmp_path / "interfaces.yaml").write_text(
            f"services:\n  shop:\n    documents: api.json\n    base_urls: {server.url}\n    rate: 100\n{SUITE}"
        )
        interfaces = InterfaceService(InterfaceRepository(database), CLOCK, kept_days=1)
        async with probing(database, tmp_path):
            found = await until_service(database, lambda one: one.cycle_outcome == "completed")
            assert (found.status, found.failing, found.operations, found.described) == ("failing", 1, 2, 1)
            [flow] = await interfaces.suites(found.service_id)
            assert (str(flow.row.operation.key), flow.row.state.status) == (f"SUITE {server.url}#flow", "down")
            assert flow.last is not None
            assert [(one.name, one.ok, one.cleanup, one.status) for one in flow.last.steps] == [
                ("login", True, False, 200), ("call", False, False, 500), ("logout", True, True, 200),
            ]  # fmt: skip
            # It was confirmed by a second run, and each run was cleaned up.
            assert (server.asked["/login"], server.asked["/logout"], server.asked["/a"]) == (2, 2, 1)

            queries = PostgresRunner(lambda: {"gridkeeper": database_url})
            rule = read_book([]).checked().rules["interface_service_failing"]
            [signal] = (await RuleEvaluator(queries).evaluate(rule, CLOCK.now())).signals
            await queries.close()
            assert f"SUITE {server.url}#flow: status 500, step 2 of 2, call: status 500" in str(signal)

            monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
            shown = await said(capsys, "status", code=1)
            assert "suite flow: step 2 of 2, call: status 500" in shown
            assert "POST /logout" in await said(capsys, "show", "shop")
            works["call"] = True
            assert "shop: flow is well" in await said(capsys, "run", "shop", "--suite", "flow")
            assert server.asked["/a"] == 1
            assert "shop has no suite 'flw'; did you mean flow?" in await said(
                capsys, "run", "shop", "--suite", "flw", code=1
            )
            found = await until_service(database, lambda one: one.failing == 0)
        assert len(await interfaces.cycles(found.service_id, before=None, limit=9)) == 1
        assert found.p95_ms is not None
        with pytest.raises(NotFound):
            await interfaces.run_now(found.service_id, "other")
        async with database.connection() as connection:
            assert await connection.fetchval("select count(*) from v_interface_steps where suite = 'flow'") == 6
            kept = await connection.fetch("select r::text from interface_results as r")
            kept += await connection.fetch("select o::text from interface_operations as o")
        assert TOKEN not in str(kept)
    async with served_api(database_url) as api, api.client(await api.key(AccessScope.OPERATE), timeout=60) as client:
        path = f"/interfaces/operations/{flow.row.operation_id}/results"
        assert [step["name"] for step in (await client.get(path)).json()["data"][0]["steps"]] == [
            "login",
            "call",
            "logout",
        ]
        run_path = f"/interfaces/services/{found.service_id}/run"
        assert (await client.post(run_path, params={"suite": "other"})).status_code == 404
        assert (await client.post(run_path, params={"suite": "flow"})).status_code == 200
    structlog.reset_defaults()


async def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """What a command says that runs beside the runner."""
    capsys.readouterr()
    assert await asyncio.to_thread(run, ["interfaces", *arguments]) == code
    found = capsys.readouterr()
    return found.out + found.err
