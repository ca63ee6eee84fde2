from __future__ import annotations

import json
from datetime import date

import pytest

from app.kit.json_text import dumps


def refuse(name: str) -> float:
    raise ValueError(name)


@pytest.mark.parametrize("letters", [True, False])
def test_numbers_that_json_does_not_know_are_text(letters: bool) -> None:
    content = {"a": [float("inf"), (float("-inf"), 1.5)], "b": {"c": float("nan"), "ü": "\x9b31m\u202eü"}, "d": None}
    text = dumps(content, letters=letters)
    assert json.loads(text, parse_constant=refuse) == {
        "a": ["inf", ["-inf", 1.5]],
        "b": {"c": "nan", "ü": "\x9b31m\u202eü"},
        "d": None,
    }
    assert text.replace("ü", "").isprintable()
    assert ("ü" in text) is letters


def test_other_values_are_left_to_the_caller() -> None:
    assert dumps([date(2024, 1, 1)], default=str, indent=2) == '[\n  "2024-01-01"\n]'
