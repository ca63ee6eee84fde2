"""Collects what the pages say, and keeps a line for each text in every catalogue: `make texts`.

A text that is new gets an empty line, which a translator fills; one that is gone loses its line. With --check nothing
is written, and what is missing or wrong is printed.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from jinja2 import nodes
from jinja2.ext import extract_from_ast

from app.kit.po_file import PoEntry, read_po, write_po
from app.market.series import DataItem
from app.web.pages.assets import script_texts
from app.web.pages.languages import CATALOGUES
from app.web.pages.rendering import TEMPLATES, page_templates
from scripts.shipped_texts import shipped_texts

APP = Path(__file__).parents[1] / "app"
PAGES = APP / "web" / "pages"
CALLS = ("gettext", "ngettext", "pgettext", "gettext_noop")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%|%")
_TAG = re.compile(r"</?\w+[^>]*>|`[^`]+`")


def page_texts() -> dict[str, PoEntry]:
    """Every text of templates, of code, of scripts and of what is shipped, by what it is looked up under."""
    items = (PoEntry(item.replace("_", " ")) for item in DataItem)
    scripts = (PoEntry(one, many) for one, many in script_texts())
    shipped = (PoEntry(text) for text in shipped_texts() if text)
    found = (*_of_templates(), *_of_code(), *scripts, *items, *shipped)
    kept: dict[str, PoEntry] = {}
    for entry in found:
        before = kept.setdefault(entry.key, entry)
        before.plural = before.plural or entry.plural
    return kept


def _entry(function: str, texts: Iterable[str | None]) -> PoEntry | None:
    said = [text for text in texts if text is not None]
    if not said:
        return None
    if function == "pgettext":
        return PoEntry(said[1], context=said[0])
    return PoEntry(said[0], plural=said[1] if function == "ngettext" else "")


def _of_templates() -> Iterator[PoEntry]:
    templates = page_templates()
    for path in sorted(TEMPLATES.rglob("*.html")):
        tree = templates.parse(path.read_text(encoding="utf-8"))
        for _, function, texts in extract_from_ast(tree):
            entry = _entry(
                function.removeprefix("_") or "gettext", [texts] if isinstance(texts, str) else list(texts or ())
            )
            if entry:
                yield entry
        for call in tree.find_all(nodes.Call):
            match call:
                case nodes.Call(node=nodes.Name(name="counted"), args=[_, nodes.Const(value=str(noun))]):
                    yield counted_text(noun)


def counted_text(noun: str) -> PoEntry:
    """What `app.web.pages.rendering.shown_count` looks up, which templates call counted."""
    return PoEntry(f"%(num)s {noun}", f"%(num)s {noun}s")


def _of_code() -> Iterator[PoEntry]:
    for path in sorted(APP.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "app.kit.language" not in text and PAGES not in path.parents:
            continue
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Call(func=ast.Name(id="shown_count"), args=[_, ast.Constant(value=str(noun))]):
                    yield counted_text(noun)
                case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                    constants = [one.value for one in node.args if isinstance(one, ast.Constant)]
                    entry = _entry(name, [one for one in constants if isinstance(one, str)])
                    if entry:
                        yield entry


def catalogues() -> dict[str, Path]:
    return {path.parents[1].name: path for path in sorted(CATALOGUES.glob("*/LC_MESSAGES/pages.po"))}


def head_of(text: str) -> str:
    """Everything of a catalogue before its first text: comments, the glossary and the header."""
    return text.partition("\n\n")[0]


def forms_of(text: str) -> int:
    found = re.search(r"nplurals=(\d)", text)
    if found is None:
        raise ValueError("the header of the catalogue has no line Plural-Forms")
    return int(found[1])


def renewed(text: str, texts: dict[str, PoEntry]) -> str:
    """The catalogue with a line for each text, and for no other."""
    before = {entry.key: entry for entry in read_po(text)}
    kept = []
    for key, entry in texts.items():
        forms = forms_of(text) if entry.plural else 1
        old = before.get(key)
        said = old.said if old and len(old.said) == forms else [""] * forms
        kept.append(PoEntry(entry.text, entry.plural, entry.context, said, old.fuzzy if old else False))
    return write_po(head_of(text), kept)


def problems(text: str, texts: dict[str, PoEntry]) -> Iterator[str]:
    """What is missing or wrong in a catalogue."""
    found = {entry.key: entry for entry in read_po(text) if entry.key}
    yield from (f"no line: {key!r}" for key in texts.keys() - found.keys())
    yield from (f"no text has it any more: {key!r}" for key in found.keys() - texts.keys())
    for key in texts.keys() & found.keys():
        entry, forms = found[key], forms_of(text) if texts[key].plural else 1
        if entry.fuzzy or not all(entry.said) or len(entry.said) != forms:
            yield f"not translated: {key!r}"
            continue
        # The form for one may leave the number out.
        whole = [*entry.said[1:], entry.said[0]] if forms == 1 else entry.said[1:]
        allowed = {*parts_of(entry.text), *parts_of(entry.plural or entry.text)}
        for said in entry.said:
            if not set(parts_of(said)) <= allowed or ('"' in said and '"' not in entry.text):
                yield f"has other parts, or a quotation mark that ends an attribute: {key!r} -> {said!r}"
        for said in whole:
            if sorted(parts_of(said)) != sorted(parts_of(entry.plural or entry.text)):
                yield f"has not the same parts: {key!r} -> {said!r}"


def parts_of(text: str) -> list[str]:
    """The placeholders, tags and words of programs of a text; a percent sign alone is one that breaks it."""
    return [match[0] for match in _PLACEHOLDER.finditer(text)] + _TAG.findall(text)


def main() -> int:
    """Renew the catalogues, or say what is wrong with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    texts, wrong = page_texts(), 0
    for code, path in catalogues().items():
        text = path.read_text(encoding="utf-8")
        if not check:
            text = renewed(text, texts)
            path.write_text(text, encoding="utf-8")
        for problem in sorted(problems(text, texts)):
            wrong += 1
            print(f"{code}: {problem}", file=sys.stderr)  # noqa: T201  a script prints
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
