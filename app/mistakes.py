"""What a validation finds wrong, in words for people: the library's own words never reach anybody. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from app.errors import ConfigurationError
from app.kit.language import gettext, gettext_noop

E = TypeVar("E", bound=StrEnum)
NONE_OF = gettext_noop("%(input)s is none of %(expected)s")
_LONGEST = 60
_WHOLE, _NUMBER = gettext_noop("%(input)s is no whole number"), gettext_noop("%(input)s is no number")
_BOOLEAN, _TEXT = gettext_noop("%(input)s is neither true nor false"), gettext_noop("%(input)s is no text")
_INSTANT = gettext_noop("%(input)s is no instant; write it as 2024-01-01T00:00:00Z")
_DAY = gettext_noop("%(input)s is no day; write it as 2024-01-31")
_LIST, _PAIRS = gettext_noop("%(input)s is no list"), gettext_noop("this must be a mapping of names to values")
_FEW = gettext_noop("it is empty; name at least one")
WORDS: Mapping[str, str] = {
    "missing": gettext_noop("this is missing"),
    "extra_forbidden": gettext_noop("there is no such field"),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": gettext_noop("%(input)s is a number with too many digits"),
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _BOOLEAN,
    "bool_parsing": gettext_noop("%(input)s is neither true nor false: write true or false"),
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_short": gettext_noop("it is empty"),
    "string_too_long": gettext_noop("it has more than %(max_length)s characters"),
    "string_pattern_mismatch": gettext_noop("%(input)s is none of its values"),
    "too_short": _FEW,
    "too_long": gettext_noop("these are more than %(max_length)s"),
    "greater_than_equal": gettext_noop("%(input)s is too small: it must be %(ge)s or more"),
    "greater_than": gettext_noop("%(input)s is too small: it must be more than %(gt)s"),
    "less_than_equal": gettext_noop("%(input)s is too large: it must be %(le)s or less"),
    "less_than": gettext_noop("%(input)s is too large: it must be less than %(lt)s"),
    "literal_error": NONE_OF,
    "enum": NONE_OF,
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "timezone_aware": gettext_noop("%(input)s lacks its offset; write Z behind it for UTC"),
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _PAIRS,
    "model_type": _PAIRS,
    "model_attributes_type": _PAIRS,
}
"""By what the library calls a mistake."""
_OF_URLS: Mapping[str, str] = {
    "port": "a port is a number from 1 to 65535",
    "ipv6": "what stands between the brackets is no IPv6 address",
    "ipv4": "its four numbers are no IPv4 address",
    "idna": "the host is no name that can be looked up",
}
_OF_PATTERNS: Mapping[str, str] = {
    "missing )": "a round bracket has no other end",
    "unexpected )": "a round bracket has no other end",
    "missing ]": "a square bracket has no other end",
    "no argument for repetition": "nothing stands before *, + or ?",
    "bad repetition": "*, + or ? stands behind another one",
    "invalid repetition size": "a repetition counts too high, or backwards",
    "invalid character class": "what stands in square brackets, or behind \\p, is no class of characters",
    "invalid escape": "a backslash stands before what it gives no meaning",
    "trailing": "a backslash stands at the end",
    "invalid perl operator": "(? begins nothing that is known",
    "invalid named capture": "a group has no name that can be read",
}


def mistake_said(mistake: Mapping[str, Any], *, show: bool = False) -> str:
    """What is wrong, as an error of the library has it; without the value that was given, for it may be a secret."""
    form = WORDS.get(str(mistake["type"]))
    if form is None:
        return str(mistake["msg"]).removeprefix("Value error, ").rstrip(".")
    about = {name: _plain(value) for name, value in mistake.get("ctx", {}).items()}
    if "expected" in about:
        about["expected"] = str(about["expected"]).replace("' or '", f"'{gettext(' or ')}'")
    return gettext(form, **about, input=given_text(mistake.get("input")) if show else gettext("this"))


def choice_of(kind: type[E], text: str) -> E:
    """The member that a person named; ConfigurationError that lists them all."""
    try:
        return kind(text.strip())
    except ValueError:
        expected = ", ".join(one.value for one in kind if one.value)
        raise ConfigurationError(gettext(NONE_OF, input=given_text(text), expected=expected)) from None


def pattern_fault(said: object) -> str:
    """Why a regular expression cannot be used, in our words for those of its engine (RE2)."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return next((ours for theirs, ours in _OF_PATTERNS.items() if text.startswith(theirs)), text)


def url_fault(error: Exception) -> str:
    """Why an address cannot be read, in our words for those of the libraries that read it."""
    text = str(error).lower()
    return next((ours for theirs, ours in _OF_URLS.items() if theirs in text), str(error))


def given_text(given: Any) -> str:
    """What somebody gave, no longer than a line."""
    text = str(given)
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _plain(value: Any) -> Any:
    return f"{value:g}" if isinstance(value, float) else value
