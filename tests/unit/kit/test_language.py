from __future__ import annotations

from contextvars import copy_context

import pytest

from app.kit.language import (
    ENGLISH,
    Language,
    catalogue_of,
    choose_language,
    gettext,
    ngettext,
    pgettext,
    shown_decimal,
)
from app.kit.po_file import PoEntry, read_po, write_po

PO = r"""
# a comment
msgid ""
msgstr ""
"Language: xx\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\n"

#: somewhere.html:3
msgid "%(area)s is \"late\""
msgstr "%(area)s \\ zu "
"spät"

msgctxt "right"
msgid "May"
msgstr "Darf"
msgid "%(num)s gap"
msgid_plural "%(num)s gaps"
msgstr[0] "%(num)s Lücke"
msgstr[1] "%(num)s Lücken"

#, fuzzy
msgid "guessed"
msgstr "geraten"

msgid "empty"
msgstr ""
#~ msgid "gone"
#~ msgstr "weg"
"""


def test_texts_are_said_in_the_language_of_the_task_and_english_where_there_is_none() -> None:
    texts, form_of = catalogue_of(PO)
    language = Language("xx", "xx", "Xx", decimal=",", texts=texts, form_of=form_of)

    def said() -> list[str]:
        return [
            gettext('%(area)s is "late"', area="FR"),
            pgettext("right", "May"),
            gettext("May"),
            *(ngettext("%(num)s gap", "%(num)s gaps", number) for number in (0, 1, 2)),
            ngettext("%(num)s day", "%(num)s days", 1),
            *(gettext(text) for text in ("guessed", "empty", "gone", "100 %%")),
            shown_decimal(1234.56, 1),
        ]

    english = ['FR is "late"', "May", "May", "0 gaps", "1 gap", "2 gaps", "1 day", "guessed", "empty", "gone", "100 %"]
    assert said() == [*english, "1\u202f234.6"]
    task = copy_context()
    task.run(choose_language, language)
    assert task.run(said) == [
        "FR \\ zu spät", "Darf", "May", "0 Lücke", "1 Lücke", "2 Lücken", "1 day",
        "guessed", "empty", "gone", "100 %", "1\u202f234,6",
    ]  # fmt: skip
    assert gettext("May") == "May"
    assert ENGLISH.form_of(0) == 1


def test_a_catalogue_is_written_as_it_is_read() -> None:
    entries = [entry for entry in read_po(PO) if entry.key]
    written = write_po("# head", entries)
    assert written.startswith("# head\n\nmsgid ")
    assert sorted(read_po(written), key=lambda one: one.key) == sorted(entries, key=lambda one: one.key)
    assert "#, fuzzy\n" in written
    assert PoEntry("a", context="b").key == "b\x04a"


@pytest.mark.parametrize("wrong", ['msgid "a"\nmsgstr b', '"nothing before"', "msgid"])
def test_what_is_no_catalogue_is_refused_with_its_line(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"line [12] is none"):
        read_po(wrong)


def test_a_catalogue_without_a_rule_of_plurals_is_refused() -> None:
    with pytest.raises(ValueError, match="Plural-Forms"):
        catalogue_of('msgid ""\nmsgstr "Language: xx"\n')
