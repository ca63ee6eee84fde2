"""JSON that every reader takes: what it has no number for is written as text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

_STEERING = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def dumps(content: object, *, indent: int | None = None, default: Any = None, letters: bool = False) -> str:
    """Like `json.dumps`; an infinite number is "inf" or "-inf", one that is none is "nan".

    With `letters` those beyond ASCII stay as they are, but for what steers a terminal.
    """
    text = json.dumps(finite(content), indent=indent, default=default, ensure_ascii=not letters, allow_nan=False)
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text) if letters else text


def finite(content: object) -> Any:
    """The content with texts in place of numbers that JSON does not know."""
    if isinstance(content, float):
        return content if math.isfinite(content) else str(content)
    if isinstance(content, Mapping):
        return {name: finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return content
