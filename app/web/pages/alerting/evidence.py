"""What a rule read over time as lines of an SVG picture, which needs no script. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.alerting.history.models import ReadRange, ReadValue
from app.web.pages.rendering import VERDICTS

WIDTH, HEIGHT, STRIP = 1000.0, 200.0, 14.0
"""Of the picture in its own units, and of the strip of verdicts below it."""
PADDING = 0.08
STEPS_OF_A_GAP = 3.5
"""A line ends where nothing was read for so many steps."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant on the picture, and what happened then."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class DrawnStretch:
    """A part of the strip of verdicts."""

    x: float
    width: float
    tone: str


@dataclass(frozen=True, slots=True)
class EvidencePicture:
    """Everything that is drawn; `lines` are those of values and `limits` those of the threshold, as points."""

    span: ReadRange
    low: float | None
    high: float | None
    threshold: float | None
    evaluations: int
    lines: tuple[str, ...]
    limits: tuple[str, ...]
    strip: tuple[DrawnStretch, ...]
    marks: tuple[Mark, ...]
    fired: DrawnStretch | None


def evidence_picture(
    span: ReadRange,
    values: Sequence[ReadValue],
    *,
    marks: Sequence[tuple[datetime, str]] = (),
    fired: tuple[datetime, datetime] | None = None,
    falling: bool = False,
) -> EvidencePicture:
    """The picture of a range; `falling`: low values are the bad ones."""
    read = [(one, _finite(one.low if falling else one.high)) for one in values]
    numbers = [number for _, number in read if number is not None]
    limits = [(one, _finite(one.threshold)) for one in values]
    bounds = numbers + [limit for _, limit in limits if limit is not None]
    floor, ceiling = _bounds(bounds)

    def x(at: datetime) -> float:
        share = (at - span.start) / (span.end - span.start) if span.end > span.start else 0.0
        return round(min(max(share, 0.0), 1.0) * WIDTH, 1)

    def y(number: float) -> float:
        return round(HEIGHT * (1 - (number - floor) / (ceiling - floor)), 1)

    def lines(points: Sequence[tuple[ReadValue, float | None]]) -> tuple[str, ...]:
        found: list[list[str]] = []
        last: datetime | None = None
        for one, number in points:
            if number is None:
                continue
            if last is None or one.at - last > STEPS_OF_A_GAP * span.step:
                found.append([])
            # A step that stands alone is a line as long as it lasts.
            begin, end = x(one.at), x(min(one.at + span.step, span.end))
            found[-1] += [f"{begin},{y(number)}", f"{end},{y(number)}"]
            last = one.at
        return tuple(" ".join(line) for line in found)

    strip = [
        DrawnStretch(x(one.at), max(x(one.at + span.step) - x(one.at), 1.0), VERDICTS[one.verdict.value])
        for one in values
    ]
    return EvidencePicture(
        span,
        min(numbers, default=None),
        max(numbers, default=None),
        next((limit for _, limit in reversed(limits) if limit is not None), None),
        sum(one.evaluations for one in values),
        lines(read),
        lines(limits),
        _joined(strip),
        tuple(Mark(x(at), text) for at, text in marks if span.start <= at <= span.end),
        DrawnStretch(x(fired[0]), max(x(fired[1]) - x(fired[0]), 1.0), "bad") if fired else None,
    )


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _bounds(numbers: Sequence[float]) -> tuple[float, float]:
    """The lowest and highest number of the picture, with air around what is drawn."""
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    air = (high - low) * PADDING or abs(high) * PADDING or 1.0
    return low - air, high + air


def _joined(strip: Sequence[DrawnStretch]) -> tuple[DrawnStretch, ...]:
    """Neighbours of one tone as one."""
    found: list[DrawnStretch] = []
    for one in strip:
        before = found[-1] if found else None
        if before is not None and before.tone == one.tone and one.x - (before.x + before.width) < 1.0:
            found[-1] = DrawnStretch(before.x, round(one.x + one.width - before.x, 1), one.tone)
        else:
            found.append(one)
    return tuple(found)
