"""Catalogues of texts as gettext writes them (`.po`), read without compiling them and written in one fixed form. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d+)\])?[ \t]+)?"(.*)"$')


@dataclass(slots=True)
class PoEntry:
    """A text with what it is in another language, in as many forms as that language counts by."""

    text: str = ""
    plural: str = ""
    context: str = ""
    said: list[str] = field(default_factory=list)
    fuzzy: bool = False

    @property
    def key(self) -> str:
        """As gettext keys it: a context stands before the text."""
        return f"{self.context}\x04{self.text}" if self.context else self.text


def read_po(text: str) -> list[PoEntry]:
    """The entries of a catalogue, its header among them; ValueError names the line that is wrong."""
    found: list[PoEntry] = []
    entry, place = PoEntry(), ""
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line.startswith("#"):
            if place == "msgstr":
                found.append(entry)
                entry, place = PoEntry(), ""
            entry.fuzzy |= line.startswith("#,") and "fuzzy" in line
            continue
        match = _LINE.match(line)
        if match is None or not (match[1] or place):
            raise ValueError(f"line {number} is none of a catalogue: {line[:60]}")
        if match[1] in {"msgctxt", "msgid"} and place == "msgstr":
            found.append(entry)
            entry = PoEntry()
        if match[1] == "msgstr":
            entry.said.append("")
        place = match[1] or place
        _add(entry, place, json.loads(f'"{match[3]}"'))
    return [*found, entry] if place == "msgstr" else found


def _add(entry: PoEntry, place: str, part: str) -> None:
    match place:
        case "msgctxt":
            entry.context += part
        case "msgid":
            entry.text += part
        case "msgid_plural":
            entry.plural += part
        case _:
            entry.said[-1] += part


def write_po(head: str, entries: Iterable[PoEntry]) -> str:
    """The catalogue behind its head, sorted and without places in the source, so that two changes seldom meet."""
    return "\n".join([head.rstrip("\n") + "\n", *map(_written, sorted(entries, key=lambda entry: entry.key))])


def _written(entry: PoEntry) -> str:
    lines = [f"msgctxt {_quoted(entry.context)}"] if entry.context else []
    lines.append(f"msgid {_quoted(entry.text)}")
    if entry.plural:
        lines.append(f"msgid_plural {_quoted(entry.plural)}")
        lines += [f"msgstr[{place}] {_quoted(form)}" for place, form in enumerate(entry.said)]
    else:
        lines.append(f"msgstr {_quoted(entry.said[0])}")
    return "".join(f"{line}\n" for line in ["#, fuzzy", *lines][not entry.fuzzy :])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
