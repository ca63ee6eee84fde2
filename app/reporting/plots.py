"""Charts over time as SVG markup, without scripts, fonts or outside resources. Pure; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import floor, isfinite, log10, nan

DAY = 86_400
COLOURS = ("#1f5fa8", "#d9730d", "#3b7d3a", "#8a4fae")
BAND, GRID, INK = "#f6c9c4", "#e1e6ec", "#5a6775"
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 22, 26
TICKS = 4
NARROWEST = 1e-9
"""Part of the largest value: a narrower range of values is none."""
BLOCKS = "▁▂▃▄▅▆▇█"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PlotLine:
    """Values over instants (seconds since 1970, increasing); NaN breaks the line."""

    name: str
    instants: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Band:
    """An interval to shade, with what a pointer resting on it shows."""

    start: float
    end: float
    label: str


def sparkline(values: Sequence[float | None], width: int = 40) -> str:
    """The values as a line of blocks, for where no picture can be; unknown ones are dots, of many the mean is taken."""
    size = max(1, -(-len(values) // width))
    groups = (values[place : place + size] for place in range(0, len(values), size))
    means = [_mean([value for value in group if value is not None and isfinite(value)]) for group in groups]
    known = [value for value in means if value is not None]
    least, span = min(known, default=0.0), max(known, default=0.0) - min(known, default=0.0)
    return "".join("·" if value is None else BLOCKS[_step(value - least, span)] for value in means)


def with_breaks(
    starts: Sequence[float], ends: Sequence[float], values: Sequence[float]
) -> tuple[list[float], list[float]]:
    """The instants and values of a line, with an unknown value where units between two values are missing."""
    instants, drawn = list(starts[:1]), list(values[:1])
    for start, value, end in zip(starts[1:], values[1:], ends[:-1], strict=True):
        if start > end:
            instants.append(end)
            drawn.append(nan)
        instants.append(start)
        drawn.append(value)
    return instants, drawn


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _step(above: float, span: float) -> int:
    """Which block; where all values are equal, the lowest."""
    return min(int(len(BLOCKS) * above / span), len(BLOCKS) - 1) if span else 0


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where instants and values lie on the picture."""

    width: int
    height: int
    first: float
    last: float
    least: float
    greatest: float

    def x(self, instant: float) -> float:
        share = (min(max(instant, self.first), self.last) - self.first) / (self.last - self.first)
        return LEFT + share * (self.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.least) / (self.greatest - self.least)
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)


def time_chart(
    curves: Sequence[PlotLine],
    *,
    title: str,
    unit: str = "",
    bands: Sequence[Band] = (),
    bounds: tuple[float, float] | None = None,
    width: int = 760,
    height: int = 220,
) -> str:
    """Curves over time with their names, a grid, and shaded bands; `bounds` fix the scale of values."""
    frame = _frame(curves, bounds, width, height)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    style = f'role="img" font-family="sans-serif" font-size="11" fill="{INK}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', f"<title>{escape(title)}</title>"]
    if frame is None:
        parts.append(f'<text x="{width / 2:.0f}" y="{height / 2:.0f}" text-anchor="middle">no values</text>')
    else:
        parts += [*_bands(frame, bands), *_grid(frame), *_axis(frame), *_lines(frame, curves)]
        parts += _legend(curves, unit)
    return "".join([*parts, "</svg>"])


def _frame(curves: Sequence[PlotLine], bounds: tuple[float, float] | None, width: int, height: int) -> _Frame | None:
    instants = [instant for curve in curves for instant in curve.instants]
    values = [value for curve in curves for value in curve.values if isfinite(value)]
    if not values:
        return None
    least, greatest = bounds or (min(values), max(values))
    size = max(abs(least), abs(greatest))
    # A range that doubles cannot divide into steps is drawn as a line.
    if greatest - least <= max(size * NARROWEST, NARROWEST**2):
        half = max(1.0, size * NARROWEST)
        least, greatest = least - half, greatest + half
    first, last = min(instants), max(instants)
    return _Frame(width, height, first, last if last > first else first + DAY, least, greatest)


def _bands(frame: _Frame, bands: Sequence[Band]) -> Iterator[str]:
    for band in bands:
        left, right = frame.x(band.start), frame.x(band.end)
        yield (
            f'<rect x="{left:.1f}" y="{TOP}" width="{max(right - left, 1.5):.1f}" '
            f'height="{frame.height - TOP - BOTTOM}" fill="{BAND}"><title>{escape(band.label)}</title></rect>'
        )


def _grid(frame: _Frame) -> Iterator[str]:
    step = _nice((frame.greatest - frame.least) / TICKS)
    value = floor(frame.least / step) * step
    while value <= frame.greatest + step * 1e-9:
        if value >= frame.least - step * 1e-9:
            y = frame.y(value)
            yield f'<line x1="{LEFT}" x2="{frame.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{GRID}"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value, step)}</text>'
        value += step


def _nice(step: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(step))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= step * (1 - 1e-9))


def _short(value: float, step: float) -> str:
    digits = max(0, -floor(log10(step)))
    return f"{value + 0.0:,.{digits}f}"


def _axis(frame: _Frame) -> Iterator[str]:
    """A date at midnights (UTC), as many as there is room for."""
    days = int((frame.last - frame.first) // DAY) + 1
    every = max(1, -(-days * 60 // (frame.width - LEFT - RIGHT)))
    day = -(-int(frame.first) // DAY)
    while day * DAY <= frame.last:
        label = f"{datetime.fromtimestamp(day * DAY, UTC):%d %b}"
        x = frame.x(day * DAY)
        yield f'<text x="{x:.1f}" y="{frame.height - 8}" text-anchor="middle">{label}</text>'
        day += every


def _lines(frame: _Frame, curves: Sequence[PlotLine]) -> Iterator[str]:
    for number, curve in enumerate(curves):
        for points in _pieces(frame, curve):
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            colour = COLOURS[number % len(COLOURS)]
            yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.4"/>'


def _pieces(frame: _Frame, curve: PlotLine) -> Iterator[list[Point]]:
    """The points between unknown values; of many in one column of pixels the lowest and the highest stay."""
    piece: list[Point] = []
    for instant, value in zip(curve.instants, curve.values, strict=True):
        if not isfinite(value):
            if piece:
                yield _thinned(piece)
            piece = []
        else:
            piece.append((frame.x(instant), min(max(frame.y(value), TOP), frame.height - BOTTOM)))
    if piece:
        yield _thinned(piece)


def _thinned(points: list[Point]) -> list[Point]:
    columns: dict[int, list[Point]] = {}
    for point in points:
        columns.setdefault(int(point[0]), []).append(point)
    kept: list[Point] = []
    for column in columns.values():
        ends = {min(column, key=lambda point: point[1]), max(column, key=lambda point: point[1]), column[0], column[-1]}
        kept += sorted(ends)
    return kept if len(kept) > 1 else [*kept, (kept[0][0] + 1, kept[0][1])]


def _legend(curves: Sequence[PlotLine], unit: str) -> Iterator[str]:
    x = LEFT
    for number, curve in enumerate(curves):
        name = curve.name + (f" [{unit}]" if unit else "")
        yield f'<rect x="{x}" y="6" width="10" height="10" fill="{COLOURS[number % len(COLOURS)]}"/>'
        yield f'<text x="{x + 14}" y="15">{escape(name)}</text>'
        x += 28 + 7 * len(name)
