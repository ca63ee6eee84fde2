"""Lengths of time as people write them, the same in files and on the command line."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

from app.errors import ConfigurationError

LONGEST = timedelta(days=3650)
_SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
_SECONDS |= {"d": 86_400, "day": 86_400, "w": 604_800, "week": 604_800}
_UNITS = _SECONDS | {f"{unit}s": factor for unit, factor in _SECONDS.items() if len(unit) > 2}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6}|,\d{1,2}(?!\d))?)\s*([a-z]*)\s*")
"""A comma before three digits may part thousands, and is refused."""
_FORMS = "write it as 90 s, 30 min, 2 h, 1h30m, 3 d or 1 w"


def parse_duration(text: str, *, bare: str = "") -> timedelta:
    """`90s`, `30 min`, `1h30m`, `1.5 h`, `1,5 h`, `2 days`; `bare` is the unit of a number alone. ConfigurationError otherwise."""
    parts = _parts(text.strip().lower(), bare)
    if not parts or any(larger <= smaller for (_, larger), (_, smaller) in pairwise(parts)):
        raise ConfigurationError(f"{text[:50]!r} is no duration; {_FORMS}")
    try:
        length = timedelta(seconds=sum(number * factor for number, factor in parts))
    except OverflowError:
        length = timedelta.max
    if length > LONGEST:
        raise ConfigurationError(f"{text[:50]!r} is longer than {LONGEST.days} days; choose a shorter time")
    return length


def _parts(text: str, bare: str) -> list[tuple[float, float]]:
    """Numbers with the seconds of their units; none where anything else is in the text."""
    found: list[tuple[float, float]] = []
    place = 0
    while place < len(text):
        match = _PART.match(text, place)
        factor = _UNITS.get(match[2] or ("" if found else bare)) if match else None
        if match is None or factor is None:
            return []
        found.append((float(match[1].replace(",", ".")), factor))
        place = match.end()
    return found


def show_duration(value: timedelta) -> str:
    """A length of time as people write it."""
    seconds = value.total_seconds()
    for unit, factor in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= factor and seconds % factor == 0:
            return f"{seconds / factor:g} {unit}"
    return f"{seconds:g} s"
