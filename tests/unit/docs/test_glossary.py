"""The glossary leads to modules that are there, and to no word that the code refuses."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.linters.house_words import TERMS

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (.+?) \| (.+) \| (.+) \|$", re.MULTILINE)
OURS = {"lane", "ticket", "epoch"}


def rows() -> list[tuple[str, str, str]]:
    return [row for row in ROW.findall(TEXT) if row[2] != "module"]


def test_every_term_names_modules_that_are_there() -> None:
    assert len(rows()) > 50
    for term, _, where in rows():
        modules = re.findall(r"`(app/[^`]+\.py)`", where)
        assert modules, term
        assert [module for module in modules if not (ROOT / module).exists()] == [], term


def test_a_term_stands_once() -> None:
    terms = [term for term, _, _ in rows()]
    assert sorted(terms) == sorted(set(terms))


def test_words_of_ours_are_explained_where_they_are_at_home() -> None:
    ours = {term: where for term, _, where in ROW.findall(TEXT.partition("## Words of ours")[2])}
    assert set(ours) >= OURS
    for term, where in ours.items():
        if term != "word":
            texts = [(ROOT / module).read_text(encoding="utf-8") for module in re.findall(r"`([^`]+)`", where)]
            assert all(re.search(rf"(?i){term}", text) for text in texts), term


def test_no_term_is_a_word_that_the_code_refuses() -> None:
    words = {word.lower() for term, _, _ in rows() for word in re.findall(r"[A-Za-z]+", term)}
    assert words & set(TERMS) == set()


def test_documents_name_modules_that_are_there() -> None:
    """Files of `config` are the operator's, and need not be there."""
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        (document.name, path)
        for document in documents
        for path in re.findall(r"`((?:app|scripts|tests|dashboards)/[\w./-]*\w)`", document.read_text(encoding="utf-8"))
    }
    assert len(named) > 60
    assert sorted((document, path) for document, path in named if not (ROOT / path).exists()) == []
