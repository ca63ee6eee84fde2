"""Figures as people read them. Pure."""

from __future__ import annotations

from app.reporting.render import EMPTY, number

MANIFOLD = 10
"""From so many times on a share says less than the figures themselves."""
_TIMES = ((172_800.0, 86_400.0, "d"), (7200.0, 3600.0, "h"), (120.0, 60.0, "min"))
_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def count(value: float | None) -> str:
    return number(value, 0)


def many(number: int, one: str, more: str = "") -> str:
    """So many things, with the name of one or of several."""
    return f"{count(number)} {one if number == 1 else more or one + 's'}"


def duration(seconds: float | None) -> str:
    """In the unit that leaves two digits or a few."""
    if seconds is None:
        return EMPTY
    for least, unit, name in _TIMES:
        if abs(seconds) >= least:
            return f"{number(seconds / unit)} {name}"
    return f"{number(seconds, 0 if abs(seconds) >= 10 else 2)} s"


def format_size(value: float | None) -> str:
    """Bytes in decimal units."""
    if value is None:
        return EMPTY
    for unit, name in _BYTES:
        if abs(value) >= unit:
            return f"{number(value / unit)} {name}"
    return f"{count(value)} B"


def said(value: float | None, unit: str) -> str:
    """A figure with its unit: percent, count, seconds, bytes or points."""
    if value is None:
        return EMPTY
    if unit == "percent":
        # 100.0 means all of it.
        return f"{min(value, 99.9) if value < 100 else value:.1f} %"
    return {"seconds": duration, "bytes": format_size, "count": count, "points": number}[unit](value)


def moved(change: float | None, before: float | None, unit: str) -> str:
    """A change with its sign, and its share of what was before; of percentages it is in points."""
    if change is None:
        return EMPTY
    sign = "+" if change > 0 else "-" if change < 0 else "±"
    if unit in {"percent", "points"}:
        return f"{sign}{number(abs(change))} points"
    share = f" ({100 * change / before:+,.0f} %)" if change and before and abs(change) < MANIFOLD * before else ""
    return f"{sign}{said(abs(change), unit)}{share}"
