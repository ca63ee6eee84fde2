"""Conditions as people write them, such as `status 200-299`, `latency < 500 ms` or `$.status == "up"`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from app.errors import ConfigurationError
from app.kit.durations import parse_duration
from app.probes.checking.conditions.json_path import parse_json_path
from app.probes.checking.conditions.patterns import parse_pattern
from app.probes.models import CheckCondition, CheckPhase, ConditionKind

EXAMPLES = (
    "status 200-299,304", "latency < 500 ms", "latency.first_byte < 200 ms", "header content-type contains json",
    "header x-cache exists", 'text contains "welcome"', 'text lacks "error"', "body =~ (?i)ready", '$.status == "up"',
    "length($.items) > 0", "size < 100 kB", "certificate > 14 d",
)  # fmt: skip
LONGEST_CONDITION = 2000
_BYTES = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "kib": 1024, "mib": 1024**2}
_STATUS = re.compile(r"[1-9]\d\d(?:\s*-\s*[1-9]\d\d)?|[1-9]xx", re.IGNORECASE)
_ORDER = r"(?P<operator><=|>=|==|!=|<|>)"
_COMPARISON = re.compile(_ORDER + r"\s*(?P<value>.+)", re.DOTALL)
_TEXTUAL = re.compile(
    r"(?P<operator>==|!=|=~|!~|contains\b|lacks\b|exists$|absent$)\s*(?P<value>.*)", re.DOTALL | re.IGNORECASE
)
_JSON = re.compile(
    r"(?P<subject>length\(\s*\$.*?\)|\$.*?)\s*"
    r"(?P<operator><=|>=|==|!=|=~|!~|<|>|\bcontains\b|\blacks\b|\bexists$|\babsent$)\s*(?P<value>.*)",
    re.DOTALL | re.IGNORECASE,
)


def parse_condition(text: str) -> CheckCondition:
    """The condition that the text writes; ConfigurationError, with examples, where it is none."""
    stripped = text.strip()
    if len(stripped) > LONGEST_CONDITION:
        raise ConfigurationError(f"a condition of {len(stripped)} characters; at most {LONGEST_CONDITION} are read")
    if stripped.startswith("$") or stripped.lower().startswith("length("):
        return _json(stripped)
    word, _, rest = stripped.partition(" ")
    name, _, part = word.lower().partition(".")
    reader = _READERS.get(name)
    if reader is None or (part and name != "latency"):
        raise _unknown(stripped)
    return reader(part, rest.strip(), stripped)


def _status(_: str, rest: str, text: str) -> CheckCondition:
    unequal = rest.startswith("!=")
    codes = rest.removeprefix("==").removeprefix("!=").removeprefix("in ")
    ranges = []
    for code in (piece.strip() for piece in codes.split(",")):
        if not _STATUS.fullmatch(code):
            raise ConfigurationError(
                f"{text!r}: {code!r} is no status; write 200, 200-299, 2xx, or several with commas"
            )
        low, _, high = code.partition("-")
        first, last = (
            (int(low[0] + "00"), int(low[0] + "99")) if low[1:].lower() == "xx" else (int(low), int(high or low))
        )
        ranges.append((first, last))
    return CheckCondition(ConditionKind.STATUS, "!=" if unequal else "==", tuple(ranges), text=text)


def _latency(part: str, rest: str, text: str) -> CheckCondition:
    phases = {phase.value: phase for phase in CheckPhase}
    phase = phases.get(part or CheckPhase.WHOLE)
    if phase is None:
        raise ConfigurationError(f"{text!r}: {part!r} is no phase; known are {', '.join(phases)}")
    operator, value = _compared(rest, text)
    milliseconds = parse_duration(value, bare="ms").total_seconds() * 1000
    return CheckCondition(ConditionKind.LATENCY, operator, milliseconds, phase, _with_unit(text, "ms"))


def _size(_: str, rest: str, text: str) -> CheckCondition:
    operator, value = _compared(rest, text)
    match = re.fullmatch(r"(\d{1,12}(?:\.\d+|,\d{1,2})?)\s*([a-z]*)", value.lower())
    factor = _BYTES.get(match[2]) if match else None
    if match is None or factor is None:
        raise ConfigurationError(f"{text!r}: {value!r} is no size; write it as 500, 10 kB, 2 MB or 1 MiB")
    return CheckCondition(
        ConditionKind.SIZE, operator, float(match[1].replace(",", ".")) * factor, text=_with_unit(text, "B")
    )


def _certificate(_: str, rest: str, text: str) -> CheckCondition:
    operator, value = _compared(rest, text)
    return CheckCondition(
        ConditionKind.CERTIFICATE, operator, parse_duration(value, bare="d").total_seconds(), text=_with_unit(text, "d")
    )


def _with_unit(text: str, unit: str) -> str:
    """A number alone is shown with the unit in which it is taken."""
    return f"{text} {unit}" if text[-1].isdigit() else text


def _compared(rest: str, text: str) -> tuple[str, str]:
    match = _COMPARISON.fullmatch(rest)
    if match is None:
        raise _unknown(text)
    return match["operator"], match["value"].strip()


def _header(_: str, rest: str, text: str) -> CheckCondition:
    name, _, comparison = rest.partition(" ")
    operator, value = _textual(comparison.strip(), text)
    return CheckCondition(ConditionKind.HEADER, operator, value, name.lower(), text)


def _body(_: str, rest: str, text: str) -> CheckCondition:
    operator, value = _textual(rest, text)
    if operator in {"exists", "absent"} or not value:
        raise _unknown(text)
    kind = ConditionKind.REGEXP if operator in {"=~", "!~"} else ConditionKind.TEXT
    return CheckCondition(kind, operator, value, text=text)


def _textual(rest: str, text: str) -> tuple[str, str]:
    match = _TEXTUAL.fullmatch(rest)
    if match is None:
        raise _unknown(text)
    operator, raw = match["operator"].lower(), match["value"].strip()
    value = _unquoted(raw) if operator in {"=~", "!~"} else _text_literal(raw)
    if (operator in {"exists", "absent"}) == bool(value):
        raise _unknown(text)
    if operator in {"=~", "!~"}:
        parse_pattern(value)
    return operator, value


def _json(text: str) -> CheckCondition:
    match = _JSON.fullmatch(text)
    if match is None:
        raise _unknown(text)
    operator, raw, subject = match["operator"].lower(), match["value"].strip(), match["subject"].strip()
    if (operator in {"exists", "absent"}) == bool(raw):
        raise _unknown(text)
    parse_json_path(json_subject(subject)[1])
    value: Any = _unquoted(raw) if operator in {"=~", "!~"} else _literal(raw)
    if operator in {"=~", "!~"}:
        parse_pattern(value)
    return CheckCondition(ConditionKind.JSON, operator, value, subject, text)


def json_subject(subject: str) -> tuple[bool, str]:
    """Whether the length of what the path selects is compared, and the path."""
    if subject[:1] == "$":
        return False, subject
    return True, subject[len("length(") : -1].strip()


def _literal(text: str) -> Any:
    """A value as JSON writes it; anything else is text, with or without single quotes."""
    try:
        return json.loads(text)
    except ValueError:
        return _unquoted(text)


def _text_literal(text: str) -> str:
    """Between double quotes as JSON writes text, where it is that."""
    found = _literal(text) if text[:1] == '"' else None
    return found if isinstance(found, str) else _unquoted(text)


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def _unknown(text: str) -> ConfigurationError:
    return ConfigurationError(f"{text[:80]!r} is no condition; examples: {'; '.join(EXAMPLES)}")


_READERS: dict[str, Callable[[str, str, str], CheckCondition]] = {
    "status": _status,
    "latency": _latency,
    "header": _header,
    "text": _body,
    "body": _body,
    "size": _size,
    "certificate": _certificate,
}
