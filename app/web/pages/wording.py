"""What pages say where something in an address or a form is wrong: sentences for people, without names of fields. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.web.problem_types import ApiError, ProblemType

LABELS: Mapping[str, str] = {
    "after": "Page",
    "as_of": "As of",
    "at": "Instant",
    "add": "Draw beside it",
    "before": "Page",
    "holes": "Rows",
    "page": "Page",
    "reprocess": "Which windows",
    "with": "Draw beside it",
}
"""What the pages call a parameter; the others are called by their names."""
NUMBERED: Mapping[str, str] = {
    "series_id": "series",
    "finding_id": "finding",
    "backfill_id": "backfill",
    "alert_id": "alert",
    "silence_id": "silence",
    "notification_id": "message",
    "window_id": "maintenance window",
}
"""What is named by a number in the path of a page."""
_LONGEST = 60
_LOCATIONS = {"query", "path", "body", "header"}
_FOR_PROGRAMS = re.compile(r"; GET /api/v1/[\w/]+ (?:lists|says)[^;]*")
_WORDS: Mapping[str, str] = {
    "int_parsing": "{input} is no whole number",
    "bool_parsing": "{input} is neither true nor false",
    "greater_than_equal": "{input} is less than {ge}",
    "less_than_equal": "{input} is more than {le}",
    "string_too_long": "it has more than {max_length} characters",
    "too_short": "it names nothing",
    "string_too_short": "it is empty",
    "string_pattern_mismatch": "{input} is none of its values",
    "enum": "{input} is none of {expected}",
    "literal_error": "{input} is none of {expected}",
    "datetime_from_date_parsing": "{input} is no instant",
}
"""By what the framework calls a mistake."""


def label_of(field: str) -> str:
    return LABELS.get(field, field.replace("_", " ").capitalize())


def in_words(error: ApiError) -> str:
    """What is wrong, by what the page calls the fields; of an error about no field its own words."""
    if not error.errors or error.kind is ProblemType.UNKNOWN_PARAMETER:
        return for_people(str(error))
    return " ".join(_sentence(one.field, one.detail) for one in error.errors)


def _sentence(field: str, detail: str) -> str:
    said = for_people(detail.removeprefix(f"{field} "))
    return f"{label_of(field)}: {said}" + ("" if said.endswith((".", "?")) else ".")


def for_people(detail: str) -> str:
    """The detail without the routes that say more of it to programs."""
    return _FOR_PROGRAMS.sub("", detail)


def absent(errors: Iterable[Mapping[str, Any]]) -> str:
    """What a path that names nothing means, "" where the path is well-formed."""
    for one in errors:
        location, name = (str(part) for part in one["loc"][:2])
        if location == "path":
            kind = NUMBERED.get(name, name)
            rest = f": each {kind} has a number" if name in NUMBERED else ""
            return f"There is no {kind} {_shown(one.get('input'))}{rest}."
    return ""


def mistakes(errors: Sequence[Mapping[str, Any]]) -> str:
    """What of an address or a form cannot be read, in sentences."""
    lacking = [label_of(_field(one)).lower() for one in errors if one["type"] == "missing"]
    said = [f"{label_of(_field(one))}: {_mistake(one)}." for one in errors if one["type"] != "missing"]
    if lacking:
        named = " and ".join(filter(None, [", ".join(lacking[:-1]), lacking[-1]]))
        said.insert(0, f"This has to be named, too: {named}.")
    return " ".join(said)


def _field(one: Mapping[str, Any]) -> str:
    parts = [str(part) for part in one["loc"]]
    return parts[1] if parts[0] in _LOCATIONS and len(parts) > 1 else parts[0]


def _mistake(one: Mapping[str, Any]) -> str:
    form = _WORDS.get(str(one["type"]))
    if form is None:
        return str(one["msg"]).removeprefix("Value error, ").rstrip(".")
    return form.format(input=_shown(one.get("input")), **one.get("ctx", {}))


def _shown(given: Any) -> str:
    text = str(given)
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
