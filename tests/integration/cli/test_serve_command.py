"""`gridkeeper serve` and `gridkeeper jobs` as processes on a real database, with the sandbox as the platform."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
import structlog

from app.cli.jobs import commands as jobs
from app.cli.service import serve, status
from app.errors import ConfigurationError, Conflict, NotFound
from app.settings import variables
from tests.support.scheduler_factory import rows
from tests.support.store_factory import opened

ROOT = Path(__file__).parents[3]
JOB = "collect:load_actual"
EVENT = re.compile(r"\d{4}-\d\d-\d\dT\S+ \[\w+ *\] \w+( |$)")
SERVE = (
    "import sys; from app.cli.service.serve import Profile, serve_command; "
    "sys.exit(serve_command(profile=Profile(sys.argv[1]) if sys.argv[1] else None, sandbox=True))"
)


HANGS = """
import asyncio, sys
from app import lifecycle
from app.cli.service import serve, serving

async def never_closes(*_arguments, **_options):
    sys.stdout.write("serving\\n")
    sys.stdout.flush()
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            sys.stdout.write("cancelled\\n")
            sys.stdout.flush()

lifecycle.serve, serving.CLOSING_SECONDS = never_closes, float(sys.argv[1])
sys.exit(serve.serve_command(profile=None, sandbox=True))
"""


@pytest.fixture(autouse=True)
def _surroundings(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    monkeypatch.setenv("GRIDKEEPER_COLLECTION__AREAS", "FR")
    monkeypatch.setenv("GRIDKEEPER_COLLECTION__ITEMS", "load_actual")
    monkeypatch.setenv("GRIDKEEPER_WEB__PORT", "0")
    yield
    structlog.reset_defaults()


@contextmanager
def served(log: Path, profile: str = "") -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as sink:
        process = subprocess.Popen([sys.executable, "-c", SERVE, profile], env=environment, stdout=sink, stderr=sink)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert jobs.list_command(as_json=True) == 0
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    return content


def job(capsys: pytest.CaptureFixture[str], name: str = JOB) -> dict[str, Any]:
    return next((one for one in listed(capsys)["jobs"] if one["job"] == name), {})


def wait_for_outcome(capsys: pytest.CaptureFixture[str], outcome: str, seconds: float = 120) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = job(capsys)
        if (found.get("last") or {}).get("outcome") == outcome:
            return found
        time.sleep(0.3)
    raise AssertionError(f"no run of {JOB} ended as {outcome} within {seconds} s")


@pytest.mark.timeout(600)
def test_a_service_collects_at_once_takes_orders_and_ends_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "serve.log"
    with served(log) as process:
        found = wait_for_outcome(capsys, "succeeded")
        assert found["last"]["trigger"] in {"cron", "catch-up"}
        assert found["schedule"] == "every 30m"
        assert listed(capsys)["leader"]["alive"]
        process.send_signal(signal.SIGHUP)
        assert jobs.run_command("housekeeping", sandbox=True, as_json=True) == 0
        assert json.loads(capsys.readouterr().out)["trigger"] == "manual"
        assert jobs.pause_command(JOB, as_json=True) == 0
        assert job(capsys)["paused"]
        assert jobs.resume_command(JOB) == 0
        assert not job(capsys)["paused"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    lines = log.read_text()
    assert "synthetic" in lines
    assert "job_run" in lines
    assert "Traceback" not in lines
    assert [line for line in lines.splitlines() if not EVENT.match(line)] == [], "every line is an event"
    for event in (
        "service_started",
        "http_started",
        "commands_suggested",
        "first_cycle_started",
        "first_cycle_finished",
        "reload_requested",
        "service_stop_requested",
        "service_stopped",
    ):
        assert re.search(rf"\] {event}\b", lines)
    assert "stop=Ctrl-C" in lines.splitlines()[0]
    assert not listed(capsys)["leader"]["alive"]
    assert jobs.history_command(JOB, limit=5, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)[0]["outcome"] == "succeeded"
    assert jobs.list_command(as_json=False) == 0
    assert jobs.history_command(None, limit=5, as_json=False) == 0
    output = capsys.readouterr()
    assert "leader: none" in output.err
    assert "1 window: " in output.out


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_cautious_profile_has_no_backfill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(tmp_path / "serve.log", "cautious") as process:
        assert wait_for_outcome(capsys, "succeeded")["schedule"] == "every 120m"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    # The plan of these settings names it, but no leader has stored it: it has no next run.
    assert job(capsys, "backfill_analysis")["next_run"] is None


@pytest.mark.long
@pytest.mark.timeout(600)
def test_host_port_and_verbosity_are_options_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # the settings name an address that cannot be had
        monkeypatch.setenv("GRIDKEEPER_WEB__HOST", "127.0.0.1")
        monkeypatch.setenv("GRIDKEEPER_WEB__PORT", str(taken.getsockname()[1]))
        port = free_port()
        command = [sys.executable, "-m", "app", "serve", "--sandbox", "--host", "localhost", "--port", str(port), "-v"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                assert process.stdout is not None
                wait_for_line(process.stdout, b"http_started")
                assert httpx.get(f"http://localhost:{port}/health/live").status_code == 200
                wait_for_line(process.stdout, b"[debug")
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=30)
                assert process.returncode == 0
            finally:
                process.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.long
@pytest.mark.parametrize(("signals", "code"), [(1, 0), (2, 130)])
def test_a_service_that_cannot_close_ends_all_the_same(signals: int, code: int) -> None:
    drain = "0" if signals == 1 else "600"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GRIDKEEPER_SCHEDULER__DRAIN_SECONDS": drain}
    command = [sys.executable, "-c", HANGS, "0.2"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        wait_for_line(process.stdout, b"serving")
        process.send_signal(signal.SIGTERM)
        wait_for_line(process.stdout, b"service_stop_requested")
        if signals == 2:
            process.send_signal(signal.SIGTERM)
            wait_for_line(process.stdout, b"cancelled")
        wait_for_line(process.stdout, b"service_aborted")
        assert process.wait(30) == code


def wait_for_line(output: IO[bytes], word: bytes) -> None:
    assert any(word in line for line in output), f"the process ended without {word!r}"


def test_without_a_leader_a_job_runs_in_the_process_that_asks(capsys: pytest.CaptureFixture[str]) -> None:
    assert jobs.run_command(JOB, sandbox=True, as_json=True) == 0
    output = capsys.readouterr()
    run = json.loads(output.out)
    assert (run["outcome"], run["trigger"], run["epoch"]) == ("succeeded", "manual", None)
    assert "runs in this process" in output.err
    assert jobs.run_command(JOB, sandbox=True, as_json=False) == 0


def test_a_failing_job_run_by_hand_is_exit_code_three(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__BASE_URL", "http://127.0.0.1:1/api")
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__BACKOFF", "0.01")
    assert jobs.run_command(JOB, sandbox=True, as_json=True) == 3
    run = json.loads(capsys.readouterr().out)
    assert run["outcome"] == "failed"
    assert "JobFailed" in run["error"]
    assert run["next_attempt_at"] is None


def test_a_job_of_another_name_is_not_found() -> None:
    with pytest.raises(NotFound, match="did you mean"):
        jobs.run_command("colect:load_actual", sandbox=True, as_json=False)
    with pytest.raises(NotFound, match="no job"):
        jobs.pause_command("hausmeister")
    with pytest.raises(NotFound, match="did you mean"):
        jobs.history_command("colect:load_actual", limit=5, as_json=False)


def test_a_job_that_no_leader_has_stored_cannot_rest_yet_and_has_no_history(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(Conflict, match="serve"):
        jobs.pause_command("housekeeping")
    assert jobs.history_command("housekeeping", limit=5, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_without_a_token_the_service_refuses_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="GRIDKEEPER_ENTSOE__TOKEN"):
        serve.serve_command(profile=None, sandbox=False)


def test_a_service_that_lets_other_machines_in_needs_a_key_first() -> None:
    with pytest.raises(ConfigurationError, match=r"no API key exists: make one with `gridkeeper api keys create"):
        serve.serve_command(sandbox=True, host="0.0.0.0")


def test_a_wrong_plan_stops_the_service_at_its_start(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "collection.yaml").write_text("jobs:\n  near_real_time: {every: 3 min}\n")
    with pytest.raises(ConfigurationError, match=r"collection\.yaml, line 2: jobs\.near_real_time"):
        serve.serve_command(profile=None, sandbox=True)


def test_one_cycle_runs_every_collection_and_the_gap_analysis_and_ends(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert serve.serve_command(profile=None, sandbox=True, once=True) == 0
    first = capsys.readouterr()
    assert first.out.splitlines()[0].startswith("one cycle of 2 jobs: ")
    assert f"  {JOB}: " in first.out
    assert "  gap_analysis: gaps: " in first.out
    assert "http_started" not in first.err
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__BASE_URL", "http://127.0.0.1:1/api")
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__BACKOFF", "0.01")
    assert serve.serve_command(profile=None, sandbox=True, once=True) == 1, "asked for though it is not due"
    assert "failed" in capsys.readouterr().out


def test_a_port_that_is_taken_is_told_before_anything_is_collected(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("GRIDKEEPER_WEB__PORT", str(taken.getsockname()[1]))
        with pytest.raises(ConfigurationError, match=r"in use.*GRIDKEEPER_WEB__PORT"):
            serve.serve_command(profile=None, sandbox=True)
    assert "leadership_taken" not in capsys.readouterr().err


def test_a_job_that_cannot_be_read_is_shown_and_refused_with_the_remedy(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(damage(database_url))
    with pytest.raises(Conflict, match=r"stranger cannot run: .* cannot be read: .*; a job of the plan is mended"):
        jobs.run_command("stranger", sandbox=True, as_json=False)
    assert jobs.list_command(as_json=False) == 0
    told = capsys.readouterr()
    assert "unreadable" in told.out
    assert "unreadable: a job of the plan is mended by a running" in told.err
    assert status.status_command() == 0
    assert "jobs      cannot be read: stranger" in capsys.readouterr().out


async def damage(url: str) -> None:
    async with opened(url) as database:
        await rows(
            database, "insert into scheduler_jobs (id, next_run_time, job_state) values ('stranger', 4e9, $1)", b"\x80"
        )


async def test_a_service_of_rules_alone_needs_no_job_and_no_token(tmp_path: Path, database_url: str) -> None:
    from app.lifecycle import serve as serving
    from app.scheduling.plan import RULES
    from app.settings import load_settings

    (tmp_path / "config" / "alerts").mkdir(parents=True)
    lines = "".join(f"  {name}: {{enabled: false}}\n" for name in RULES)
    (tmp_path / "config" / "collection.yaml").write_text(f"jobs:\n{lines}")
    (tmp_path / "config" / "alerts" / "own.yaml").write_text(
        "rules:\n- {name: own, every: 1 s, sql: select 'x' as a}\n"
    )
    settings, stop = load_settings(), asyncio.Event()
    assert settings.entsoe.token is None
    running = asyncio.create_task(serving(settings, lambda _text: None, stop))
    async with asyncio.timeout(60), opened(database_url) as database:
        while not await rows(database, "select 1 from alerts where rule = 'own' and phase = 'firing'"):
            assert not running.done()
            await asyncio.sleep(0.05)
        assert await rows(database, "select 1 from scheduler_jobs") == []
    stop.set()
    await running
