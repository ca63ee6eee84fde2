"""Whether a condition can be true at all: one that cannot would call every answer wrong. Pure.

It is asked where a condition is written, and not where it is read again: what an earlier version took goes on as it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from app.errors import ConfigurationError
from app.probes.checking.conditions.parse import json_subject, parse_condition
from app.probes.checking.conditions.ranges import fit_together
from app.probes.models import CheckCondition, CheckPhase, CheckRequest, ConditionKind

STATUSES = range(200, 600)
"""Of a response; those below are announcements before it."""
_BELOW = {"<", "<=", "=="}
"""With 0 behind it, what only a value below or at 0 fulfils."""
_ABOVE = {">", ">=", "=="}
_COMPARED = set(ConditionKind) - {ConditionKind.STATUS, ConditionKind.REGEXP}
ALWAYS_MEASURED = {CheckPhase.FIRST_BYTE, CheckPhase.WHOLE}
"""A phase that an answer did without, as DNS of an address, breaks no condition."""
_BEHIND_QUOTED = re.compile(
    r"""(?:[^"'\[]|\[[^\]]*\])*?(?:==|!=|<=|>=|<|>|\bcontains\b|\blacks\b)\s*(?:"(?:[^"\\]|\\.)*"|'[^']*')\s+(\S.*)""",
    re.DOTALL | re.IGNORECASE,
)
"""What stands behind a value that is quoted."""


def possible_condition(text: str) -> CheckCondition:
    """The condition that the text writes; ConfigurationError where it is none, or no answer ever fulfils it."""
    condition = parse_condition(text)
    if behind := _BEHIND_QUOTED.fullmatch(text.strip()):
        raise ConfigurationError(
            f"{text[:80]!r}: {behind[1][:40]!r} stands behind the quoted value; write one condition for each"
        )
    if reason := _never(condition):
        raise ConfigurationError(f"{text[:80]!r} can never be true: {reason}")
    return condition


def check_together(texts: Sequence[str]) -> None:
    """ConfigurationError where no answer fulfils all of them."""
    conditions = [parse_condition(text) for text in texts]
    about = [one for one in conditions if one.kind is ConditionKind.STATUS]
    if about and not set.intersection(*map(statuses_of, about)):
        said = ", ".join(one.text for one in about)
        raise ConfigurationError(f"{said}: no status is all of them; write one condition with commas")
    compared: dict[tuple[ConditionKind, str], list[CheckCondition]] = {}
    for one in conditions:
        if one.kind is not ConditionKind.LATENCY or one.subject in ALWAYS_MEASURED:
            compared.setdefault((one.kind, one.subject), []).append(one)
    for (kind, _), several in compared.items():
        if kind in _COMPARED and not fit_together([(one.operator, one.value) for one in several]):
            raise ConfigurationError(f"{', '.join(one.text for one in several)}: no value fulfils all of them")


def check_reachable(request: CheckRequest) -> None:
    """ConfigurationError where no answer that such a request may get fulfils its conditions."""
    for one in request.conditions:
        if one.kind is ConditionKind.CERTIFICATE and not (request.redirects or request.url.lower().startswith("https")):
            raise ConfigurationError(
                f"{one.text[:80]!r} can never be true: http shows no certificate, and no redirect is followed"
            )
        slower: Any = one.value if one.kind is ConditionKind.LATENCY and one.subject in ALWAYS_MEASURED else 0
        if one.operator in _ABOVE and slower > request.timeout * 1000:
            raise ConfigurationError(
                f"{one.text[:80]!r} can never be true: the time-out ends a check after {request.timeout:g} s"
            )


def statuses_of(condition: CheckCondition) -> set[int]:
    """The statuses that fulfil a condition about them."""
    ranges: Any = condition.value
    named = {status for low, high in ranges for status in range(low, high + 1)}
    return named & set(STATUSES) if condition.operator == "==" else set(STATUSES) - named


def _never(condition: CheckCondition) -> str:
    """Why no answer fulfils the condition, "" where one may."""
    compared, value = condition.operator, condition.value
    match condition.kind:
        case ConditionKind.STATUS if not statuses_of(condition):
            return _of_status(condition)
        case ConditionKind.LATENCY if compared in _BELOW and value == 0:
            return "every answer takes some time"
        case ConditionKind.SIZE if compared == "<" and value == 0:
            return "no body has less than 0 bytes"
        case ConditionKind.CERTIFICATE if compared in _BELOW and value == 0:
            return "with a certificate that has expired there is no answer"
        case ConditionKind.JSON if json_subject(condition.subject)[0] and _below_nothing(compared, value):
            return "no length is below 0"
        case _:
            return ""


def _of_status(condition: CheckCondition) -> str:
    ranges: Any = condition.value
    if condition.operator == "!=":
        return "it leaves no status over"
    backwards = next((f"{low}-{high}" for low, high in ranges if high < low), None)
    return f"{backwards} ends before it begins" if backwards else "a status is 200 to 599"


def _below_nothing(compared: str, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value < 0 if compared in {"==", "<="} else value <= 0 and compared == "<"
