"""Reports of service levels: months of a zone, groups as sums, labels as promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.errors import ConfigurationError
from app.probes.sla.report import SlaRange, SlaSubject, month_range, promised, sla_lines
from app.probes.sla.schemas import SlaLineResource
from app.probes.websites.models import StatusWindow, Website, WebsiteDraft, WindowKind
from app.probes.websites.state import begun

BERLIN = ZoneInfo("Europe/Berlin")
START, END = datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 4, 30, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHOP = Website(1, WebsiteDraft("https://a.example", "A", labels={"group": "shop", "objective": "99.5%"}), START, START, begun(START, enabled=True).state)  # fmt: skip
OTHER = replace(
    SHOP, website_id=2, created_at=START + HOUR, draft=replace(SHOP.draft, name="B", labels={"group": "shop"})
)
DOWN = StatusWindow(WindowKind.DOWN, datetime(2026, 3, 31, 21, tzinfo=UTC), datetime(2026, 3, 31, 23, tzinfo=UTC))
PLANNED = StatusWindow(WindowKind.MAINTENANCE, DOWN.start, DOWN.start + HOUR / 2)
FOUND = [(SHOP, [DOWN, PLANNED]), (OTHER, [])]


def test_lines_by_month_of_a_zone_add_up() -> None:
    lines = sla_lines(FOUND, SlaRange(START, END, BERLIN, by_month=True), 99.9, SlaSubject.WEBSITE)
    assert [(line.name, line.month, line.found.down, line.objective) for line in lines] == [
        ("A", "2026-03", HOUR / 2, 99.5), ("A", "2026-04", HOUR, 99.5), ("B", "2026-03", HOUR * 0, 99.9), ("B", "2026-04", HOUR * 0, 99.9),
    ]  # fmt: skip
    march = SlaLineResource.of(lines[0])
    assert (march.start, march.end) == (START, datetime(2026, 3, 31, 22, tzinfo=UTC))
    assert march.up_seconds + march.down_seconds + march.maintenance_seconds == 31 * 86_400 - 3600
    assert (march.met, march.incidents, march.maintenance_seconds) == (True, 1, 1800)
    assert march.percent_with_maintenance == pytest.approx(100 * (1 - 1 / (31 * 24 - 1)))
    [whole] = sla_lines(FOUND[:1], SlaRange(START, END, BERLIN), 99.9, SlaSubject.WEBSITE)
    assert whole.found == lines[0].found + replace(lines[1].found, incidents=0)


def test_a_group_is_the_sum_of_its_websites_and_as_strict_as_the_strictest() -> None:
    [line] = sla_lines(FOUND, SlaRange(START, END, BERLIN), 99.9, SlaSubject.GROUP)
    assert (line.name, line.websites, line.objective, line.found.down) == ("shop", 2, 99.9, 1.5 * HOUR)
    assert line.found.up == 2 * (END - START) - HOUR - 2 * HOUR
    measured = {(1, ""): {10: 3}, (2, ""): {10: 1, 20: 4}}
    [line] = sla_lines(FOUND, SlaRange(START, END, BERLIN), 99.9, SlaSubject.GROUP, measured)
    assert line.latencies == {10: 4, 20: 4}
    assert SlaLineResource.of(line).p50_ms == pytest.approx(0.272, rel=0.01)
    assert sla_lines(FOUND, SlaRange(START, START - HOUR, BERLIN), 99.9, SlaSubject.GROUP) == []
    nothing = SlaLineResource.of(replace(line, objective=100.0))
    assert (nothing.budget_spent_percent, nothing.met) == (None, False)


def test_months_and_promises_as_people_write_them() -> None:
    assert month_range("2026-03", BERLIN, None).start == START
    assert month_range("2026-12", ZoneInfo("UTC"), None).end == datetime(2027, 1, 1, tzinfo=UTC)
    for text, others in (("2026-13", ()), ("2026-03", ("-7d",))):
        with pytest.raises(ConfigurationError):
            month_range(text, BERLIN, *others)
    assert [promised(text, 99.9) for text in ("", "99", "101", "99.95%")] == [99.9, 99, 99.9, 99.95]
