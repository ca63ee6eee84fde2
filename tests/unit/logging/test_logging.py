"""Logs: events with fields, secrets masked."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from app.logging import configure_logging, redact
from app.settings import LogSettings


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GET /api?securityToken=hunter2&documentType=A65", "GET /api?securityToken=***&documentType=A65"),
        ("SECURITY_TOKEN: hunter2", "SECURITY_TOKEN: ***"),
        ("postgresql://user:hunter2@db:5432/x", "postgresql://user:***@db:5432/x"),
        ("listening on http://127.0.0.1:8080", "listening on http://127.0.0.1:8080"),
        ("nothing secret", "nothing secret"),
    ],
)
def test_secrets_are_masked_and_nothing_else(text: str, masked: str) -> None:
    assert redact(text) == masked


def test_an_event_is_one_line_of_json_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="info", format="json"))
    structlog.get_logger().info("asked", token="hunter2", url="http://h/api?securityToken=hunter2", count=3)
    line = capsys.readouterr().err
    event = json.loads(line)
    assert (event["event"], event["count"], event["level"], event["token"]) == ("asked", 3, "info", "***")
    assert "hunter2" not in line


def test_what_lies_below_the_level_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="warning"))
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    said = capsys.readouterr().err
    assert "loud" in said
    assert "quiet" not in said
