"""`gridkeeper sentinel daemon` in this process: slots, probes, figures, edits of its file, SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.cli import run
from tests.support.sentinel_world import SentinelWorld, WebhookReceiver, webhook_receiver

# Without coverage: it once stood still in the tracer when the signal for this very process came.
pytestmark = pytest.mark.long

EVERY_SECOND = "* * * * * *"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as found:
        yield found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def fetched(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def until(condition: Callable[[], bool]) -> None:
    """Wait for it; what never comes fails the test."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            pytest.fail("it never came")
        time.sleep(0.05)


def while_it_runs(arguments: list[str], act: Callable[[], None]) -> int:
    """The exit code of a daemon in this process, which is stopped by SIGTERM when what is done meanwhile is done."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001  it is raised in the test below
            failures.append(error)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=work)
    thread.start()
    code = run(["sentinel", "daemon", *arguments])
    thread.join()
    if failures:
        raise failures[0]
    return code


def test_it_runs_what_is_due_and_follows_its_file(
    tmp_path: Path, receiver: WebhookReceiver, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("SENTINEL_API_TOKEN", "t0ken")
    world, port = SentinelWorld(tmp_path, receiver.url), free_port()
    world.write(schedule=EVERY_SECOND)
    world.say("ALERT", 7)
    seen: dict[str, Any] = {}

    def figure(name: str) -> float:
        lines = [line for line in fetched(port, "/metrics")[1].splitlines() if line.startswith(name)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def act() -> None:
        until(lambda: len(receiver.taken) == 1)
        until(lambda: figure('sqlsentinel_notifications_total{channel="webhook",status="success"}') == 1)
        seen["health"], seen["ready"], seen["none"] = (
            fetched(port, "/health"),
            fetched(port, "/ready"),
            fetched(port, "/x"),
        )
        seen["metrics"] = run(["sentinel", "metrics", "--port", str(port)])
        # An edit that cannot be used leaves everything as it was, and people are told.
        world.file.write_text("alerts: [")
        until(lambda: figure("sqlsentinel_config_reload_failures_total") == 1)
        assert figure("sqlsentinel_scheduler_jobs") == 1
        until(lambda: len(receiver.taken) == 2)
        # An editor or a mounted secret puts another file in its place.
        other = world.folder / "next.yaml"
        world.write(schedule=EVERY_SECOND, extra=f"  - {{name: two, query: SELECT 1, schedule: '{EVERY_SECOND}'}}\n")
        other.write_text(world.file.read_text())
        world.file.write_text("alerts: [")
        other.replace(world.file)
        until(lambda: figure('sqlsentinel_alerts_total{alert_name="two",status="error"}') >= 1)
        world.write(schedule=EVERY_SECOND)
        until(lambda: figure("sqlsentinel_scheduler_jobs") == 1)
        run_it = urllib.request.Request(
            f"http://127.0.0.1:{port}/alerts/one/run", method="POST", headers={"Authorization": "Bearer t0ken"}
        )
        with urllib.request.urlopen(run_it, timeout=10) as answer:
            assert answer.status == 202
        until(lambda: world.rows("SELECT * FROM sqlsentinel_executions WHERE triggered_by = 'API'") != [])
        world.say("OK")
        until(lambda: figure('sqlsentinel_alerts_total{alert_name="one",status="OK"}') >= 1)

    options = [str(world.file), "--state-db", world.state, "--reload", "--port", str(port), "--log-level", "WARNING"]
    assert while_it_runs(options, act) == 0
    assert seen["health"] == (200, '{"status": "healthy"}')
    ready = json.loads(seen["ready"][1])
    assert (ready["status"], ready["checks"]["scheduler"]["jobs_count"]) == ("healthy", 1)
    assert ready["checks"]["scheduler"]["message"] == "1 jobs scheduled"
    assert ready["checks"]["state_database"]["status"] == "healthy"
    assert (seen["none"][0], seen["metrics"]) == (404, 0)
    assert 'sqlsentinel_scheduler_job_runs_total{alert_name="one"}' in capsys.readouterr().out
    refused = receiver.taken[1]
    assert (refused["alert_name"], refused["status"]) == ("sqlsentinel: file", "ALERT")
    assert "this is no YAML" in refused["context"]["problem"]
    assert {told["alert_name"] for told in receiver.taken} == {"one", "sqlsentinel: file"}
    assert world.rows("SELECT current_status FROM sqlsentinel_state WHERE alert_name = 'sqlsentinel: file'") == [
        ("OK",)
    ]
    reasons = "SELECT triggered_by, count(*) > 1 FROM sqlsentinel_executions GROUP BY 1 ORDER BY 1"
    assert world.rows(reasons) == [("API", 0), ("CRON", 1)]
    assert world.rows("SELECT current_status FROM sqlsentinel_state WHERE alert_name = 'one'") == [("OK",)]


def test_sigterm_ends_a_long_query_at_its_server(
    tmp_path: Path, receiver: WebhookReceiver, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.alerting.sqlsentinel.daemon.daemon.DRAIN_SECONDS", 0.2)
    world, port = SentinelWorld(tmp_path, receiver.url), free_port()
    world.write(schedule=EVERY_SECOND)
    text = world.file.read_text().replace("SELECT status, value", "SELECT pg_sleep(300) AS status, 1")
    world.file.write_text(text.replace(" FROM t", ""))
    running = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"

    def count() -> int:
        with psycopg.connect(empty_database_url, autocommit=True) as connection:
            row = connection.execute(running).fetchone()
            return row[0] if row else 0

    options = ["--database-url", empty_database_url, "--state-db", world.state, "--port", str(port)]
    assert while_it_runs([str(world.file), *options], lambda: until(lambda: count() == 1)) == 0
    until(lambda: count() == 0)
    assert world.rows("SELECT * FROM sqlsentinel_executions") == []


def test_a_daemon_that_cannot_begin_says_why(
    tmp_path: Path, receiver: WebhookReceiver, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = SentinelWorld(tmp_path, receiver.url)
    monkeypatch.setenv("PORT", "many")
    assert run(["sentinel", "daemon", str(world.file)]) == 1
    assert "PORT is 'many' and no number" in capsys.readouterr().err
    monkeypatch.delenv("PORT")
    assert run(["sentinel", "daemon", str(world.file), "--state-db", "sqlite:////nowhere/x.db"]) == 1
    assert run(["sentinel", "metrics", "--port", str(free_port())]) == 1
    assert "no daemon answers" in capsys.readouterr().err


def test_the_health_of_what_a_file_needs(
    tmp_path: Path, receiver: WebhookReceiver, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = SentinelWorld(tmp_path, receiver.url)
    for name in ("DATABASE_URL", "WEBHOOK_URL", "SLACK_WEBHOOK_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SMTP_HOST", "localhost")
    monkeypatch.setenv("STATE_DB_URL", world.state)
    assert run(["sentinel", "healthcheck", str(world.file), "--output", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["checks"]["alert_database"]["status"]) == ("healthy", "healthy")
    channels = {
        "email": {"status": "healthy"},
        "slack": {"status": "not_configured"},
        "webhook": {"status": "not_configured"},
    }
    assert found["checks"]["notifications"]["channels"] == channels
    assert run(["sentinel", "healthcheck", str(world.file), "--database-url", f"sqlite:///{tmp_path}/none.db"]) == 1
    out = capsys.readouterr().out
    assert (
        "✗ Alert Database\n  Status: unhealthy\n  Message: Database connection failed: unable to open database file"
        in out
    )
    assert "Overall Status: UNHEALTHY" in out
    assert run(["sentinel", "healthcheck", str(tmp_path / "none.yaml")]) == 1
