"""Texts with `{{name}}` in them, filled in so that they stay what they are: a path, a JSON document, a pattern. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from app.probes.models import CheckCondition, ConditionKind

_PLACE = re.compile(r"\{\{\s*([A-Za-z_]\w{0,99})\s*\}\}")
_SPECIAL = re.compile(r"([!-/:-@\[-^`{-~])")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
SuiteValues = Mapping[str, Any]
"""SuiteValues of JSON by their names."""


class ValueMissing(Exception):
    """A text needs a value that no answer gave; the text of the error is its name."""


def names_in(text: str) -> list[str]:
    """The names of the values that a text needs."""
    return _PLACE.findall(text)


def shown(value: Any) -> str:
    """A value as text: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def filled(text: str, values: SuiteValues) -> str:
    return _filled(text, values, shown)


def filled_path(text: str, values: SuiteValues) -> str:
    """A path or a URL: values are encoded, so that each stays one piece of it. ValueError where it could not be one."""

    def piece(value: Any) -> str:
        said = shown(value)
        if said in {"", ".", ".."}:
            raise ValueError(f"{said!r} cannot stand in a path")
        return quote(said, safe="")

    return _filled(text, values, piece)


def filled_json(text: str, values: SuiteValues) -> str:
    """A JSON document: within a string a value is escaped, elsewhere it is a value of JSON itself."""
    made, place = [], 0
    for string in _STRING.finditer(text):
        made.append(_filled(text[place : string.start()], values, lambda value: json.dumps(value, ensure_ascii=False)))
        made.append(_filled(string[0], values, lambda value: json.dumps(shown(value), ensure_ascii=False)[1:-1]))
        place = string.end()
    made.append(_filled(text[place:], values, lambda value: json.dumps(value, ensure_ascii=False)))
    return "".join(made)


def filled_body(text: str, values: SuiteValues) -> str:
    """A body: JSON where it looks like it, else any text."""
    return filled_json(text, values) if is_json(text) else filled(text, values)


def is_json(text: str) -> bool:
    return text.lstrip()[:1] in {"{", "["} and not text.lstrip().startswith("{{")


def filled_condition(condition: CheckCondition, values: SuiteValues) -> CheckCondition:
    """The condition with its values; what it says of itself keeps the names, which are no secrets."""
    value = condition.value
    if not isinstance(value, str) or not names_in(value):
        return condition
    whole = _PLACE.fullmatch(value.strip())
    pattern = condition.operator in {"=~", "!~"}
    if (
        whole is not None
        and condition.kind is ConditionKind.JSON
        and not pattern
        and f'"{value}"' not in condition.text
    ):
        return replace(condition, value=_value(whole[1], values))
    return replace(condition, value=_filled(value, values, _literal if pattern else shown))


def _literal(value: Any) -> str:
    """A pattern that matches the value and nothing else."""
    return _SPECIAL.sub(r"\\\1", shown(value))


def _filled(text: str, values: SuiteValues, said: Callable[[Any], str]) -> str:
    return _PLACE.sub(lambda match: said(_value(match[1], values)), text)


def _value(name: str, values: SuiteValues) -> Any:
    if name not in values:
        raise ValueMissing(name)
    return values[name]
