"""What a rule read over time, as a picture."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.alerting.history.models import ReadRange, ReadValue
from app.alerting.models import EvaluationStatus
from app.web.pages.alerting.evidence import HEIGHT, WIDTH, evidence_picture

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SPAN = ReadRange(NOW - 10 * MINUTE, NOW, MINUTE)


def read(minute: int, low: float | None, high: float | None, verdict: EvaluationStatus) -> ReadValue:
    return ReadValue(SPAN.start + minute * MINUTE, low, high, 50.0, verdict, 2)


def test_lines_end_at_gaps_and_stay_in_the_picture() -> None:
    values = [
        read(0, 10, 20, EvaluationStatus.OK),
        read(1, 10, 60, EvaluationStatus.FIRING),
        read(2, None, None, EvaluationStatus.NO_DATA),
        read(8, 5, 90, EvaluationStatus.FIRING),
        read(9, 5, float("inf"), EvaluationStatus.ERROR),
    ]
    drawn = evidence_picture(
        SPAN, values, marks=[(NOW - MINUTE, "fired"), (NOW - timedelta(days=1), "long ago")],
        fired=(NOW - 3 * MINUTE, NOW),
    )  # fmt: skip
    assert (drawn.low, drawn.high, drawn.threshold, drawn.evaluations) == (20, 90, 50, 10)
    assert len(drawn.lines) == 2
    assert [one.tone for one in drawn.strip] == ["good", "bad", "idle", "bad", "warn"]
    assert [one.text for one in drawn.marks] == ["fired"]
    assert drawn.fired is not None
    assert (drawn.fired.x, drawn.fired.width) == (700.0, 300.0)
    points = [tuple(map(float, pair.split(","))) for line in (*drawn.lines, *drawn.limits) for pair in line.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


def test_low_values_are_drawn_where_they_are_the_bad_ones() -> None:
    drawn = evidence_picture(SPAN, [read(0, 10, 20, EvaluationStatus.OK)], falling=True)
    assert (drawn.low, drawn.high) == (10, 10)


def test_neighbours_of_one_verdict_are_one_stretch_and_nothing_is_drawn_of_nothing() -> None:
    same = [read(minute, 1, 1, EvaluationStatus.OK) for minute in range(10)]
    assert [(one.x, one.width) for one in evidence_picture(SPAN, same).strip] == [(0.0, WIDTH)]
    nothing = evidence_picture(SPAN, [])
    assert (nothing.lines, nothing.strip, nothing.low, nothing.fired) == ((), (), None, None)
