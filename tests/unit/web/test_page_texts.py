"""What the pages say stands in the catalogues: every text of templates, code and scripts, in every language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from jinja2 import nodes

from app.kit.po_file import read_po, write_po
from app.web.pages.languages import languages
from app.web.pages.rendering import TEMPLATES, page_templates
from scripts.texts import CALLS, catalogues, head_of, page_texts, problems

NOT_YET: set[str] = set()
"""Templates that still hold English texts of their own; the list only becomes shorter."""
NAMES = {"Gridkeeper", "gk", "API", "CSV", "JSON", "Parquet", "SQL", "SVG", "Markdown", "HTML", "UTC"}
SHOWN_ATTRIBUTES = {"title", "aria-label", "alt", "placeholder"}
UNTRANSLATED_ELEMENTS = {"code", "pre", "script", "style"}
# A word, or several, rather than a name that a program reads.
SENTENCE = re.compile(r"[A-Za-z]{2,} [A-Za-z]|^[A-Z][a-z]+")
WORD = re.compile(r"[A-Za-z][A-Za-z-]+")


@pytest.mark.parametrize("code", [code for code in languages() if code != "en"])
def test_every_text_has_its_line_with_the_same_parts(code: str) -> None:
    text = catalogues()[code].read_text(encoding="utf-8")
    assert sorted(problems(text, page_texts())) == [], "make texts adds the missing lines; a translator fills them"
    entries = [entry for entry in read_po(text) if entry.key]
    assert write_po(head_of(text), entries) == text, "make texts sorts them"


def test_no_template_holds_a_text_outside_of_the_catalogue() -> None:
    found = {
        path.relative_to(TEMPLATES).as_posix(): sorted(set(outside(path.read_text(encoding="utf-8"))))
        for path in TEMPLATES.rglob("*.html")
    }
    assert {name: texts for name, texts in found.items() if texts and name not in NOT_YET} == {}
    assert {name for name in NOT_YET if not found.get(name)} == set(), "translated: take it off the list"


def test_a_text_outside_of_the_catalogue_is_found() -> None:
    source = """<p title="A title">One {{ x }} two <code>no text</code> {{ empty("Nothing is here.") }} {{ _("kept") }}</p>"""
    assert sorted(outside(source)) == ["A title", "Nothing is here.", "One", "two"]


def outside(source: str) -> Iterator[str]:
    """Words of a template that no catalogue has."""
    parser, found = TextParser(), list(walk(page_templates().parse(source)))
    parser.feed("".join(map(_data, found)))
    parser.close()
    yield from parser.found
    for node in found:
        if isinstance(node, nodes.Const) and isinstance(node.value, str) and SENTENCE.search(node.value):
            yield node.value


def _data(node: nodes.Node) -> str:
    """What a parser of HTML is fed: an expression leaves a mark, a condition nothing."""
    match node:
        case nodes.TemplateData(data=data):
            return data
        case nodes.Const(value=""):
            return "\0"
        case _:
            return ""


def walk(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        match child:
            case nodes.Call(node=nodes.Name(name=name)) if name.removeprefix("_") in {"", *CALLS}:
                continue
            case nodes.TemplateData() | nodes.Const():
                yield child
            case nodes.Output():
                for part in child.nodes:
                    yield from (
                        [part] if isinstance(part, nodes.TemplateData) else [nodes.Const(""), *walk(wrapped(part))]
                    )
            case _:
                yield from walk(child)


def wrapped(part: nodes.Expr) -> nodes.Node:
    """The expression as the child of a node, so that a call itself is looked at as well."""
    return nodes.ExprStmt(part)


class TextParser(HTMLParser):
    """Collects the words that a reader sees or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNTRANSLATED_ELEMENTS:
            self._inside.append(tag)
        for name, value in attrs:
            if name in SHOWN_ATTRIBUTES and value and words(value):
                self.found.append(value.replace("\0", "").strip())

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.found += [part.strip() for part in data.split("\0") if words(part)]


def words(text: str) -> list[str]:
    return [word for word in WORD.findall(text) if word not in NAMES]
