"""Whether a response fulfils the conditions of its check."""

from __future__ import annotations

import codecs
import json
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from typing import Any

from app.probes.checking.conditions.json_path import parse_json_path
from app.probes.checking.conditions.parse import json_subject
from app.probes.checking.conditions.patterns import parse_pattern
from app.probes.models import CheckCondition, CheckFailure, CheckPhase, CheckPhases, ConditionKind, ServerCertificate

DEFAULT_STATUS = CheckCondition(ConditionKind.STATUS, "==", ((200, 299),), text="status 200-299")
LONGEST_VALUE_SHOWN = 80
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_EDGE = {
    520: "unknown error at the origin", 521: "the origin refuses connections", 522: "no connection to the origin in time",
    523: "the origin cannot be reached", 524: "the origin did not answer in time", 525: "TLS to the origin failed",
    526: "the origin's certificate is invalid", 527: "the connection to the origin was interrupted",
    530: "the origin's name cannot be resolved",
}  # fmt: skip
"""What the edge of a content network says about the origin behind it."""


@dataclass(frozen=True, slots=True)
class ObservedResponse:
    """What conditions may ask about."""

    status: int
    headers: Sequence[tuple[str, str]]
    """Names in lower case."""
    body: bytes
    size: int
    """Of the body, unpacked."""
    phases: CheckPhases
    now: datetime
    certificate: ServerCertificate | None = None

    def header(self, name: str) -> str | None:
        values = [value for known, value in self.headers if known == name]
        return ", ".join(values) if values else None


def broken_condition(
    conditions: Sequence[CheckCondition], response: ObservedResponse
) -> tuple[CheckFailure, str] | None:
    """The failure and its reason where a condition does not hold: that of the status first, else all that are broken."""
    by_status = [condition for condition in conditions if condition.kind is ConditionKind.STATUS] or [DEFAULT_STATUS]
    for condition in by_status:
        if not _status_holds(condition, response.status):
            return CheckFailure.STATUS, _status_text(condition, response)
    body = _Body(response)
    broken = [reason for condition in conditions if (reason := _EVALUATE[condition.kind](condition, response, body))]
    return (CheckFailure.CONDITION, "; ".join(broken)) if broken else None


class _Body:
    """The body as text and as JSON, read once and only where a condition asks for it."""

    def __init__(self, response: ObservedResponse) -> None:
        self._response = response
        self._text: str | None = None
        self._document: Any = self
        self.error = ""

    def text(self) -> str:
        if self._text is None:
            self._text = self._response.body.decode(charset_of(self._response.header("content-type")), "replace")
        return self._text

    def document(self) -> Any:
        if self._document is self:
            try:
                self._document = json.loads(self._response.body)
            except (ValueError, RecursionError) as error:
                self._document, self.error = None, f"the body is no JSON ({str(error)[:LONGEST_VALUE_SHOWN]})"
        return self._document


def charset_of(content_type: str | None) -> str:
    message = Message()
    message["content-type"] = content_type or "text/plain"
    charset = str(message.get_param("charset", "utf-8"))
    try:
        # Python knows codecs that are no character sets, such as zip and rot13.
        return charset if codecs.lookup(charset)._is_text_encoding else "utf-8"  # noqa: SLF001
    except (LookupError, ValueError):
        return "utf-8"


def _status_holds(condition: CheckCondition, status: int) -> bool:
    ranges: Any = condition.value
    within = any(low <= status <= high for low, high in ranges)
    return within is (condition.operator == "==")


def _status_text(condition: CheckCondition, response: ObservedResponse) -> str:
    status = response.status
    if status == 429:
        after = response.header("retry-after")
        return f"status 429: the target asks for fewer requests{f', again after {after[:40]}' if after else ''}"
    if status in _EDGE:
        return f"status {status}: the edge says that {_EDGE[status]}"
    return f"status {status} where {condition.text} is expected"


def _status(_condition: CheckCondition, _response: ObservedResponse, _body: _Body) -> str:
    return ""


def _latency(condition: CheckCondition, response: ObservedResponse, _: _Body) -> str:
    measured = response.phases.of(CheckPhase(condition.subject))
    if measured is None or _COMPARE[condition.operator](measured, condition.value):
        return ""
    return f"{condition.text}: it took {measured:.1f} ms"


def _size(condition: CheckCondition, response: ObservedResponse, _: _Body) -> str:
    holds = _COMPARE[condition.operator](response.size, condition.value)
    return "" if holds else f"{condition.text}: the body has {response.size} bytes"


def _certificate(condition: CheckCondition, response: ObservedResponse, _: _Body) -> str:
    if response.certificate is None:
        return f"{condition.text}: no certificate was shown"
    left = (response.certificate.chain_ends - response.now).total_seconds()
    if _COMPARE[condition.operator](left, condition.value):
        return ""
    return f"{condition.text}: it ends in {left / 86_400:.1f} d, on {response.certificate.chain_ends:%Y-%m-%d}"


def _header(condition: CheckCondition, response: ObservedResponse, _: _Body) -> str:
    value = response.header(condition.subject)
    if condition.operator in {"exists", "absent"}:
        holds = (value is not None) is (condition.operator == "exists")
        return "" if holds else f"{condition.text}: it is {'absent' if value is None else 'there'}"
    if value is None:
        return f"{condition.text}: the header is absent"
    holds = _textual(condition.operator, value, str(condition.value))
    return "" if holds else f"{condition.text}: it is {_shown(value)}"


def _text(condition: CheckCondition, _: ObservedResponse, body: _Body) -> str:
    return (
        "" if _textual(condition.operator, body.text(), str(condition.value)) else f"{condition.text}: it does not hold"
    )


def _json(condition: CheckCondition, _: ObservedResponse, body: _Body) -> str:
    document = body.document()
    if body.error:
        return f"{condition.text}: {body.error}"
    counted, path = json_subject(condition.subject)
    try:
        values = parse_json_path(path).find(document)
    except ValueError as error:
        return f"{condition.text}: {error}"
    if condition.operator in {"exists", "absent"}:
        holds = bool(values) is (condition.operator == "exists")
        return "" if holds else f"{condition.text}: it is {'there' if values else 'absent'}"
    if not values:
        return f"{condition.text}: the path selects nothing"
    if counted:
        values = [len(value) if isinstance(value, str | list | dict) else None for value in values]
    for value in values:
        if not _json_holds(condition.operator, value, condition.value):
            return f"{condition.text}: it is {_shown(value)}"
    return ""


def _json_holds(compared: str, value: Any, wanted: Any) -> bool:
    if compared in {"==", "!="}:
        # JSON tells true from 1, Python does not.
        same = isinstance(value, bool) is isinstance(wanted, bool) and value == wanted
        return same is (compared == "==")
    if compared in {"contains", "lacks"} and isinstance(value, list | dict):
        return (wanted in value if _hashable(wanted) else False) is (compared == "contains")
    if compared in {"contains", "lacks", "=~", "!~"}:
        return isinstance(value, str) and _textual(compared, value, str(wanted))
    numbers = all(isinstance(side, int | float) and not isinstance(side, bool) for side in (value, wanted))
    texts = isinstance(value, str) and isinstance(wanted, str)
    return (numbers or texts) and _COMPARE[compared](value, wanted)


def _hashable(value: Any) -> bool:
    return not isinstance(value, list | dict)


def _textual(compared: str, text: str, wanted: str) -> bool:
    match compared:
        case "==" | "!=":
            return (text == wanted) is (compared == "==")
        case "contains" | "lacks":
            return (wanted in text) is (compared == "contains")
        case _:
            # What is no UTF-8 text, such as a lone half of a pair in JSON, cannot be handed to the engine.
            readable = text.encode("utf-8", "replace").decode()
            return (parse_pattern(wanted).search(readable) is not None) is (compared == "=~")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE_SHOWN else f"{text[:LONGEST_VALUE_SHOWN]}…"


_EVALUATE: dict[ConditionKind, Callable[[CheckCondition, ObservedResponse, _Body], str]] = {
    ConditionKind.STATUS: _status,
    ConditionKind.LATENCY: _latency,
    ConditionKind.HEADER: _header,
    ConditionKind.TEXT: _text,
    ConditionKind.REGEXP: _text,
    ConditionKind.JSON: _json,
    ConditionKind.SIZE: _size,
    ConditionKind.CERTIFICATE: _certificate,
}
