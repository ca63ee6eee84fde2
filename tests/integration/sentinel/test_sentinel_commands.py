"""`gridkeeper sentinel run` and its sisters: exit codes, outputs, states, and messages that are sent at least once."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from app.cli import run
from app.cli.sentinel import running
from tests.support.sentinel_world import SentinelWorld, WebhookReceiver, webhook_receiver


@pytest.fixture(scope="module")
def shared_receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as found:
        yield found


@pytest.fixture
def receiver(shared_receiver: WebhookReceiver) -> WebhookReceiver:
    shared_receiver.status = 200
    shared_receiver.taken.clear()
    return shared_receiver


@pytest.fixture
def world(tmp_path: Path, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch) -> SentinelWorld:
    for name in ("DATABASE_URL", "SMTP_HOST", "SLACK_WEBHOOK_URL"):
        monkeypatch.delenv(name, raising=False)
    found = SentinelWorld(tmp_path, receiver.url)
    monkeypatch.setenv("STATE_DB_URL", found.state)
    monkeypatch.setattr(running, "PAUSES", (0.0,))
    return found


def sentinel(world: SentinelWorld, command: str, *options: str) -> int:
    return run(["sentinel", command, str(world.file), *options])


def run_json(world: SentinelWorld, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    sentinel(world, "run", "--output", "json", *options)
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_a_transition_is_told_once_and_kept_as_the_original_keeps_it(
    world: SentinelWorld, receiver: WebhookReceiver, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentinel(world, "run") == 0
    assert "✓ one: success (" in capsys.readouterr().out
    world.say("alert", 9.5)
    assert sentinel(world, "run") == 1
    out = capsys.readouterr().out
    assert "Executing: one...\n✗ one: failure (" in out
    assert "Total: 1 | Success: 0 | Failed: 1" in out
    assert sentinel(world, "run", "--alert", "one") == 0
    assert "Query Status: ALERT\nActual Value: 9.5\nThreshold: 5\nContext: {'note': 'x'}" in capsys.readouterr().out
    (told,) = receiver.taken
    assert told == {
        "alert_name": "one", "status": "ALERT", "description": "the first", "actual_value": 9.5, "threshold": 5, "context": {"note": "x"},
    }  # fmt: skip
    assert receiver.headers[-1]["X-Team"] == "data"
    states = "SELECT current_status, consecutive_alerts, consecutive_oks, notification_failures, last_notification_channel FROM sqlsentinel_state"
    assert world.rows(states) == [("ALERT", 2, 0, 0, "webhook")]
    history = "SELECT status, actual_value, threshold, triggered_by, notification_sent, context_data FROM sqlsentinel_executions ORDER BY id"
    assert world.rows(history) == [
        ("OK", 1.0, 5.0, "MANUAL", 0, '{"note": "x"}'),
        ("ALERT", 9.5, 5.0, "MANUAL", 1, '{"note": "x"}'),
        ("ALERT", 9.5, 5.0, "MANUAL", 0, '{"note": "x"}'),
    ]


def test_the_json_of_a_run(world: SentinelWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.write(
        extra="  - {name: two, query: SELECT 1, schedule: '@daily'}\n  - {name: idle, query: x, schedule: '@daily', enabled: false}\n"
    )
    world.say("ALERT", 7)
    one, two = run_json(world, capsys)
    assert (one["alert_name"], one["status"], one["query_status"], one["actual_value"]) == (
        "one",
        "failure",
        "ALERT",
        7,
    )
    assert (one["threshold"], one["context"], one["notification_sent"], one["error"]) == (5, {"note": "x"}, True, None)
    assert (two["status"], two["query_status"], "no column status" in two["error"]) == ("error", None, True)


def test_an_alert_behind_one_that_fires_is_left_out(world: SentinelWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.write(extra="  - {name: two, query: SELECT 'OK' AS status, schedule: '@daily', depends_on: one}\n")
    world.say("ALERT", 7)
    (_, two) = run_json(world, capsys)
    assert (two["status"], two["query_status"], two["warning"]) == ("skipped", None, "one fires or fails")
    assert sentinel(world, "run", "--alert", "two") == 0
    assert "Skipping two: one, which it depends on, fires or fails" in capsys.readouterr().out
    assert world.rows("SELECT DISTINCT alert_name FROM sqlsentinel_executions") == [("one",)]
    world.say("OK")
    (_, two) = run_json(world, capsys)
    assert two["status"] == "success"


def test_a_paused_alert_is_left_out_until_it_is_resumed(
    world: SentinelWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentinel(world, "pause", "--alert", "one") == 0
    assert sentinel(world, "run") == 0
    assert "⊘ Skipping paused alert: one" in capsys.readouterr().out
    assert sentinel(world, "status") == 0
    assert "Never Run (paused)" in capsys.readouterr().out
    assert sentinel(world, "run", "--alert", "one") == 0
    assert sentinel(world, "resume", "--alert", "one") == 0
    assert len(run_json(world, capsys)) == 1
    assert sentinel(world, "resume", "--alert", "none") == 1
    assert "there is no alert 'none'; there are one" in capsys.readouterr().err


def test_a_dry_run_keeps_nothing_and_tells_nobody(world: SentinelWorld, receiver: WebhookReceiver) -> None:
    world.say("ALERT")
    assert sentinel(world, "run", "--dry-run") == 1
    assert sentinel(world, "run", "--dry-run", "--alert", "one") == 0
    assert receiver.taken == []
    assert not (world.folder / "state.db").exists()


def test_a_message_that_was_not_taken_goes_with_a_later_run(
    world: SentinelWorld, receiver: WebhookReceiver, capsys: pytest.CaptureFixture[str]
) -> None:
    world.say("ALERT")
    receiver.status = 503
    (failed,) = run_json(world, capsys)
    assert (failed["notification_sent"], "503" in failed["notification_error"]) == (False, True)
    assert world.rows("SELECT notification_failures FROM sqlsentinel_state") == [(1,)]
    receiver.status = 200
    world.change("UPDATE sqlsentinel_outbox SET due_at = created_at")
    (later,) = run_json(world, capsys)
    assert (len(receiver.taken), later["notification_sent"]) == (1, False)
    assert world.rows("SELECT notification_sent FROM sqlsentinel_executions ORDER BY id") == [(1,), (0,)]
    assert world.rows("SELECT attempts, due_at, error FROM sqlsentinel_outbox") == [(2, None, None)]


def test_strict_laws_give_up_and_so_lose_the_transition(
    world: SentinelWorld, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr("app.alerting.sqlsentinel.notices.sending.FIRST_PAUSE", timedelta(0))
    world.write("compat: strict\n")
    world.say("ALERT")
    receiver.status = 503
    sentinel(world, "run")
    assert world.rows("SELECT attempts, due_at FROM sqlsentinel_outbox") == [(3, None)]


def test_a_silence_holds_back_what_is_told_when_it_ends(
    world: SentinelWorld, receiver: WebhookReceiver, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentinel(world, "silence", "--alert", "one", "--duration", "2") == 0
    assert "✓ Alert 'one' silenced until " in capsys.readouterr().out
    world.say("ALERT")
    sentinel(world, "run")
    assert receiver.taken == []
    sentinel(world, "status")
    assert "ALERT           Yes (until 20" in capsys.readouterr().out
    assert sentinel(world, "unsilence", "--alert", "one") == 0
    sentinel(world, "run")
    assert len(receiver.taken) == 1
    capsys.readouterr()
    sentinel(world, "status", "--output", "json")
    (state,) = json.loads(capsys.readouterr().out)
    assert (state["status"], state["silenced"], state["consecutive_alerts"]) == ("ALERT", False, 2)


def test_mail_goes_to_all_recipients_with_the_subject_of_the_template(
    world: SentinelWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails: list[Any] = []

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  the library's name
            await asyncio.sleep(0)
            mails.append(envelope)
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        for name, value in {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port), "SMTP_USE_TLS": "false"}.items():
            monkeypatch.setenv(name, value)
        text = world.file.read_text().replace(
            world.webhook,
            "channel: email, recipients: [a@example.org, b@example.org], subject: '{alert_name}: {actual_value}'",
        )
        world.file.write_text(text)
        world.say("ALERT", 3)
        sentinel(world, "run")
    finally:
        controller.stop()
    (mail,) = mails
    assert mail.rcpt_tos == ["a@example.org", "b@example.org"]
    assert b"Subject: one: 3.0\r\n" in mail.content
    assert b"Alert: one\r\nDescription: the first\r\nStatus: ALERT\r\nActual Value: 3.0" in mail.content


def test_without_a_mail_server_it_says_which_variable_is_missing(
    world: SentinelWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.file.write_text(world.file.read_text().replace(world.webhook, "channel: email, recipients: [a@example.org]"))
    world.say("ALERT")
    (found,) = run_json(world, capsys)
    assert "set SMTP_HOST" in found["notification_error"]


def test_history_is_shown_the_latest_first(world: SentinelWorld, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sentinel", "init"]) == 0
    assert sentinel(world, "history") == 0
    assert "No execution history found" in capsys.readouterr().out
    assert sentinel(world, "history", "--alert", "nope") == 1
    assert "Alert 'nope' not found in configuration" in capsys.readouterr().out
    for status in ("OK", "ALERT", "broken"):
        world.say(status)
        sentinel(world, "run")
    capsys.readouterr()
    sentinel(world, "history", "--limit", "2")
    out = capsys.readouterr().out
    assert out.index("Status: ERROR") < out.index("Status: ALERT")
    assert "Actual: 1.0 | Threshold: 5.0" in out
    assert "✓ Notification sent" in out
    sentinel(world, "history", "--alert", "one", "--output", "json")
    rows = json.loads(capsys.readouterr().out)
    assert [row["status"] for row in rows] == ["ERROR", "ALERT", "OK"]
    assert rows[1]["context"] == {"note": "x"}


def test_what_cannot_be_done_ends_with_one(world: SentinelWorld, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("run", "status", "silence", "unsilence"):
        assert sentinel(world, command, "--alert", "none") == 1
        assert "Alert 'none' not found" in capsys.readouterr().out
    assert sentinel(world, "run", "--state-db", "sqlite:////nowhere/x.db") == 1
    assert "database of states cannot be used" in capsys.readouterr().err
    assert sentinel(world, "status", "--state-db", "nonsense") == 1
    assert run(["sentinel", "init", "--state-db", "nonsense"]) == 1
    assert sentinel(world, "run", "--database-url", "mysql+nodriver://h/d") == 1
    world.file.write_text("alerts: []")
    assert sentinel(world, "run") == 1


def test_states_live_in_postgresql_too(
    world: SentinelWorld, empty_database_url: str, receiver: WebhookReceiver, capsys: pytest.CaptureFixture[str]
) -> None:
    world.say("ALERT")
    for _ in range(2):
        assert sentinel(world, "run", "--state-db", empty_database_url) == 1
    assert len(receiver.taken) == 1
    sentinel(world, "silence", "--alert", "one", "--state-db", empty_database_url)
    capsys.readouterr()
    sentinel(world, "status", "--output", "json", "--state-db", empty_database_url)
    (state,) = json.loads(capsys.readouterr().out)
    assert (state["consecutive_alerts"], state["silenced"]) == (2, True)
