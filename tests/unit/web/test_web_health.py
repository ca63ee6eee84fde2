"""Health: who counts as alive, who as ready, and why not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from structlog.testing import capture_logs

from app.collection.models import CollectionRun, Outcome
from app.db.status import NOT_ASKED, AlertCounts, DatabaseState, HealthCheck
from app.errors import AppError, Conflict, DatabaseUnavailable, NotFound, SchedulerStateError
from app.market.time import iso_exact
from app.scheduling.service import STANDBY
from app.settings import Origin
from app.web.app import create_app
from app.web.health import disk_warnings, full_disk, why_dead, why_unready
from app.web.problem_details import status_of
from tests.support.web_factory import GOOD, IDLE, NOW, KnownDatabase, Service, asking, collection_run, status

SANDBOX = Origin.SANDBOX


def failed(error_class: str, message: str) -> CollectionRun:
    return collection_run(Outcome.FAILED, error_class=error_class, error_message=message)


async def answer(service: Service, path: str, method: str = "GET") -> httpx.Response:
    async with asking(create_app(service.probes())) as client:
        return await client.request(method, path)


def test_a_scheduler_that_ticks_is_alive() -> None:
    assert not why_dead(status())


def test_a_leader_that_does_not_tick_is_dead_because_of_its_jobs() -> None:
    assert "looked at its jobs 75 s ago" in why_dead(status(alive=False, tick_age=75.0))


@pytest.mark.parametrize("tick_age", [None, 1.0])
def test_a_process_that_gives_no_sign_of_life_is_dead_because_of_that(tick_age: float | None) -> None:
    assert "sign of life 80 s ago" in why_dead(status(alive=False, tick_age=tick_age, round_age=80.0))


def test_a_leader_that_ticks_on_a_good_database_is_ready() -> None:
    assert why_unready(status(), GOOD, SANDBOX) == []


@pytest.mark.parametrize(
    ("free", "unready", "warned"),
    [(10_000_000, True, False), (1_000_000_000, False, True), (9_000_000_000, False, False)],
)
def test_a_disk_that_fills_up_is_warned_of_and_a_full_one_is_not_ready(free: int, unready: bool, warned: bool) -> None:
    disk = (free, 100_000_000_000)
    assert ("no space is left" in full_disk(disk), bool(disk_warnings(disk))) == (unready, warned)
    assert (full_disk(None), disk_warnings(None)) == ("", [])


def test_a_standby_on_a_good_database_is_ready() -> None:
    assert why_unready(status(role=STANDBY, epoch=None, tick_age=None), GOOD, SANDBOX) == []


def test_a_leader_before_its_first_tick_is_not_ready() -> None:
    assert why_unready(status(tick_age=None), GOOD, SANDBOX) == ["the scheduler has not looked at its jobs yet"]


def test_a_dead_scheduler_is_not_ready() -> None:
    assert why_unready(status(alive=False, tick_age=75.0), GOOD, SANDBOX) == [
        why_dead(status(alive=False, tick_age=75.0))
    ]


def test_a_standby_that_cannot_stand_for_election_is_not_ready() -> None:
    assert why_unready(status(role=STANDBY, database_error="refused"), GOOD, SANDBOX) == ["refused"]


def test_every_check_that_failed_is_a_reason() -> None:
    state = DatabaseState(database=HealthCheck(error="no answer within 2 s"))
    reasons = why_unready(status(), state, SANDBOX)
    assert reasons[0] == "database: no answer within 2 s"
    assert reasons[1:] == [f"{name}: {NOT_ASKED.error}" for name in ("schema", "level", "origin")]


@pytest.mark.parametrize(("found", "said"), [("platform", "holds data of platform"), ("", "nobody yet")])
def test_a_database_of_another_origin_is_a_reason(found: str, said: str) -> None:
    [reason] = why_unready(status(), replace(GOOD, origin=HealthCheck(found)), SANDBOX)
    assert said in reason


async def test_live_answers_while_the_database_hangs() -> None:
    service = Service(database=KnownDatabase(hangs=True))
    found = await answer(service, "/health/live")
    assert (found.status_code, found.json()["status"]) == (200, "alive")
    assert service.database.looks == 0


async def test_live_fails_with_the_reason_when_the_scheduler_is_dead() -> None:
    found = await answer(Service(scheduler=status(alive=False, tick_age=75.0)), "/health/live")
    assert found.status_code == 503
    assert found.json() == {
        "status": "dead",
        "reasons": ["the scheduler last looked at its jobs 75 s ago"],
        "role": "leader",
        "name": "host:1",
        "epoch": 3,
        "tick_age_seconds": 75.0,
    }


async def test_ready_tells_role_checks_work_and_platform() -> None:
    service = Service(tasks=replace(IDLE, held="too much memory"))
    await service.platform.observe(collection_run())
    found = await answer(service, "/health/ready")
    told = found.json()
    assert (found.status_code, told["status"], told["reasons"]) == (200, "ready", [])
    assert (told["role"], told["epoch"], told["tick_age_seconds"]) == ("leader", 3, 1.0)
    assert told["level"] == {"ok": True, "found": "plain PostgreSQL", "seconds": 0.0}
    assert told["work"]["backfill_held"] == "too much memory"
    assert told["platform"]["state"] == "answering"
    assert told["platform"]["answered_at"] == iso_exact(NOW + timedelta(seconds=2.5))


async def test_ready_fails_with_every_reason() -> None:
    service = Service(database=KnownDatabase(DatabaseState(database=HealthCheck(error="gone"))))
    found = await answer(service, "/health/ready")
    assert found.status_code == 503
    assert found.json()["database"] == {"ok": False, "error": "gone", "seconds": 0.0}
    assert "database: gone" in found.json()["reasons"]


async def test_a_platform_that_is_down_is_told_and_does_not_make_us_unready() -> None:
    service = Service()
    for _ in range(2):
        await service.platform.observe(failed("SourceUnavailable", "503 again"))
    found = await answer(service, "/health/ready")
    assert (found.status_code, found.json()["reasons"]) == (200, [])
    told = found.json()["platform"]
    assert (told["state"], told["failures_in_a_row"], told["error_class"]) == ("down", 2, "SourceUnavailable")
    assert found.json()["warnings"] == ["platform: the platform gives no answer: 503 again; it is asked again"]


async def test_a_refused_token_is_a_warning_with_its_time_and_without_the_token() -> None:
    service = Service()
    await service.platform.observe(failed("AccessDenied", "securityToken=se3cret refused"))
    found = await answer(service, "/health/ready")
    told = found.json()["platform"]
    assert (found.status_code, told["state"]) == (200, "refused_token")
    assert told["checked_at"] == iso_exact(NOW + timedelta(seconds=2.5))
    assert "GRIDKEEPER_ENTSOE__TOKEN" in found.json()["warnings"][0]
    assert "se3cret" not in found.text


async def test_jobs_that_cannot_be_read_and_a_wrong_plan_are_warnings() -> None:
    service = Service(scheduler=status(unreadable=("stranger",), plan_error="line 2: wrong"))
    found = await answer(service, "/health/ready")
    assert found.status_code == 200
    assert [one.partition(":")[0] for one in found.json()["warnings"]] == ["plan", "jobs"]
    assert "stranger" in found.json()["warnings"][1]
    assert found.json()["work"]["unreadable_jobs"] == ["stranger"]


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/health", "/health/live/x"])
async def test_an_unknown_path_is_told_as_json(path: str) -> None:
    found = await answer(Service(), path)
    assert found.status_code == 404
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["detail"].endswith("see /health/live, /health/ready and /metrics")


async def test_only_reading_is_allowed() -> None:
    found = await answer(Service(), "/metrics", "POST")
    assert (found.status_code, found.json()["status"]) == (405, 405)
    assert "GET" in found.headers["allow"]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
async def test_head_is_answered_for_checkers_that_ask_so(path: str) -> None:
    assert (await answer(Service(), path, "HEAD")).status_code == 200


async def test_an_unexpected_error_is_logged_and_its_text_is_not_shown() -> None:
    app = create_app(Service().probes())

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("password=se3cret")

    async with asking(app) as client:
        with capture_logs() as logs:
            found = await client.get("/broken")
    assert (found.status_code, found.json()["detail"]) == (500, "this failed; the log says why")
    assert [(log["event"], log["path"]) for log in logs] == [("request_failed", "/broken")]


async def test_an_error_of_ours_is_told_without_secrets() -> None:
    app = create_app(Service().probes())

    @app.get("/away")
    async def away() -> None:
        raise DatabaseUnavailable("postgresql://me:se3cret@db/x does not answer")

    async with asking(app) as client:
        found = await client.get("/away")
    assert found.status_code == 503
    assert found.json()["detail"] == "postgresql://me:***@db/x does not answer"


@pytest.mark.parametrize(
    ("error", "status_code"),
    [
        (NotFound("x"), 404),
        (Conflict("x"), 409),
        (SchedulerStateError("x"), 409),
        (DatabaseUnavailable("x"), 503),
        (AppError("x"), 500),
    ],
)
def test_an_error_of_ours_has_a_status(error: AppError, status_code: int) -> None:
    assert status_of(error) == status_code


async def test_the_application_measures_the_loop_while_it_lives_and_closes_the_probe_at_its_end() -> None:
    service = Service()
    app = create_app(service.probes())
    async with app.router.lifespan_context(app):
        assert "event loop lag" in {task.get_name() for task in asyncio.all_tasks()}
        assert not service.database.closed
    await asyncio.sleep(0)
    assert "event loop lag" not in {task.get_name() for task in asyncio.all_tasks()}
    assert service.database.closed


async def test_alerts_that_are_not_evaluated_or_delivered_are_warnings() -> None:
    service = Service()
    service.database.state = replace(GOOD, alerts=AlertCounts(failed=4, disabled=("mail", "pager")))
    files = ["config/interfaces.yaml, line 3: services.shop: there is no such field"]
    probes = replace(service.probes(), rules_age=lambda: 45.2, delivery_age=lambda: 31.0, files=lambda: files)
    probes = replace(probes, refusal=lambda: "PostgreSQL refuses")
    async with asking(create_app(probes)) as client:
        found = await client.get("/health/ready")
    assert (found.status_code, found.json()["warnings"]) == (
        200,
        [
            "alerts: no rule has been evaluated in this process for 45 s",
            "messages: none has been looked for in this process for 31 s",
            "messages: disabled channels take none: mail, pager; `gridkeeper alerts channels` says why",
            "messages: 4 failed within a day; see `gridkeeper alerts notifications --failed`",
            "connections: PostgreSQL refuses",
            "file: config/interfaces.yaml, line 3: services.shop: there is no such field",
        ],
    )


async def test_alert_tables_that_cannot_be_read_are_a_warning_and_no_number() -> None:
    service = Service()
    service.database.state = replace(GOOD, alerting=HealthCheck(error="no answer within 2 s"), alerts=None)
    async with asking(create_app(service.probes())) as client:
        ready, metrics = await client.get("/health/ready"), await client.get("/metrics")
    assert ready.json()["warnings"] == ["alerts: their tables cannot be read: no answer within 2 s"]
    assert "\ngridkeeper_alerts_firing NaN\n" in metrics.text


async def test_metrics_count_alerts_messages_and_channels() -> None:
    service = Service()
    service.database.state = replace(GOOD, alerts=AlertCounts(3, 2, 4, ("mail",), {("mail", "sent"): 7}, 14))
    service.metrics.follow_rules(lambda: 1.5)
    async with asking(create_app(service.probes())) as client:
        text = (await client.get("/metrics")).text
    for line in (
        "gridkeeper_alerts_firing 3.0",
        "gridkeeper_alerts_held_back 14.0",
        "gridkeeper_messages_waiting 2.0",
        "gridkeeper_messages_failed 4.0",
        "gridkeeper_channels_disabled 1.0",
        "gridkeeper_alert_evaluation_age_seconds 1.5",
        'gridkeeper_deliveries_attempted_total{channel="mail",verdict="sent"} 7.0',
    ):
        assert f"\n{line}\n" in text


def test_a_process_of_which_no_term_does_any_work_is_dead_because_of_that() -> None:
    dead = status(alive=False, role=STANDBY, tick_age=None, failing_age=310.0, database_error="read-only")
    assert why_dead(dead) == "for 310 s no term of this leader has done any work: read-only"
