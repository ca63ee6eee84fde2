"""A service whose interfaces are probed, as a running service would have left it; the texts of documents are hostile."""

from __future__ import annotations

from datetime import timedelta

from app.kit.yaml.tree import ProblemReport
from app.probes.config import read_interfaces
from app.probes.interfaces.documents import DocumentsNow, KeptDocument
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
    StepRecord,
)
from app.probes.scanning.models import DocumentKind, DocumentPlace, DocumentScan, Operation, ScanDefect
from tests.support.api_factory import ServedApi
from tests.support.page_factory import HOSTILE

CONFIG = b"services: {shop: {documents: a.yaml, group: eu, base_urls: [https://a.example]}}"


async def keep_service(api: ServedApi) -> tuple[int, int]:
    """A service with three operations, one of which is down, and three cycles; the numbers of service and operation."""
    now, rows = api.container.clock().now(), api.container.probes().interface_rows()
    config = read_interfaces(CONFIG, ProblemReport("i")).services["shop"]
    operations = [ProbedOperation(OperationKey("GET", "https://a.example", f"/{name}"), HOSTILE) for name in (HOSTILE, "b", "c")]  # fmt: skip
    change = InterfaceChange(now, "removed", "GET", HOSTILE, "", "a.yaml", True, (HOSTILE,))
    place = DocumentPlace(HOSTILE, line=7)
    scan = DocumentScan(
        "a.yaml", DocumentKind.OPENAPI, HOSTILE, "", (Operation("GET", "/b", place), Operation("POST", HOSTILE, place)),
        defects=(ScanDefect(place, HOSTILE),),
    )  # fmt: skip
    found = DocumentsNow({"a.yaml": KeptDocument(scan, now)}, (change,), (HOSTILE,))
    number, known = await rows.keep_service(config, {}, found, operations, now)
    down = known[0].operation_id
    failed = ProbeRecord(now, ok=False, reason="status", status=500, total_ms=4, attempts=2, message=HOSTILE, excerpt=HOSTILE)  # fmt: skip
    state = OperationState(OperationStatus.DOWN, now, now, 2, now, "status", 500, 4.0, HOSTILE)
    statistics = CycleStatistics(3, 1, 0, 1.0, 2.0, 3.0, [{"operation": HOSTILE, "ms": 3.0}])
    cycles = [
        InterfaceCycle(
            number, at, at, CycleTrigger.CLOCK, outcome, 3, at + timedelta(seconds=2),
            statistics if outcome is CycleOutcome.COMPLETED else CycleStatistics(),
        )
        for at, outcome in (
            (now - timedelta(minutes=30), CycleOutcome.AUTH),
            (now - timedelta(minutes=15), CycleOutcome.SKIPPED),
            (now, CycleOutcome.COMPLETED),
        )
    ]  # fmt: skip
    kept = {(number, one.started_at): one for one in cycles}
    await rows.record(InterfaceWrites([(down, failed)], {down: state}, kept, {}, {number: now}))
    return number, down


async def keep_suite(api: ServedApi, service_id: int) -> int:
    """A suite of the service whose second of two steps failed; its number."""
    now = api.container.clock().now()
    async with api.container.database().connection() as connection:
        number: int = await connection.fetchval(
            """
            insert into interface_operations (service_id, method, origin, path, name, status, status_since)
            values ($1, 'SUITE', 'https://a.example', '/checkout', 'checkout', 'down', now())
            returning operation_id
            """,
            service_id,
        )
    steps = (
        StepRecord(1, "login", "POST /login", ok=True, status=200, total_ms=12),
        StepRecord(2, "order", "POST /orders", reason="condition", status=201, total_ms=34, message=HOSTILE),
        StepRecord(3, "pay", "POST /payments", skipped=True, message="a step before it failed"),
        StepRecord(1, "DELETE /orders", "DELETE /orders", cleanup=True, ok=True, status=204, total_ms=5),
    )
    failed = ProbeRecord(now, ok=False, reason="condition", total_ms=46, message="step 2 of 3, order", steps=steps)
    await api.container.probes().interface_rows().record(InterfaceWrites([(number, failed)]))
    return number
