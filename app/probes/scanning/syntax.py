"""JSON and YAML as plain values, read leniently and within bounds.

Numbers stay as they are written, names are texts, aliases are shared and never written out. Of a text that breaks off,
what was closed before is kept.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, TypeAlias

import yaml

from app.kit.yaml.tree import Loader, yaml_error

MOST_NODES = 4_000_000
"""Values of one file: room for more than the largest public documents have."""
DEEPEST = 100
MOST_PROBLEMS = 1_000
LINES_TO = 4
"""So deep names know their lines: the path and the method of an operation, and what stands beside them."""

KEPT_OPEN = frozenset({"paths", "webhooks", "components", "definitions", "parameters"})
"""Collections of which each part is whole by itself."""

_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(inf|Inf|INF)")
_OPEN = object()
"""An anchor whose value has not ended."""
_DROPPED = object()
"""A name that is none: its value is not read."""


class WrittenNumber(str):
    """A number as it is written: `1.10`, `1e400` and a million digits are harmless."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TextProblem:
    line: int
    pointer: str
    reason: str


@dataclass(slots=True)
class ParsedText:
    """The value of a text; `lines` are those of its outer names, by the mapping they stand in."""

    value: Any = None
    complete: bool = True
    problems: list[TextProblem] = field(default_factory=list)
    lines: dict[tuple[int, str], int] = field(default_factory=dict)


def escape_pointer(part: str) -> str:
    """A name as a part of a JSON pointer."""
    return part.replace("~", "~0").replace("/", "~1")


def decode_text(content: bytes) -> tuple[str, TextProblem | None]:
    """The text of a file in any of the encodings of Unicode; what is no text in it is replaced."""
    encoding = json.detect_encoding(content)
    try:
        return content.decode(encoding), None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        text = content.decode(encoding, errors="replace")
        return text, TextProblem(line, "", f"this is no {encoding.upper()}; save the file as UTF-8")


def parse_text(text: str, *, most_nodes: int = MOST_NODES) -> ParsedText:
    """The value of a text that is JSON or YAML."""
    if not text.lstrip().startswith(("{", "[")):
        return _YamlBuilder(most_nodes).build(text)
    try:
        return _parse_json(text)
    except json.JSONDecodeError as error:
        # A comment or a comma too many is no harm in YAML; else it keeps what came before.
        parsed = _YamlBuilder(most_nodes).build(text)
        if not parsed.complete:
            parsed.problems[-1] = TextProblem(error.lineno, "", f"this is no JSON: {error.msg}")
        return parsed
    except RecursionError:
        return _YamlBuilder(most_nodes).build(text)


def _parse_json(text: str) -> ParsedText:
    doubled: list[tuple[dict[str, Any], list[str]]] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            doubled.append((made, sorted(name for name, count in counts.items() if count > 1)))
        return made

    value = json.loads(
        text,
        object_pairs_hook=mapping,
        parse_int=WrittenNumber,
        parse_float=WrittenNumber,
        parse_constant=WrittenNumber,
    )
    parsed = ParsedText(value)
    if doubled:
        names_of = {id(made): names for made, names in doubled}
        for pointer, inner in _mappings(value):
            parsed.problems += [
                TextProblem(0, f"{pointer}/{escape_pointer(name)}", "this stands twice; the last one counts")
                for name in names_of.get(id(inner), ())
            ]
        del parsed.problems[MOST_PROBLEMS:]
    return parsed


def _mappings(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """Every mapping in a value with its pointer."""
    found, todo = [], [("#", value)]
    while todo:
        pointer, one = todo.pop()
        if isinstance(one, dict):
            found.append((pointer, one))
            todo += [(f"{pointer}/{escape_pointer(name)}", inner) for name, inner in one.items()]
        elif isinstance(one, list):
            todo += [(f"{pointer}/{place}", inner) for place, inner in enumerate(one)]
    return found


class _Stopped(Exception):
    """The rest of the text is not read."""


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is being read."""

    container: dict[str, Any] | list[Any]
    anchor: str | None
    is_name: bool = False
    key: Any = None
    """The name whose value is still to come."""
    merges: list[Any] = field(default_factory=list)


Handler: TypeAlias = Callable[["_YamlBuilder", Any], None]


class _YamlBuilder:
    """Makes values of the parser's events, without recursion: nesting is bounded by us, not by the stack."""

    def __init__(self, most_nodes: int) -> None:
        self._left = most_nodes
        self._frames: list[_Frame] = []
        self._anchors: dict[str, Any] = {}
        self._documents = 0
        self._parsed = ParsedText()

    def build(self, text: str) -> ParsedText:
        try:
            for event in yaml.parse(text, Loader=Loader):
                handler = _HANDLERS.get(type(event))
                if handler is not None:
                    handler(self, event)
        except _Stopped:
            if self._frames:
                self._keep_closed()
        except yaml.YAMLError as error:
            line, problem = yaml_error(error, text)
            self._parsed.problems.append(TextProblem(line, "", f"this is no YAML: {problem}"))
            self._keep_closed()
        return self._parsed

    def _keep_closed(self) -> None:
        """What was still open is dropped, but for the outermost mapping and collections in it: their closed parts count."""
        self._parsed.complete = False
        if self._frames:
            outer = self._frames[0]
            self._parsed.value = outer.container
            if len(self._frames) > 1 and outer.key in KEPT_OPEN and isinstance(outer.container, dict):
                outer.container[outer.key] = self._frames[1].container

    def document(self, event: yaml.Event) -> None:
        self._documents += 1
        if self._documents > 1:
            self._stop(event, "a second document begins here; it is not read")

    def scalar(self, event: yaml.ScalarEvent) -> None:
        top = self._frames[-1] if self._frames else None
        if top is not None and top.key is None and type(top.container) is dict:
            if event.anchor is not None:
                self._anchors[event.anchor] = event.value
            self._name(top, event.value, event)
            return
        value = _plain(event.value) if event.implicit[0] else event.value
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        self._put(value, event)

    def alias(self, event: yaml.AliasEvent) -> None:
        value = self._anchors.get(str(event.anchor), _DROPPED)
        if value is _DROPPED or value is _OPEN:
            why = "stands for nothing" if value is _DROPPED else "contains itself"
            self._report(_line_of(event), f"*{event.anchor} {why}; it is read as nothing")
            value = None
        top = self._frames[-1] if self._frames else None
        if top is not None and top.key is None and type(top.container) is dict:
            self._name(top, value, event)
        else:
            self._put(value, event)

    def begin_mapping(self, event: yaml.CollectionStartEvent) -> None:
        self._begin({}, event)

    def begin_list(self, event: yaml.CollectionStartEvent) -> None:
        self._begin([], event)

    def end(self, event: yaml.Event) -> None:
        frame = self._frames.pop()
        for source in frame.merges:
            self._merge(frame, source, event)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = frame.container
        if frame.is_name:
            self._name(self._frames[-1], None, event)
        else:
            self._put(frame.container, event)

    def _begin(self, container: dict[str, Any] | list[Any], event: yaml.CollectionStartEvent) -> None:
        if len(self._frames) >= DEEPEST:
            self._stop(event, f"lists and mappings are nested deeper than {DEEPEST}")
        self._spend(1, event)
        top = self._frames[-1] if self._frames else None
        is_name = top is not None and top.key is None and type(top.container) is dict
        if event.anchor is not None:
            self._anchors[event.anchor] = _OPEN
        self._frames.append(_Frame(container, event.anchor, is_name))

    def _name(self, frame: _Frame, name: Any, event: yaml.Event) -> None:
        self._spend(1, event)
        if not isinstance(name, str):
            self._report(_line_of(event), "a name must be a text; its value is not read")
            frame.key = _DROPPED
            return
        frame.key = name
        if name in frame.container:
            self._report(_line_of(event), "this stands twice; the last one counts", escape_pointer(name))
        if len(self._frames) <= LINES_TO:
            self._parsed.lines[id(frame.container), name] = _line_of(event)

    def _put(self, value: Any, event: yaml.Event) -> None:
        self._spend(1, event)
        if not self._frames:
            self._parsed.value = value
            return
        frame = self._frames[-1]
        if isinstance(frame.container, list):
            frame.container.append(value)
            return
        key, frame.key = frame.key, None
        if key == "<<":
            frame.merges += value if isinstance(value, list) else [value]
        elif key is not _DROPPED:
            frame.container[key] = value

    def _merge(self, frame: _Frame, source: Any, event: yaml.Event) -> None:
        if not isinstance(source, dict) or not isinstance(frame.container, dict):
            self._report(_line_of(event), "<< takes a mapping; it is left out")
            return
        self._spend(len(source), event)
        for name, value in source.items():
            frame.container.setdefault(name, value)

    def _spend(self, nodes: int, event: yaml.Event) -> None:
        self._left -= nodes
        if self._left < 0:
            self._stop(event, "there are more values than are read of one file")

    def _report(self, line: int, reason: str, last: str = "") -> None:
        parts = [
            str(len(frame.container)) if isinstance(frame.container, list) else escape_pointer(str(frame.key))
            for frame in self._frames
            if frame.key is not _DROPPED
        ]
        pointer = "/".join(["#", *parts[:-1], last]) if last else ""
        if len(self._parsed.problems) < MOST_PROBLEMS:
            self._parsed.problems.append(TextProblem(line, pointer, reason))

    def _stop(self, event: yaml.Event, reason: str) -> NoReturn:
        self._parsed.problems.append(TextProblem(_line_of(event), "", reason))
        raise _Stopped


_HANDLERS: dict[type, Handler] = {
    yaml.ScalarEvent: _YamlBuilder.scalar,
    yaml.AliasEvent: _YamlBuilder.alias,
    yaml.MappingStartEvent: _YamlBuilder.begin_mapping,
    yaml.SequenceStartEvent: _YamlBuilder.begin_list,
    yaml.MappingEndEvent: _YamlBuilder.end,
    yaml.SequenceEndEvent: _YamlBuilder.end,
    yaml.DocumentStartEvent: _YamlBuilder.document,
}


def _plain(text: str) -> Any:
    """What a value without quotes means."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in "-+.0123456789" and _NUMBER.fullmatch(text):
        return WrittenNumber(text)
    return text


def _line_of(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
