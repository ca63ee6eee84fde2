"""Whether a value can be all that several comparisons ask of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import inf, isnan
from typing import Any


def fit_together(comparisons: Sequence[tuple[str, Any]]) -> bool:
    """Whether a value may fulfil all comparisons, each an operator and what is beside it; of an order numbers count."""
    equal = [value for operator, value in comparisons if operator == "=="]
    # JSON tells true from 1, Python does not.
    if any(isinstance(one, bool) is not isinstance(equal[0], bool) or one != equal[0] for one in equal[1:]):
        return False
    said = [(operator, value) for operator, value in comparisons if _is_number(value)]
    above = [(value, operator == ">") for operator, value in said if operator in {">", ">=", "=="}]
    below = [(value, operator == "<") for operator, value in said if operator in {"<", "<=", "=="}]
    unequal = {value for operator, value in said if operator == "!="}
    return all(
        low < high or (low == high and not (without_low or without_high or low in unequal))
        for (low, without_low), (high, without_high) in product(above or [(-inf, False)], below or [(inf, False)])
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not isnan(value)
