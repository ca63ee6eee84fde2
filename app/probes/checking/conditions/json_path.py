"""A documented part of JSONPath (RFC 9535): `$`, `.name`, `['name']`, `[2]`, `[-1]`, `[*]`, `.*`, `..name`, `..*`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from app.errors import ConfigurationError

LONGEST_PATH = 500
MOST_NODES = 10_000
"""Values that a path may select; `..` within a large document selects more than anybody compares."""
_STEP = re.compile(
    r"""(?P<deep>\.\.)(?:(?P<deep_name>[A-Za-z_\u0080-\U0010ffff][\w-]*)|(?P<deep_all>\*))
      | \.(?:(?P<name>[A-Za-z_\u0080-\U0010ffff][\w-]*)|(?P<all>\*))
      | \[\s*(?:(?P<index>-?\d{1,9})|(?P<each>\*)|'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)")\s*\]
    """,
    re.VERBOSE,
)


class _Wildcard(Enum):
    ALL = auto()


@dataclass(frozen=True, slots=True)
class _Step:
    key: str | int | _Wildcard
    deep: bool = False


@dataclass(frozen=True, slots=True)
class JsonPath:
    text: str
    steps: tuple[_Step, ...]

    def find(self, document: Any) -> list[Any]:
        """The values that the path selects, in the order of the document; ValueError where they are too many."""
        found: list[Any] = [document]
        for step in self.steps:
            found = _limited(value for node in found for value in _selected(step, node))
        return found


@lru_cache(maxsize=4096)
def parse_json_path(text: str) -> JsonPath:
    """ConfigurationError where it is no path, or one of the parts of JSONPath that are not known here."""
    if not text.startswith("$") or len(text) > LONGEST_PATH:
        raise ConfigurationError(f"{text[:50]!r} is no JSONPath; write it as $.data[0].status")
    steps: list[_Step] = []
    place = 1
    while place < len(text):
        match = _STEP.match(text, place)
        if match is None:
            raise ConfigurationError(
                f"the JSONPath {text[:50]!r} cannot be read from {text[place : place + 20]!r} on; names, indexes, * and .. "
                "are known, filters, slices and unions are not"
            )
        steps.append(_step(match))
        place = match.end()
    return JsonPath(text, tuple(steps))


def _step(match: re.Match[str]) -> _Step:
    if match["deep"]:
        return _Step(match["deep_name"] or _Wildcard.ALL, deep=True)
    if match["index"] is not None:
        return _Step(int(match["index"]))
    quoted = match["single"] if match["single"] is not None else match["double"]
    if quoted is not None:
        return _Step(re.sub(r"\\(.)", r"\1", quoted))
    return _Step(match["name"] or _Wildcard.ALL)


def _selected(step: _Step, node: Any) -> Iterator[Any]:
    if step.deep:
        for inner in _within(node):
            yield from _children(inner, step.key)
    else:
        yield from _children(node, step.key)


def _children(node: Any, key: str | int | _Wildcard) -> Iterator[Any]:
    match node, key:
        case dict(), _Wildcard.ALL:
            yield from node.values()
        case list(), _Wildcard.ALL:
            yield from node
        case dict(), str() if key in node:
            yield node[key]
        case list(), int() if -len(node) <= key < len(node):
            yield node[key]
        case _:
            return


def _within(node: Any) -> Iterator[Any]:
    """The node and all below it, parents first, without recursion: a document may be as deep as its parser allows."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += reversed(list(_children(current, _Wildcard.ALL)))


def _limited(values: Iterator[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if len(found) >= MOST_NODES:
            raise ValueError(f"the path selects more than {MOST_NODES} values")
        found.append(value)
    return found
