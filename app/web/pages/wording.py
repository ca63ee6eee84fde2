"""What pages say where something in an address or a form is wrong: sentences for people, without names of fields. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.kit.language import found_text, gettext, gettext_noop
from app.mistakes import given_text, mistake_said
from app.web.pages.translation.said import said_plain
from app.web.problem_types import ApiError, ProblemType

FieldLabels = Mapping[str, str]
LABELS: FieldLabels = {
    "after": gettext_noop("Page"),
    "as_of": gettext_noop("As of"),
    "at": gettext_noop("Instant"),
    "add": gettext_noop("Draw beside it"),
    "before": gettext_noop("Page"),
    "holes": gettext_noop("Rows"),
    "page": gettext_noop("Page"),
    "reprocess": gettext_noop("Which windows"),
    "with": gettext_noop("Draw beside it"),
}
"""What the pages call a parameter; the others are called by their names."""
NUMBERED: Mapping[str, str] = {
    "series_id": gettext_noop("series"),
    "finding_id": gettext_noop("finding"),
    "backfill_id": gettext_noop("backfill"),
    "alert_id": gettext_noop("alert"),
    "website_id": gettext_noop("website"),
    "operation_id": gettext_noop("operation"),
    "plan_id": gettext_noop("maintenance"),
    "silence_id": gettext_noop("silence"),
    "notification_id": gettext_noop("message"),
    "window_id": gettext_noop("maintenance window"),
}
"""What is named by a number in the path of a page."""
_LOCATIONS = {"query", "path", "body", "header"}
_FIELDED = re.compile(r"(\w+)(?:\.[\w-]+)*: (.+)", re.DOTALL)
"""How a service says which field it means."""
_FOR_PROGRAMS = re.compile(
    r"; (?:GET /api/v1/[\w/]+|/api/[\w/]+|`gridkeeper [^`]+`) (?:lists?|says?|shows?|names?|has)\b[^;,]*"
)


def label_of(field: str, labels: FieldLabels | None = None) -> str:
    """What people read beside a field, by the labels of its form where it has some."""
    known = (labels or {}).get(field, LABELS.get(field))
    return gettext(known) if known else found_text(field.replace("_", " ").capitalize())


def in_words(error: ApiError, labels: FieldLabels | None = None) -> str:
    """What is wrong, by what the page, or its form, calls the fields; of an error about no field its own words."""
    if not error.errors or error.kind is ProblemType.UNKNOWN_PARAMETER:
        found = _FIELDED.fullmatch(str(error))
        known = found and found[1] in (labels or {})
        return _sentence(label_of(found[1], labels), found[2]) if found and known else for_people(str(error))
    return " ".join(
        _sentence(label_of(one.field.partition(".")[0], labels), one.detail.removeprefix(f"{one.field} "))
        for one in error.errors
    )


def _sentence(label: str, detail: str) -> str:
    said = for_people(detail)
    return f"{label}: {said}" + ("" if said.endswith((".", "?")) else ".")


def for_people(detail: str) -> str:
    """The detail in the language of who reads, without the routes and commands that list more: pages lead to each other."""
    return said_plain(_FOR_PROGRAMS.sub("", detail))


def absent(errors: Iterable[Mapping[str, Any]]) -> str:
    """What a path that names nothing means, "" where the path is well-formed."""
    for one in errors:
        location, name = (str(part) for part in one["loc"][:2])
        if location == "path":
            kind = NUMBERED.get(name, name)
            text = given_text(one.get("input"))
            if name in NUMBERED:
                return gettext(
                    "There is no %(kind)s %(text)s: each %(kind)s has a number.", kind=gettext(kind), text=text
                )
            return gettext("There is no %(kind)s %(text)s.", kind=kind, text=text)
    return ""


def mistakes(errors: Sequence[Mapping[str, Any]], labels: FieldLabels | None = None) -> str:
    """What of an address or a form cannot be read, in sentences."""
    lacking = [label_of(_field(one), labels).lower() for one in errors if one["type"] == "missing"]
    said = [
        _sentence(label_of(_field(one), labels), mistake_said(one, show=True))
        for one in errors
        if one["type"] != "missing"
    ]
    if lacking:
        named = gettext(" and ").join(filter(None, [", ".join(lacking[:-1]), lacking[-1]]))
        said.insert(0, gettext("This has to be named, too: %(names)s.", names=named))
    return " ".join(said)


def _field(one: Mapping[str, Any]) -> str:
    parts = [str(part) for part in one["loc"]]
    return parts[1] if parts[0] in _LOCATIONS and len(parts) > 1 else parts[0]
