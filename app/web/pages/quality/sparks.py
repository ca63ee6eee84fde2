"""Lines of scores as small pictures, coloured by the style sheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from app.kit.language import gettext
from app.web.pages.rendering import shown_number

STEP, HEIGHT, EDGE = 3, 28, 2
LEAST_SPAN = 2.0
"""Points of a score: less is drawn as hardly anything."""


def spark(values: Sequence[float | None], what: str) -> Markup:
    """The values day by day on a scale from their least to the best; unknown days break the line."""
    known = [value for value in values if value is not None]
    if not known:
        return Markup("")
    least = min(*known, 100 - LEAST_SPAN)
    width = max(len(values) - 1, 1) * STEP + 2 * EDGE

    def place(number: float, value: float) -> str:
        y = HEIGHT - EDGE - (value - least) / (100 - least) * (HEIGHT - 2 * EDGE)
        return f"{EDGE + number * STEP},{y:.1f}"

    said = gettext(
        "%(what)s: %(first)s to %(last)s, least %(least)s",
        what=what,
        first=shown_number(round(known[0], 1)),
        last=shown_number(round(known[-1], 1)),
        least=shown_number(round(min(known), 1)),
    )
    lines = "".join(f'<polyline points="{" ".join(place(*one) for one in piece)}"/>' for piece in _pieces(values))
    return Markup('<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width,
        HEIGHT,
        said,
        Markup(lines),  # noqa: S704  numbers
    )


def _pieces(values: Sequence[float | None]) -> Iterator[list[tuple[float, float]]]:
    """Runs of known values; a single one is drawn as a short line."""
    piece: list[tuple[float, float]] = []
    for number, value in enumerate([*values, None]):
        if value is not None:
            piece.append((number, value))
        elif piece:
            yield piece if len(piece) > 1 else [piece[0], (piece[0][0] + 0.7, piece[0][1])]
            piece = []
