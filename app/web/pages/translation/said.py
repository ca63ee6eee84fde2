"""What services said in English, in the language of who reads: descriptions of what is shipped, and sentences in data.

A service keeps, sends and answers English. Here a text of it is looked up as it is, and a sentence in whose place
numbers and names stand by its form (`app.web.pages.translation.sentences.py`). What neither knows is shown as it was said and marked
as English, so that it is read aloud as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache

from markupsafe import Markup, escape

from app.alerting.rules.runbook import lines
from app.kit.language import ENGLISH, current_language, found_text, in_digits, pgettext
from app.web.pages.translation.sentences import FORMS

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_NUMBER = r"-?\d[\d,]*(?:\.\d+)?"
_ONE_SENTENCE = r"(?:(?!; |, did you mean |\n).)+?"
"""What stands for a name ends before the next sentence."""
_WORDS = re.compile(r"[A-Za-z]{2}")
_BETWEEN = re.compile(r"(\n|; |, (?=did you mean ))")
_NESTED = "_said"
"""A part with such a name is said itself, one with the name of a list part by part."""
_LIST = "_list"
_LONGEST = 2000
"""A longer text is none of our sentences."""


@cache
def _forms() -> list[tuple[re.Pattern[str], str]]:
    """Each form as a pattern; one with more words of its own comes first."""
    return [(_pattern(form), form) for form in sorted(FORMS, key=lambda form: -len(_PLACEHOLDER.sub("", form)))]


def _pattern(form: str) -> re.Pattern[str]:
    found = ""
    for place, part in enumerate(_PLACEHOLDER.split(form)):
        if place % 2:
            found += f"(?P<{part}>{_NUMBER if part.startswith('num') else _ONE_SENTENCE})"
        else:
            found += re.escape(part.replace("%%", "%"))
    return re.compile(found)


@lru_cache(maxsize=8192)
def _said(_language: str, text: str) -> str | None:
    """The text in the language; None where nobody has translated it."""
    found = found_text(text)
    if found != text:
        return found
    if len(text) > _LONGEST:
        return None
    for pattern, form in _forms():
        match = pattern.fullmatch(text)
        if match:
            return found_text(form) % {name: _part(name, value) for name, value in match.groupdict().items()}
    return None


def _part(name: str, value: str) -> str:
    if name.startswith("num"):
        return in_digits(value)
    if name.endswith(_LIST):
        return pgettext("between parts of a list", ", ").join(map(said_plain, value.split(", ")))
    return said_plain(value) if name.endswith(_NESTED) else value


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """The text, or the sentences it consists of, each with what it is in the language, and the marks between them."""
    code = current_language().code
    whole = _said(code, text)
    if whole is not None:
        yield text, whole
        return
    for piece in _BETWEEN.split(text):
        if piece == "; ":
            yield piece, pgettext("between clauses", "; ")
        else:
            yield piece, _said(code, piece) if _WORDS.search(piece) else piece


def said_plain(text: str) -> str:
    """The text in the language of who reads, as far as it is known in it; for where no markup can be."""
    if current_language() is ENGLISH:
        return text
    return "".join(piece if known is None else known for piece, known in _pieces(text))


def said_markup(text: str) -> str | Markup:
    """The same for a page, with what stays English marked as such."""
    if current_language() is ENGLISH:
        return text
    return Markup("").join(
        Markup('<span lang="en">{}</span>').format(piece) if known is None else escape(known)
        for piece, known in _pieces(text)
    )


def said_runbook(text: str) -> str:
    """A runbook, or a section of it, line by line."""
    return "\n".join(line.mark + (said_plain(line.text) if line.text else "") for line in lines(text))


def known_forms() -> Mapping[str, re.Pattern[str]]:
    """The pattern of each form, for whoever tests them."""
    return {form: pattern for pattern, form in _forms()}
