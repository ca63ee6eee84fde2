"""Texts for people in the language of whoever reads: each task has a language, English where nothing chose one.

A text is written in English where it is used, and looked up under that. It is a format of `%`: what varies is named,
`gettext("%(area)s is late", area=area)`, and a percent sign is written twice.
"""

from __future__ import annotations

import gettext as library
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from app.kit.po_file import read_po

_PLURAL = re.compile(r"^Plural-Forms:.*plural=(.*);", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Language:
    """A language with its texts and the form of its numbers and days."""

    code: str
    tag: str
    """As HTML and HTTP name it (BCP 47)."""
    name: str
    """As those call it who speak it."""
    decimal: str = "."
    day: str = "%Y-%m-%d"
    texts: Mapping[str, list[str]] = field(default_factory=dict)
    form_of: Callable[[int], int] = lambda number: int(number != 1)
    """Which form of a text a number takes."""


ENGLISH = Language("en", "en", "English")
_chosen: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def current_language() -> Language:
    return _chosen.get()


def choose_language(language: Language) -> None:
    """The language of this task from now on."""
    _chosen.set(language)


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Within the block texts are in this language."""
    token = _chosen.set(language)
    try:
        yield
    finally:
        _chosen.reset(token)


def catalogue_of(po: str) -> tuple[Mapping[str, list[str]], Callable[[int], int]]:
    """The texts of a catalogue by what they are looked up under, and its rule of plural forms."""
    entries = read_po(po)
    head = next(entry.said[0] for entry in entries if not entry.key)
    rule = _PLURAL.search(head)
    if rule is None:
        raise ValueError("the header of the catalogue has no line Plural-Forms")
    kept = {entry.key: entry.said for entry in entries if entry.key and all(entry.said) and not entry.fuzzy}
    return kept, library.c2py(rule[1])


# What is looked up, before its parts are filled in


def found_text(text: str) -> str:
    said = _chosen.get().texts.get(text)
    return said[0] if said else text


def found_plural(one: str, many: str, number: int) -> str:
    language = _chosen.get()
    forms = language.texts.get(one, (one, many))
    return forms[language.form_of(number) if len(forms) > 1 else 0]


def found_in_context(context: str, text: str) -> str:
    said = _chosen.get().texts.get(f"{context}\x04{text}")
    return said[0] if said else text


# What code says


def gettext(text: str, /, **values: object) -> str:
    """The text in the language of the task."""
    return found_text(text) % values


def ngettext(one: str, many: str, number: int, /, **values: object) -> str:
    """The text in the form that a number takes; `%(num)s` is the number."""
    return found_plural(one, many, number) % {"num": number, **values}


def pgettext(context: str, text: str, /, **values: object) -> str:
    """The text where English has one word for several things; the context says which."""
    return found_in_context(context, text) % values


def gettext_noop(text: str, /) -> str:
    """The text as it is, for a table: who shows it looks it up."""
    return text


# Numbers


def shown_decimal(value: float, places: int) -> str:
    """A number with so many places behind its decimal sign."""
    return in_digits(f"{value:,.{places}f}")


def in_digits(text: str) -> str:
    """A number as Python writes it, with the signs of the language."""
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace(".", _chosen.get().decimal)
