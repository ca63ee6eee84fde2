"""What people may ask of a running daemon: with a token only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.alerting.sqlsentinel.daemon.api import AlertApi
from app.alerting.sqlsentinel.files.reading import read_sentinel_file
from app.alerting.sqlsentinel.repository import SentinelRepository
from app.clock import FixedClock

NOW = datetime(2026, 12, 24, 6, tzinfo=UTC)
FILE = read_sentinel_file(b"alerts: [{name: a b, query: q, schedule: '@daily'}]", "a.yaml", {})
OURS = "Bearer s3cret"


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[SentinelRepository]:
    found = SentinelRepository(f"sqlite:///{tmp_path}/state.db")
    found.create()
    yield found
    found.close()


def test_alerts_are_listed_run_and_paused_with_the_token(repository: SentinelRepository) -> None:
    ran: list[str] = []
    api = AlertApi("s3cret", lambda: FILE, repository, ran.append, FixedClock(NOW))

    def asked(method: str, path: str, authorization: str = OURS) -> tuple[int, dict[str, object]]:
        found = api.answer(method, path, authorization)
        assert found is not None
        return found[0], json.loads(found[2])

    assert asked("POST", "/alerts/a%20b/run") == (202, {"alert_name": "a b", "status": "accepted"})
    assert ran == ["a b"]
    assert asked("POST", "/alerts/a%20b/pause") == (200, {"alert_name": "a b", "paused": True})
    assert repository.paused() == {"a b"}
    status, listed = asked("GET", "/alerts")
    assert (status, [one["paused"] for one in listed["alerts"]]) == (200, [True])  # type: ignore[attr-defined]
    assert asked("POST", "/alerts/a%20b/resume")[1] == {"alert_name": "a b", "paused": False}
    assert not repository.paused()
    refusals = [("GET", "/alerts/a%20b/run", OURS, 405), ("POST", "/alerts/c/run", OURS, 404)]
    refusals += [("POST", "/alerts/a%20b/run", word, 401) for word in ("", "Bearer s3cre", "Bearer ßécret")]
    for method, path, authorization, status in refusals:
        assert asked(method, path, authorization)[0] == status
    assert api.answer("GET", "/other", OURS) is None
    locked = AlertApi("", lambda: FILE, repository, ran.append, FixedClock(NOW)).answer("GET", "/alerts", "Bearer ")
    assert locked is not None
    assert locked[0] == 403
    assert ran == ["a b"]
