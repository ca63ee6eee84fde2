"""What can be said of a statement without asking a database; read as PostgreSQL's scanner reads it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.errors import ConfigurationError

READING = ("select", "with", "values", "table", "(")
_NAME = re.compile(r"[A-Za-z_\x80-\U0010ffff][\w$]*")
_TAG = re.compile(r"\$(?:[A-Za-z_\x80-\U0010ffff]\w*)?\$")
_LINE = re.compile(r"--[^\r\n]*")
_TEXT = re.compile(r"'(?:[^']|'')*(?:'|$)", re.DOTALL)
_ESCAPED = re.compile(r"'(?:[^'\\]|\\.|'')*(?:'|$)", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"]|"")*(?:"|$)', re.DOTALL)
_COMMENT = re.compile(r"/\*|\*/")


def one_query(text: str) -> str:
    """The text as one statement that reads, without a semicolon at its end; ConfigurationError where it is another."""
    end = next((place for kind, place, _ in _pieces(text) if kind == ";"), len(text))
    query, rest = text[:end].strip(), text[end:]
    if any(kind != ";" for kind, _, _ in _pieces(rest)):
        raise ConfigurationError("there is more than one statement; a rule is one query, write each into its own rule")
    begin = next((place for _, place, _ in _pieces(query)), len(query))
    if not query[begin:].lower().startswith(READING):
        raise ConfigurationError("a rule reads: begin its statement with select or with")
    return query


def _pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """What is neither blank nor comment: a semicolon as `;`, all else under other names, with its range."""
    place = 0
    while place < len(text):
        end = _end_of_blank(text, place)
        if end == place:
            kind, end = _piece(text, place)
            yield kind, place, end
        place = end


def _end_of_blank(text: str, place: int) -> int:
    if text[place].isspace():
        return place + 1
    if match := _LINE.match(text, place):
        return match.end()
    return _end_of_comment(text, place) if text.startswith("/*", place) else place


def _end_of_comment(text: str, place: int) -> int:
    """Comments nest; one without an end lasts to the end of the text."""
    depth = 0
    for mark in _COMMENT.finditer(text, place):
        depth += 1 if mark[0] == "/*" else -1
        if not depth:
            return mark.end()
    return len(text)


def _piece(text: str, place: int) -> tuple[str, int]:
    first = text[place]
    if first == ";":
        return ";", place + 1
    if tag := _TAG.match(text, place):
        end = text.find(tag[0], tag.end())
        return "text", len(text) if end < 0 else end + len(tag[0])
    if name := _NAME.match(text, place):
        escaped = name[0] in {"e", "E"} and _ESCAPED.match(text, name.end())
        return ("text", escaped.end()) if escaped else ("name", name.end())
    if match := _TEXT.match(text, place) or _QUOTED.match(text, place):
        return "text", match.end()
    return "other", place + 1
