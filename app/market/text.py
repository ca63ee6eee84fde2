"""Numbers and instants as text, a column at a time: what CSV and JSON show."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DAY = 86_400


def listed(text: str) -> list[str]:
    """The parts of a list as people write it: with commas, spaces, semicolons or lines between, or as JSON."""
    if text.lstrip().startswith("["):
        try:
            parts = json.loads(text)
        except ValueError:
            parts = None
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise ValueError('this is no list of texts in JSON; write DE_LU,FR or ["DE_LU", "FR"]')
    else:
        # The spaces of `FR > DE_LU` part nothing.
        parts = re.split(r"[,;\s]+", re.sub(r"\s*>\s*", ">", text))
    return [part.strip().strip("'\"") for part in parts if part.strip()]


def counted(number: int, what: str) -> str:
    """A number with its noun: 1 window, 2 windows."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def shortest(values: NDArray[np.float64]) -> list[str]:
    """Each finite value as the shortest decimal that reads back equal: 3903, 51.6, 0.00001; never an exponent."""
    return [
        text[:-2] if text.endswith(".0") else text if "e" not in text else _without_exponent(text)
        # Adding zero turns the negative zero into zero.
        for text in map(repr, (values + 0.0).tolist())
    ]


def _without_exponent(text: str) -> str:
    return f"{Decimal(text):f}"


def instants(seconds: NDArray[np.int64]) -> list[str]:
    """Seconds since 1970 as `2024-01-01T00:00:00Z`."""
    import numpy as np

    days, moments = np.divmod(seconds, _DAY)
    unique, index = np.unique(days, return_inverse=True)
    dates = np.datetime_as_string(unique.astype("datetime64[D]")).tolist()
    times = {moment: _time_of_day(moment) for moment in np.unique(moments).tolist()}
    return [dates[day] + times[moment] for day, moment in zip(index.tolist(), moments.tolist(), strict=True)]


def _time_of_day(moment: int) -> str:
    return f"T{moment // 3600:02d}:{moment // 60 % 60:02d}:{moment % 60:02d}Z"
