"""Services of interfaces as people and programs see them: REST API and command line over the same rows."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from app.access.models import AccessScope
from app.cli import run
from app.db.engine import Database
from app.kit.yaml.tree import ProblemReport
from app.probes.config import ServiceConfig, read_interfaces
from app.probes.interfaces.documents import DocumentsNow
from app.probes.interfaces.models import (
    CycleOutcome,
    CycleStatistics,
    CycleTrigger,
    InterfaceChange,
    InterfaceCycle,
    InterfaceWrites,
    OperationKey,
    OperationState,
    OperationStatus,
    ProbedOperation,
    ProbeRecord,
)
from app.probes.interfaces.repository import InterfaceRepository
from tests.support.api_factory import served_api
from tests.support.store_factory import opened

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def config() -> ServiceConfig:
    return read_interfaces(b"services: {shop: {documents: a.yaml, group: eu}}", ProblemReport("i")).services["shop"]


async def fill(database: Database) -> tuple[int, int]:
    """A service with three operations, one of which is down; the numbers of both."""
    rows = InterfaceRepository(database)
    operations = [ProbedOperation(OperationKey("GET", "https://a.example", f"/{name}"), name) for name in "abc"]
    change = InterfaceChange(AT, "removed", "GET", "/old", "", "a.yaml", True, ("it is gone",))
    number, found = await rows.keep_service(config(), {}, DocumentsNow({}, (change,)), operations, AT)
    down = found[1].operation_id
    failed = ProbeRecord(AT, ok=False, reason="status", status=500, total_ms=4, attempts=2, message="the status is 500")
    state = OperationState(OperationStatus.DOWN, AT, AT, 2, AT, "status", 500, 4.0, "the status is 500")
    statistics = CycleStatistics(3, 1, 0, 1.0, 2.0, 3.0, [{"operation": "GET https://a.example/a", "ms": 3.0}])
    ended = InterfaceCycle(
        number, AT, AT, CycleTrigger.CLOCK, CycleOutcome.COMPLETED, 3, AT + timedelta(seconds=2), statistics
    )
    await rows.record(InterfaceWrites([(down, failed)], {down: state}, {(number, AT): ended}, {}, {number: AT}))
    return number, down


async def test_the_api_tells_of_services_operations_cycles_results_and_changes(database_url: str) -> None:
    async with opened(database_url) as database:
        number, down = await fill(database)
    async with served_api(database_url) as api, api.client(await api.key(AccessScope.OPERATE), timeout=60) as client:
        [service] = (await client.get("/interfaces/services")).json()["data"]
        assert (service["name"], service["status"], service["failing"], service["p95_ms"]) == (
            "shop",
            "failing",
            1,
            2.0,
        )
        assert (await client.get(f"/interfaces/services/{number}")).json() == service
        path = f"/interfaces/services/{number}"
        first = (await client.get(f"{path}/operations", params={"limit": 2})).json()
        second = (await client.get(f"{path}/operations", params={"limit": 2, "next": first["next"]})).json()
        assert [one["path"] for one in (*first["data"], *second["data"])] == ["/a", "/b", "/c"]
        [failing] = (await client.get(f"{path}/operations", params={"status": "down"})).json()["data"]
        assert (failing["operation_id"], failing["reason"], failing["http_status"]) == (down, "status", 500)
        [one] = (await client.get(f"{path}/cycles")).json()["data"]
        assert (one["outcome"], one["success_percent"], one["slowest"][0]["ms"]) == (
            "completed", pytest.approx(200 / 3), 3.0,
        )  # fmt: skip
        [result] = (await client.get(f"/interfaces/operations/{down}/results")).json()["data"]
        assert (result["ok"], result["attempts"]) == (False, 2)
        [change] = (await client.get(f"{path}/changes")).json()["data"]
        assert (change["kind"], change["breaking"], change["parts"]) == ("removed", True, ["it is gone"])
        assert (await client.post(f"{path}/run")).status_code == 200
        assert (await client.get("/interfaces/services/99/cycles")).status_code == 404
        assert (await client.get("/interfaces/operations/99/results")).status_code == 404


def test_the_command_line_shows_the_same(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def filled() -> None:
        async with opened(database_url) as database:
            await fill(database)

    def asked(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert run(["interfaces", *arguments]) == code
        found = capsys.readouterr()
        return found.out + found.err

    asyncio.run(filled())
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    assert "shop" in asked("list")
    shown = asked("show", "shop")
    assert "status: the status is 500" in shown
    assert "removed" in shown
    assert json.loads(asked("show", "1", "--json"))["failing"] == 1
    assert "1 of 3 operations fail since" in asked("status", code=1)
    assert "a cycle begins" in asked("run", "shop")
    assert "there is no service 'shp'" in asked("show", "shp", code=1)
    structlog.reset_defaults()
