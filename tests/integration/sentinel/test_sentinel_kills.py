"""A process that is killed between query, state and message: nothing is lost, a message may come twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli import run
from app.cli.sentinel import running
from tests.support.sentinel_world import SentinelWorld, WebhookReceiver, webhook_receiver

pytestmark = pytest.mark.long

KILLED = """
import os, signal, sys
from importlib import import_module
module, owner, name = sys.argv[1:4]
kind = getattr(import_module(module), owner)
setattr(kind, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
from app.cli import run
run(["sentinel", "run", *sys.argv[4:]])
"""
PACKAGE = "app.alerting.sqlsentinel"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as found:
        yield found


@pytest.mark.parametrize(
    ("module", "owner", "name", "states", "taken"),
    [
        (f"{PACKAGE}.service", "SentinelService", "keep", 0, 0),
        (f"{PACKAGE}.notices.sending", "NoticeSender", "send_due", 1, 0),
        (f"{PACKAGE}.repository", "SentinelRepository", "sent", 1, 1),
    ],
)
def test_nothing_is_lost(
    tmp_path: Path,
    receiver: WebhookReceiver,
    monkeypatch: pytest.MonkeyPatch,
    *,
    module: str,
    owner: str,
    name: str,
    states: int,
    taken: int,
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(running, "PAUSES", (0.0,))
    world = SentinelWorld(tmp_path, receiver.url)
    world.say("ALERT", 7)
    options = [str(world.file), "--state-db", world.state]
    killed = subprocess.run([sys.executable, "-c", KILLED, module, owner, name, *options], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(world.rows("SELECT * FROM sqlsentinel_state")) == states
    assert len(receiver.taken) == taken
    # The lease of the killed process is over.
    world.change("UPDATE sqlsentinel_outbox SET due_at = created_at WHERE due_at IS NOT NULL")
    run(["sentinel", "run", *options])
    assert [told["alert_name"] for told in receiver.taken] == ["one"] * (taken + 1)
    assert len({headers["Idempotency-Key"] for headers in receiver.headers}) == 1
    assert world.rows("SELECT current_status FROM sqlsentinel_state") == [("ALERT",)]
    assert world.rows("SELECT count(*) FROM sqlsentinel_outbox WHERE due_at IS NOT NULL") == [(0,)]
