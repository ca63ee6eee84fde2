"""What pages say where something in an address or a form is wrong: sentences for people, without names of fields. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.kit.language import found_text, gettext, gettext_noop
from app.web.pages.translation.said import said_plain
from app.web.problem_types import ApiError, ProblemType

LABELS: Mapping[str, str] = {
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
    "silence_id": gettext_noop("silence"),
    "notification_id": gettext_noop("message"),
    "window_id": gettext_noop("maintenance window"),
}
"""What is named by a number in the path of a page."""
_LONGEST = 60
_LOCATIONS = {"query", "path", "body", "header"}
_FOR_PROGRAMS = re.compile(r"; GET /api/v1/[\w/]+ (?:lists|says|shows)[^;]*")
_WORDS: Mapping[str, str] = {
    "int_parsing": gettext_noop("%(input)s is no whole number"),
    "bool_parsing": gettext_noop("%(input)s is neither true nor false"),
    "greater_than_equal": gettext_noop("%(input)s is less than %(ge)s"),
    "less_than_equal": gettext_noop("%(input)s is more than %(le)s"),
    "string_too_long": gettext_noop("it has more than %(max_length)s characters"),
    "too_short": gettext_noop("it names nothing"),
    "string_too_short": gettext_noop("it is empty"),
    "string_pattern_mismatch": gettext_noop("%(input)s is none of its values"),
    "enum": gettext_noop("%(input)s is none of %(expected)s"),
    "literal_error": gettext_noop("%(input)s is none of %(expected)s"),
    "datetime_from_date_parsing": gettext_noop("%(input)s is no instant"),
}
"""By what the framework calls a mistake."""


def label_of(field: str) -> str:
    return gettext(LABELS[field]) if field in LABELS else found_text(field.replace("_", " ").capitalize())


def in_words(error: ApiError) -> str:
    """What is wrong, by what the page calls the fields; of an error about no field its own words."""
    if not error.errors or error.kind is ProblemType.UNKNOWN_PARAMETER:
        return for_people(str(error))
    return " ".join(_sentence(one.field, one.detail) for one in error.errors)


def _sentence(field: str, detail: str) -> str:
    said = for_people(detail.removeprefix(f"{field} "))
    return f"{label_of(field)}: {said}" + ("" if said.endswith((".", "?")) else ".")


def for_people(detail: str) -> str:
    """The detail in the language of who reads, without the routes that say more of it to programs."""
    return said_plain(_FOR_PROGRAMS.sub("", detail))


def absent(errors: Iterable[Mapping[str, Any]]) -> str:
    """What a path that names nothing means, "" where the path is well-formed."""
    for one in errors:
        location, name = (str(part) for part in one["loc"][:2])
        if location == "path":
            kind = NUMBERED.get(name, name)
            shown = _shown(one.get("input"))
            if name in NUMBERED:
                return gettext(
                    "There is no %(kind)s %(text)s: each %(kind)s has a number.", kind=gettext(kind), text=shown
                )
            return gettext("There is no %(kind)s %(text)s.", kind=kind, text=shown)
    return ""


def mistakes(errors: Sequence[Mapping[str, Any]]) -> str:
    """What of an address or a form cannot be read, in sentences."""
    lacking = [label_of(_field(one)).lower() for one in errors if one["type"] == "missing"]
    said = [f"{label_of(_field(one))}: {_mistake(one)}." for one in errors if one["type"] != "missing"]
    if lacking:
        named = gettext(" and ").join(filter(None, [", ".join(lacking[:-1]), lacking[-1]]))
        said.insert(0, gettext("This has to be named, too: %(names)s.", names=named))
    return " ".join(said)


def _field(one: Mapping[str, Any]) -> str:
    parts = [str(part) for part in one["loc"]]
    return parts[1] if parts[0] in _LOCATIONS and len(parts) > 1 else parts[0]


def _mistake(one: Mapping[str, Any]) -> str:
    form = _WORDS.get(str(one["type"]))
    if form is None:
        return str(one["msg"]).removeprefix("Value error, ").rstrip(".")
    return gettext(form, input=_shown(one.get("input")), **one.get("ctx", {}))


def _shown(given: Any) -> str:
    text = str(given)
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
