"""What is started, paused and ended over the REST API, and that each command has its route."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.main import get_command

from app.access.models import AccessScope
from app.alerting.rules.book import built_in_files, read_book
from app.cli import cli
from app.settings import ApiSettings
from app.web.api.openapi import operations
from app.web.problem_types import ProblemType
from app.web.routes.v1.api import create_api
from tests.support.api_factory import ServedApi, served_api
from tests.support.store_factory import block

RANGE = {"areas": ["FR"], "items": ["load_actual"], "from": "2024-01-01", "to": "2024-03-01"}

ROUTES = {
    "areas": "list_areas",
    "items": "list_items",
    "gaps": "list_gaps",
    "coverage": "list_coverage",
    "status": "read_status_of_service",
    "check-config": "list_settings",
    "backfill plan": "show_backfill_plan",
    "backfill start": "start_backfill",
    "backfill status": "list_backfills",
    "backfill pause": "pause_backfill",
    "backfill resume": "resume_backfill",
    "backfill cancel": "cancel_backfill",
    "backfill retry-failed": "retry_failed_windows",
    "workers list": "list_workers",
    "workers queues": "list_queues",
    "workers drain": "drain_worker",
    "jobs list": "list_jobs",
    "jobs run": "run_job",
    "jobs pause": "pause_job",
    "jobs resume": "resume_job",
    "jobs history": "list_runs",
    "alerts list": "list_alerts",
    "alerts history": "list_alert_events",
    "alerts ack": "acknowledge_alert",
    "alerts silence": "add_silence",
    "alerts silences": "list_silences",
    "alerts unsilence": "end_silence",
    "alerts maintenance": "add_maintenance",
    "alerts rules": "list_rules",
    "alerts check": "validate_rules",
    "alerts try": "try_rule_once",
    "alerts run": "run_rule_now",
    "alerts pause": "pause_rule",
    "alerts resume": "resume_rule",
    "alerts channels": "list_channels",
    "alerts test": "test_channel",
    "alerts enable": "enable_channel",
    "alerts notifications": "list_notifications",
    "alerts retry": "retry_notification",
    "report daily": "read_daily_report",
    "report weekly": "read_weekly_report",
    "report quality": "read_quality_report",
    "report sla": "read_sla_report",
    "export": "read_observations",
    "quality score": "list_scores",
    "quality findings": "list_findings",
    "quality accept": "accept_finding",
    "quality recheck": "recheck_finding",
    "quality findings accept": "accept_finding",
    "quality findings recheck": "recheck_finding",
    "interfaces list": "list_interface_services",
    "interfaces status": "list_interface_services",
    "interfaces show": "read_interface_service",
    "interfaces run": "run_interface_service",
    "websites list": "list_websites",
    "websites show": "read_website",
    "websites add": "create_website",
    "websites edit": "change_website",
    "websites pause": "pause_website",
    "websites resume": "resume_website",
    "websites check": "check_website_now",
    "websites checks": "list_website_checks",
    "websites remove": "delete_website",
    "websites availability": "read_website_availability",
    "websites acknowledge": "change_website_window",
    "websites maintenance add": "plan_website_maintenance",
    "websites maintenance list": "list_website_maintenance",
    "websites maintenance remove": "remove_website_maintenance",
    "websites export": "list_websites",
    "websites import": "create_website",
    "api openapi": "read_document",
    "api keys create": "create_key",
    "api keys list": "list_keys",
    "api keys revoke": "revoke_key",
    "embeds list": "list_released_views",
    "embeds release": "release_view",
    "embeds revoke": "revoke_view",
}
"""Of each command the operation that does the same."""
NO_ROUTE = {
    "serve": "is what serves",
    "worker": "is a process of its own",
    "sandbox": "is a server of its own",
    "migrate": "needs the service stopped",
    "parse": "reads files, without a database",
    "collect": "is a backfill over the API",
    "detect": "reads files",
    "database url": "tells how to reach the database without the service",
    "psql": "reaches the database without the service",
    "interfaces scan": "reads files",
    "websites try": "checks a URL from where it is called",
    "websites validate": "reads files",
    "interfaces diff": "reads files",
    "interfaces init": "writes a file",
    "interfaces validate": "reads files",
    "interfaces try": "asks services that a file names, from where the command runs",
    "quality detect": "reads files",
    "quality structure": "reads files",
    "open": "opens a browser where it runs",
    **{
        f"users {name}": "decides who may sign in: for who has the database"
        for name in ("add", "disable", "enable", "list", "password", "remove", "show", "sign-out")
    },
    **{
        f"sentinel {name}": "works on a file and a state of its own"
        for name in (
            "daemon",
            "healthcheck",
            "history",
            "import",
            "init",
            "metrics",
            "pause",
            "resume",
            "run",
            "silence",
            "status",
            "unsilence",
            "validate",
        )
    },
    "quality scan": "is the job `quality`, which `POST /jobs/quality/run` asks for",
}


def commands(group: Any, prefix: str = "") -> Iterator[str]:
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, f"{prefix}{name} ")
        if not hasattr(one, "commands") or one.invoke_without_command:
            yield prefix + name


def test_each_command_has_its_route_or_a_reason_why_not() -> None:
    document = create_api(None, ApiSettings()).openapi()
    offered = {operation["operationId"] for _, _, operation in operations(document)}
    known = set(commands(get_command(cli)))
    assert known - set(NO_ROUTE) - set(ROUTES) == set()
    assert set(ROUTES) - known == set()
    assert set(ROUTES.values()) - offered == set()


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[ServedApi]:
    channels = tmp_path / "channels.yaml"
    channels.write_text("channels:\n  journal: {type: log}\n")
    async with served_api(database_url, notifications={"channels_file": channels}) as served:
        await served.container.storage().time_series().store([block([1.0] * 24)])
        yield served


@pytest.fixture
async def operator(api: ServedApi) -> AsyncIterator[httpx.AsyncClient]:
    async with api.client(await api.key(AccessScope.OPERATE, name="operator")) as client:
        yield client


async def done(client: httpx.AsyncClient, path: str, body: Any = None, *, status: int = 200, **options: Any) -> Any:
    answer = await client.post(path, json=body, **options)
    assert answer.status_code == status, answer.text
    return answer.json()


async def data(client: httpx.AsyncClient, path: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = await client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_a_job_is_asked_for_and_its_run_waits_for_the_leader(operator: httpx.AsyncClient) -> None:
    jobs = (await operator.get("/jobs")).json()
    assert "housekeeping" in {one["job"] for one in jobs["jobs"]}
    assert jobs["leader"]["alive"] is False
    runs = [await done(operator, f"/jobs/{name}/run", status=202) for name in ("housekeeping", "gap_analysis")]
    assert [(one["job"], one["trigger"], one["outcome"]) for one in runs] == [
        ("housekeeping", "api", None), ("gap_analysis", "api", None),
    ]  # fmt: skip
    assert await data(operator, "/runs") == runs[::-1]
    assert await data(operator, "/runs", job="housekeeping") == runs[:1]
    page = (await operator.get("/runs?limit=1")).json()
    assert page["data"] + await data(operator, "/runs", next=page["next"]) == runs[::-1]
    never = await operator.post("/jobs/housekeeping/pause")
    assert (never.status_code, never.json()["type"]) == (409, ProblemType.CONFLICT.uri)
    assert "did you mean housekeeping" in (await operator.post("/jobs/housekeping/run")).json()["detail"]


async def test_a_backfill_is_planned_started_paused_and_ended(operator: httpx.AsyncClient) -> None:
    query = {"area": "FR", "item": "load_actual", "from": "2024-01-01", "to": "2024-03-01"}
    plan = (await operator.get("/backfills/plan", params=query)).json()
    started = await done(operator, "/backfills", RANGE, status=201)
    assert started["windows"] == len(plan["windows"]) >= 1
    path = f"/backfills/{started['id']}"
    assert (await operator.get(path)).json()["planned"] == started["windows"]
    assert (await done(operator, f"{path}/pause"))["state"] == "paused"
    assert (await done(operator, f"{path}/resume"))["state"] != "paused"
    assert (await done(operator, f"{path}/retry-failed"))["id"] == started["id"]
    assert (await done(operator, f"{path}/cancel"))["state"] == "cancelled"
    assert [one["id"] for one in await data(operator, "/backfills")] == [started["id"]]
    assert await data(operator, f"{path}/failures") == []
    assert (await operator.post(f"{path}/resume")).status_code == 409
    assert (await operator.get("/backfills/999")).status_code == 404


@pytest.mark.parametrize(
    ("changed", "field", "kind"),
    [
        ({"areas": ["DE_LX"]}, "area", ProblemType.UNKNOWN_NAME),
        ({"from": "soon"}, "from", ProblemType.INVALID_REQUEST),
        ({"from": "1991-01-01"}, "from", ProblemType.LIMIT_EXCEEDED),
        ({"reprocess": "some"}, "reprocess", ProblemType.INVALID_REQUEST),
        ({"concurrency": 0}, "concurrency", ProblemType.INVALID_REQUEST),
    ],
)
async def test_a_backfill_that_cannot_be_is_refused_by_its_field(
    operator: httpx.AsyncClient, changed: dict[str, Any], field: str, kind: ProblemType
) -> None:
    content = await done(operator, "/backfills", RANGE | changed, status=422)
    assert content["type"] == kind.uri
    assert [(one["field"], one["location"]) for one in content["errors"]] == [(field, "body")]


async def test_a_request_that_comes_again_with_its_key_does_its_work_once(
    api: ServedApi, operator: httpx.AsyncClient
) -> None:
    headers = {"Idempotency-Key": "one"}
    answers = [await operator.post("/backfills", json=RANGE, headers=headers) for _ in range(3)]
    assert {(one.status_code, one.text) for one in answers} == {(201, answers[0].text)}
    assert [one.headers.get("idempotency-replayed") for one in answers] == [None, "true", "true"]
    other = await operator.post("/backfills", json=RANGE | {"to": "2024-02-01"}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, ProblemType.KEY_REUSED.uri)
    assert len(await data(operator, "/backfills")) == 1
    async with api.client(await api.key(AccessScope.OPERATE)) as another:
        assert (await another.post("/backfills", json=RANGE, headers=headers)).headers.get(
            "idempotency-replayed"
        ) is None
    bad = await operator.post("/backfills", json=RANGE, headers={"Idempotency-Key": "a b"})
    assert bad.json()["errors"][0]["location"] == "header"


async def test_a_request_that_failed_may_be_sent_again_under_its_key(operator: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "two"}
    for _ in range(2):
        await done(operator, "/jobs/nobody/run", status=404, headers=headers)


async def test_of_requests_at_once_with_one_key_one_does_the_work(operator: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "three"}
    answers = await asyncio.gather(*(operator.post("/backfills", json=RANGE, headers=headers) for _ in range(5)))
    assert {one.status_code for one in answers} <= {201, 409}
    assert len(await data(operator, "/backfills")) == 1


async def test_silences_and_maintenance_are_made_by_whoever_asks_and_ended(operator: httpx.AsyncClient) -> None:
    silence = await done(operator, "/silences", {"matchers": ["rule=data_late"], "for": "2h"}, status=201)
    assert (silence["by"], silence["matchers"], silence["state"]) == ("operator", ["rule=data_late"], "active")
    assert [one["id"] for one in await data(operator, "/silences")] == [silence["id"]]
    assert (await operator.delete(f"/silences/{silence['id']}")).status_code == 204
    assert await data(operator, "/silences") == []
    assert len(await data(operator, "/silences", all="true")) == 1
    window = {"matchers": ["area=~DE.*"], "cron": "0 3 * * 0", "for": "2h", "zone": "Europe/Berlin"}
    made = await done(operator, "/maintenance", window, status=201)
    assert (made["seconds"], made["by"]) == (7200.0, "operator")
    assert (await operator.delete(f"/maintenance/{made['id']}")).status_code == 204
    assert (await operator.delete(f"/maintenance/{made['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/silences", {"matchers": ["rule"], "for": "2h"}, "rule"),
        ("/silences", {"matchers": ["rule=x"]}, "say how long it lasts: for 2h, or until"),
        ("/silences", {"matchers": ["rule=x"], "for": "long"}, "is no duration"),
        ("/silences", {"matchers": [], "for": "2h"}, "name at least one"),
        ("/maintenance", {"matchers": ["rule=x"], "cron": "x", "for": "2h"}, "cron"),
        ("/maintenance", {"matchers": ["rule=x"], "cron": "0 3 * * 0", "for": "2h", "zone": "Mars"}, "no time zone"),
    ],
)
async def test_a_silence_that_cannot_be_is_refused_with_the_remedy(
    operator: httpx.AsyncClient, path: str, body: dict[str, Any], said: str
) -> None:
    content = await done(operator, path, body, status=422)
    assert said in content["detail"]
    assert "--" not in content["detail"]


async def test_rules_are_listed_checked_tried_and_run(operator: httpx.AsyncClient) -> None:
    rules = {one["name"] for one in await data(operator, "/rules", limit=1000)}
    assert rules == set(read_book(built_in_files()).book.rules)
    wrong = await done(operator, "/rules/validate", {"text": "rules:\n  - name: x\n    severty: info\n"})
    assert wrong["valid"] is False
    assert "did you mean severity" in str(wrong["problems"])
    assert (await done(operator, "/rules/validate", {"text": "rules: []"}))["problems"] == []
    for action in ("try", "run"):
        assert (await done(operator, f"/rules/data_late/{action}"))["verdict"] in {"ok", "firing", "no_data"}
    assert await done(operator, "/rules/data_late/pause") == {"rule": "data_late", "paused": True}
    assert await done(operator, "/rules/data_late/resume") == {"rule": "data_late", "paused": False}
    await done(operator, "/rules/nobody/run", status=404)


async def test_the_trigger_of_a_rule_that_is_run_over_the_api_says_so(
    api: ServedApi, operator: httpx.AsyncClient
) -> None:
    await done(operator, "/rules/data_late/run")
    async with api.container.database().connection() as connection:
        assert [row["trigger"] for row in await connection.fetch("select trigger from rule_executions")] == ["api"]


async def test_alerts_are_listed_and_their_history_told(operator: httpx.AsyncClient) -> None:
    assert await data(operator, "/alerts") == []
    assert await data(operator, "/alerts/history", **{"from": "-30d"}) == []
    await done(operator, "/rules/data_late/run")
    assert [one["rule"] for one in await data(operator, "/alerts/summary")] == ["data_late"]
    await done(operator, "/alerts/7/ack", {"comment": "seen"}, status=404)


async def test_channels_are_listed_tried_and_enabled(operator: httpx.AsyncClient) -> None:
    assert [(one["channel"], one["type"]) for one in await data(operator, "/channels")] == [("journal", "log")]
    tried = await done(operator, "/channels/journal/test")
    assert (tried["sent"], [one["verdict"] for one in tried["parts"]]) == (True, ["sent"])
    assert (await done(operator, "/channels/journal/enable"))["channel"] == "journal"
    assert "did you mean journal" in (await done(operator, "/channels/jurnal/test", status=404))["detail"]
    assert await data(operator, "/notifications", status="failed") == []
    await done(operator, "/notifications/7/retry", status=404)


@pytest.mark.parametrize("path", ["/reports/daily", "/reports/weekly", "/reports/quality"])
@pytest.mark.parametrize(
    ("form", "kind", "begins"),
    [("json", "application/json", "{"), ("html", "text/html", "<!"), ("md", "text/markdown", "# ")],
)
async def test_reports_come_as_asked_for(
    operator: httpx.AsyncClient, path: str, form: str, kind: str, begins: str
) -> None:
    answer = await operator.get(path, params={"format": form})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == kind
    assert answer.text.lower().startswith(begins)


async def test_a_day_that_is_none_is_refused(operator: httpx.AsyncClient) -> None:
    for day, said in (("soon", "is no moment"), ("2100-01-01", "has not begun yet")):
        answer = await operator.get("/reports/daily", params={"day": day})
        assert (answer.status_code, said in answer.json()["detail"]) == (422, True)


async def test_changes_are_recorded_with_what_was_answered(api: ServedApi, operator: httpx.AsyncClient) -> None:
    await done(operator, "/jobs/housekeeping/run", status=202)
    await done(operator, "/jobs/nobody/run", status=404)
    await done(operator, "/silences", {"matchers": []}, status=422)
    async with api.client(await api.key(AccessScope.ADMIN)) as admin:
        found = await data(admin, "/audit", actor="operator")
    assert [(one["action"], one["target"], one["status"]) for one in found] == [
        ("add_silence", "/api/v1/silences", 422),
        ("run_job", "/api/v1/jobs/nobody/run", 404),
        ("run_job", "/api/v1/jobs/housekeeping/run", 202),
    ]
