"""A trend as a small picture, made of numbers alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.kit.language import gettext, in_digits

WIDTH, HEIGHT = 120, 24
_EDGE = 2


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Lines of points as SVG writes them, one for each stretch without holes, and the trend in words."""

    lines: tuple[str, ...]
    words: str


def trend_line(
    values: Sequence[float | None], span: str, *, lowest: float | None = None, shown: str = "{:g}"
) -> Sparkline | None:
    """The picture of values that are equally far apart, None of fewer than two; `lowest` is a floor the scale has to show."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    low, high = min(known) if lowest is None else min(lowest, *known), max(known)
    step = (WIDTH - 2 * _EDGE) / (len(values) - 1)
    stretch: list[str] = []
    lines: list[str] = []
    for place, value in enumerate([*values, None]):
        if value is None:
            if stretch:
                # A single point is drawn as a short line.
                lines.append(" ".join(stretch if len(stretch) > 1 else stretch * 2))
            stretch = []
            continue
        share = (value - low) / (high - low) if high > low else 0.5
        stretch.append(f"{_EDGE + place * step:.1f},{HEIGHT - _EDGE - share * (HEIGHT - 2 * _EDGE):.1f}")
    least, most, last = (in_digits(shown.format(value)) for value in (min(known), high, known[-1]))
    words = gettext(
        "%(span)s: between %(least)s and %(most)s, at last %(last)s", span=span, least=least, most=most, last=last
    )
    return Sparkline(tuple(lines), words)
