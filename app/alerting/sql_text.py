"""What can be said of a statement without asking a database. Pure."""

from __future__ import annotations

import re

from app.errors import ConfigurationError

READING = ("select", "with", "values", "table", "(")
_PIECE = re.compile(
    r"""
      [eE]'(?:[^'\\]|\\.|'')*'          # a text with escapes
    | '(?:[^']|'')*'                    # a text
    | "(?:[^"]|"")*"                    # a name
    | \$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$   # a text between dollars
    | --[^\n]*                          # a comment
    | /\*.*?\*/
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"\s+|--[^\n]*|/\*.*?\*/", re.DOTALL)


def one_query(text: str) -> str:
    """The text as one statement that reads, without a semicolon at its end; ConfigurationError where it is another."""
    end = next((match.start() for match in _PIECE.finditer(text) if match["end"]), len(text))
    query, rest = text[:end].strip(), text[end:].replace(";", "")
    if _without_comments(rest):
        raise ConfigurationError("there is more than one statement; a rule is one query, write each into its own rule")
    if not _without_comments(query).lower().startswith(READING):
        raise ConfigurationError("a rule reads: begin its statement with select or with")
    return query


def _without_comments(text: str) -> str:
    """The text from the first character that is neither space nor comment."""
    start = 0
    while match := _COMMENT.match(text, start):
        start = match.end()
    return text[start:]
