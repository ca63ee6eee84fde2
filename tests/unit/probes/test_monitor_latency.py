"""How long checks took: ranges, phases, and cycles as bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.probes.monitors.bars import BARS, BarTone, CountedChecks, cycle_bars
from app.probes.monitors.latency import LatencyRange, LatencyReport, LatencySpan, LatencyStep, phases_of
from app.probes.websites.models import StatusWindow, WindowKind
from app.web.pages.monitors.latency_picture import latency_picture

NOW = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_steps_are_no_shorter_than_the_time_between_two_checks() -> None:
    day = LatencySpan.of(LatencyRange.DAY, 5 * MINUTE, NOW)
    assert (day.end, day.end - day.start, day.step, day.added_up) == (
        datetime(2026, 3, 1, 12, 31, tzinfo=UTC), timedelta(days=1), 10 * MINUTE, False
    )  # fmt: skip
    assert LatencySpan.of(LatencyRange.DAY, 60 * MINUTE, NOW).step == 60 * MINUTE
    assert LatencySpan.of(LatencyRange.YEAR, MINUTE, NOW).added_up
    assert [day.place(at) for at in (day.start - MINUTE, day.start + timedelta(hours=12), NOW + timedelta(days=9))] == [
        0.0, 0.5, 1.0
    ]  # fmt: skip


def test_phases_add_up_to_the_whole() -> None:
    assert phases_of(1, None, 2, 3, 10) == {"dns": 1, "connect": 0.0, "tls": 2, "first_byte": 3, "rest": 4}
    assert phases_of(5, 5, 5, 5, 10)["rest"] == 0.0


def test_the_picture_has_columns_of_phases_failures_and_downtimes() -> None:
    span = LatencySpan.of(LatencyRange.DAY, MINUTE, NOW)
    steps = [
        LatencyStep(span.start, 10, 1, 20.0, 30.0, phases_of(2, 3, 5, 10, 20)),
        LatencyStep(span.start + 10 * MINUTE, 10, 10, None),
        LatencyStep(span.start + 20 * MINUTE, 1, 0, 10.0),
    ]
    windows = [
        StatusWindow(WindowKind.DOWN, span.start - MINUTE, span.start + MINUTE, "dns"),
        StatusWindow(WindowKind.MAINTENANCE, span.end - MINUTE),
        StatusWindow(WindowKind.PAUSED, span.start),
        StatusWindow(WindowKind.DOWN, span.start - 9 * MINUTE, span.start - MINUTE),
    ]
    drawn = latency_picture(LatencyReport(span, steps, ()), windows)
    assert [phase for phase, _ in drawn.columns] == ["dns", "connect", "tls", "first_byte", "whole"]
    assert [one.kind for one in drawn.windows] == ["maintenance", "down"]
    assert drawn.windows[1].text.endswith(", dns")
    assert "10 checks, 1 failed; 20 ms (DNS 2, connect 3, TLS 5, first byte 10), slowest 30 ms" in drawn.steps[0].text
    assert drawn.steps[1].text.endswith("10 checks, 10 failed")
    assert len(drawn.failed) == 2
    assert latency_picture(LatencyReport(span, (), ()), ()).columns == ()


def test_bars_of_cycles_are_the_last_ninety() -> None:
    found = [(CountedChecks(NOW, 0, 0, 0, 0.0), "auth"), (CountedChecks(NOW, 0, 0, 0, 0.0), "aborted")]
    found += [(CountedChecks(NOW, 3, 2, 0, 4.0), "completed")]
    bars = cycle_bars(found)
    assert (len(bars), [bar.tone for bar in bars[-4:]]) == (
        BARS, [BarTone.NONE, BarTone.FAILED, BarTone.NONE, BarTone.PARTLY]
    )  # fmt: skip
    assert bars[-1].latency_ms == 2.0
