"""Parameters that come from the answers of other operations, and statuses that are right for single operations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.kit.yaml.tree import ProblemReport
from app.probes.checking.checker import HttpChecker
from app.probes.config import ServiceConfig, read_interfaces
from app.probes.interface_file import check_interfaces
from app.probes.interfaces.cycles.run import CycleRun, Probe, ServicePlan
from app.probes.interfaces.logins.keeper import Logins
from app.probes.interfaces.models import CycleTrigger, OperationKey, OperationState, OperationStatus
from app.probes.interfaces.requests import operation_probes
from app.probes.interfaces.suites.answers import answer_probes
from app.probes.scanning.selection import PlannedProbe, choose_probes
from app.probes.websites.network_watch import NetworkWatch
from tests.support.interface_documents import HEAD, scan
from tests.support.interface_server import CLOCK, ChosenAnswer, ReceivedRequest, http_service

PATHS = """paths:
  /orders: {get: {operationId: orders}}
  /orders/{id}: {get: {operationId: order, parameters: [{name: id, in: path, required: true}]}}
  /items: {get: {operationId: items, parameters: [{name: order, in: query, required: true}]}}
"""
FROM = "{from: orders, take: '$.items[0].id'}"


def service(fields: str, base: str = "http://127.0.0.1:1") -> tuple[ServiceConfig, list[str]]:
    report = ProblemReport("i.yaml")
    text = f"services:\n  shop:\n    documents: api.yaml\n    rate: 100\n    base_urls: {base}\n    {fields}\n"
    config = read_interfaces(text.encode(), report).services["shop"]
    return config, [str(problem) for problem in report.problems]


def planned(config: ServiceConfig) -> list[PlannedProbe]:
    [rules] = config.rules()
    return list(choose_probes(scan(HEAD + PATHS), rules).probed)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{from: orders}", "parameters.id.take: this is missing"),
        ("{take: $.a}", "parameters.id.from: this is missing"),
        ("{from: orders, take: a}", "parameters.id.take: 'a' is no JSONPath; write it as $.data[0].status"),
        ("{from: orders, take: $.a, of: b}", "parameters.id.of: there is no such field; known are from, take"),
    ],
)
def test_what_is_wrong_is_named(value: str, expected: str) -> None:
    assert service(f"parameters: {{id: {value}}}")[1] == [f"i.yaml, line 6: services.shop.{expected}"]


def test_the_file_is_checked_with_the_operations_that_give_values(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(HEAD + PATHS)

    def said(*operations: str) -> list[str]:
        lines = "\n".join(f"      {one}" for one in operations)
        (tmp_path / "i.yaml").write_text(f"services:\n  shop:\n    documents: api.yaml\n    operations:\n{lines}\n")
        return [problem.message for problem in check_interfaces(tmp_path / "i.yaml").problems]

    assert said(f"order: {{parameters: {{id: {FROM}}}, expected: 404}}") == []
    assert said("order: {parameters: {id: {from: oders, take: $.a}}}") == [
        "no document has an operation 'oders', did you mean orders?"
    ]
    assert said(f"order: {{parameters: {{id: {FROM}}}}}", "items: {parameters: {order: {from: order, take: $.a}}}") == [
        "GET /items takes a value from order, which is not probed without one itself"
    ]


async def test_an_answer_is_asked_for_once_and_gives_its_values() -> None:
    orders: dict[str, Any] = {"items": [{"id": "a/b 1"}]}

    def answer(request: ReceivedRequest) -> ChosenAnswer:
        return ChosenAnswer(410 if request.path.startswith("/orders/") else 200, orders)

    async with http_service(answer) as server:
        fields = f"parameters: {{id: {FROM}, order: {FROM}}}\n    operations: {{order: {{expected: [410]}}}}"
        config, problems = service(fields, server.url)
        assert problems == []
        assert await cycle(config) == {"orders": "up", "order": "up", "items": "up"}
        assert dict(server.asked) == {"/orders": 2, "/orders/a%2Fb%201": 1, "/items": 1}
        assert server.requests[-1].target.endswith("order=a%2Fb%201") or "/items?order=a%2Fb%201" in {
            one.target for one in server.requests
        }
        orders["items"] = []
        assert await cycle(config) == {"orders": "up", "order": "unknown", "items": "unknown"}


async def cycle(config: ServiceConfig) -> dict[str, str]:
    """One cycle of the service, and how each operation stands after it."""
    probes = planned(config)
    found: dict[OperationKey, Probe] = {**operation_probes(config, probes), **answer_probes(config, probes)}
    states = {key: OperationState(OperationStatus.UNKNOWN, CLOCK.now()) for key in found}
    checker = HttpChecker()
    run = CycleRun(
        ServicePlan(1, config, found, {key: number for number, key in enumerate(found)}),
        states,
        sender=checker,
        logins=Logins(checker, CLOCK),
        network=NetworkWatch(checker, CLOCK, ()),
        clock=CLOCK,
        sink=Sink(),
    )
    await run.run(run.begun(CLOCK.now(), CycleTrigger.MANUAL))
    checker.close()
    return {found[key].operation.name: state.status.value for key, state in states.items()}


class Sink:
    def state(self, operation_id: int, state: OperationState, record: object) -> None:
        """Nothing is kept."""
