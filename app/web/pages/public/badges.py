"""A badge as SVG: what it is about and how that is, in the colour of its condition. Pure."""

from __future__ import annotations

from html import escape

from app.monitoring.summary import Standing

COLOURS = {Standing.GOOD: "#1b6e3c", Standing.IDLE: "#57606a", Standing.WARN: "#8a5a00", Standing.BAD: "#b02318"}
"""White letters stay readable on each."""
HEIGHT, LETTER, ROOM = 20, 6.6, 12
LONGEST = 80


def badge(about: str, said: str, condition: Standing) -> str:
    """The badge; its words are its text for who does not see it."""
    about, said = about[:LONGEST], said[:LONGEST]
    left, right = (round(len(text) * LETTER + ROOM) for text in (about, said))
    words = escape(f"{about}: {said}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{HEIGHT}" role="img" aria-label="{words}">'
        f"<title>{words}</title>"
        f'<rect width="{left}" height="{HEIGHT}" fill="#2f3742"/>'
        f'<rect x="{left}" width="{right}" height="{HEIGHT}" fill="{COLOURS[condition]}"/>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2}" y="14" textLength="{left - ROOM}">{escape(about)}</text>'
        f'<text x="{left + right / 2}" y="14" textLength="{right - ROOM}">{escape(said)}</text></g></svg>'
    )
