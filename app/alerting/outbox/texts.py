"""Foreign text made harmless: without control characters, and cut."""

from __future__ import annotations

import re

LONGEST_SUBJECT = 160
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def clean(text: str, longest: int) -> str:
    """The text without characters that move the cursor or reorder it, and not longer than so many characters."""
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= longest else f"{text[:longest]}… (cut, {len(text):,} characters)"


def one_line(text: str, longest: int = LONGEST_SUBJECT) -> str:
    """The text as one line."""
    return clean(" ".join(text.split()), longest)


def clean_lines(text: str, longest: int) -> str:
    """Text of several lines without control characters, cut with a note."""
    lines = (_CONTROL.sub(" ", line).rstrip() for line in text.splitlines())
    whole = "\n".join(lines)
    return whole if len(whole) <= longest else f"{whole[:longest]}\n… (cut here: {len(whole):,} characters)"
