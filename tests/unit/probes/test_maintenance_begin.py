"""When a maintenance begins: the zone that was said counts for whatever has no offset of its own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.errors import ConfigurationError
from app.probes.maintenance.begin import parse_begin

NOW = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
NAMES = ("--from", "--zone")


@pytest.mark.parametrize(
    ("text", "zone", "begins"),
    [
        ("31.12.2026", "Europe/Berlin", "2026-12-30T23:00"),
        ("31.12.2026", None, "2026-12-31T00:00"),
        ("31.12.2026 22:00", "Europe/Berlin", "2026-12-31T21:00"),
        ("31.12.2026 22:00 Europe/Berlin", None, "2026-12-31T21:00"),
        ("31.12.2026 22:00 UTC", "Europe/Berlin", "2026-12-31T22:00"),
        ("2026-07-01T22:00+02:00", None, "2026-07-01T20:00"),
        ("tomorrow", "Europe/Berlin", "2026-11-30T23:00"),
        ("now", None, "2026-11-30T09:30"),
    ],
)
def test_a_begin_is_read_in_the_zone_that_was_said(text: str, zone: str | None, begins: str) -> None:
    assert f"{parse_begin(text, zone, NOW, names=NAMES):%Y-%m-%dT%H:%M}" == begins


@pytest.mark.parametrize(
    ("text", "zone", "said"),
    [
        ("31.12.2026 22:00", None, "--from '31.12.2026 22:00' lacks its offset"),
        ("31.12.2026 22:00", "Mars", "--zone 'Mars' is no time zone"),
        ("31.12.2026 22:00 Mars/Base", "Europe/Berlin", "--from 'Mars/Base' is no time zone"),
        ("31.2.2026", "UTC", "--from '31.2.2026' is no moment"),
    ],
)
def test_what_has_no_zone_or_is_no_moment_is_refused(text: str, zone: str | None, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        parse_begin(text, zone, NOW, names=NAMES)
