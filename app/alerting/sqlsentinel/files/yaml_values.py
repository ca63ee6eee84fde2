"""YAML as its usual readers take it, with lines: the last of repeated names wins, `<<` merges, plain values have types.

Files of SQL Sentinel were written against such a reader; the stricter tree of our own files would refuse some of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from app.kit.yaml.tree import DEEPEST, MOST_NODES, Loader, ProblemReport, yaml_error

_RESOLVER: Any = yaml.resolver.Resolver()
_PLAIN_TEXT = re.compile(r"[A-Za-z][A-Za-z_-]{5,}")
"""Longer than the longest truth value or null, and no number."""


@dataclass(slots=True)
class Value:
    """A value with the line on which it begins; `earlier` are values of a name that a later one replaced."""

    line: int
    content: Any
    names: dict[str, int] = field(default_factory=dict)
    """Of a mapping: the line of each name."""
    earlier: dict[str, list[Value]] = field(default_factory=dict)

    def get(self, name: str) -> Value | None:
        return self.content.get(name) if isinstance(self.content, dict) else None

    def line_of(self, name: str) -> int:
        return self.names.get(name, self.line)


class _Refused(Exception):
    """The rest of the file is not read."""


def read_values(text: str, report: ProblemReport) -> Value | None:
    """The root of a text; None where it is empty or is no YAML: then the report says why."""
    try:
        return _Builder(report).build(text)
    except _Refused:
        return None
    except yaml.YAMLError as error:
        line, problem = yaml_error(error, text)
        report.add(line, "", f"this is no YAML: {problem}")
        return None


class _Builder:
    """Makes values of the parser's events without recursion."""

    def __init__(self, report: ProblemReport) -> None:
        self._report = report
        self._open: list[tuple[Value, str | None]] = []
        """Each with its anchor."""
        self._keys: list[str | None] = []
        self._anchors: dict[str, Value] = {}
        self._root: Value | None = None
        self._count = self._documents = 0

    def build(self, text: str) -> Value | None:
        for event in yaml.parse(text, Loader=Loader):
            line = event.start_mark.line + 1 if event.start_mark else 0
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event, line)
            elif isinstance(event, yaml.MappingStartEvent):
                self._begin(Value(line, {}), event.anchor)
            elif isinstance(event, yaml.SequenceStartEvent):
                self._begin(Value(line, []), event.anchor)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                found = self._anchors.get(event.anchor or "")
                if found is None:
                    self._refuse(line, f"*{event.anchor} stands for nothing: there is no &{event.anchor} above")
                self._put(found)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    self._refuse(line, "a second document begins here; write each into a file of its own")
        return self._root

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if self._open and isinstance(self._open[-1][0].content, dict) and self._keys[-1] is None:
            self._keys[-1] = event.value
            self._open[-1][0].names[event.value] = line
            return
        value = Value(line, self._typed(event, line))
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        self._put(value)

    def _typed(self, event: yaml.ScalarEvent, line: int) -> Any:
        text = event.value
        if event.tag is None and (not event.implicit[0] or _PLAIN_TEXT.fullmatch(text)):
            return text
        tag = event.tag or _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
        if tag in {"!", "tag:yaml.org,2002:str"}:
            return text
        try:
            return yaml.SafeLoader("").construct_object(yaml.ScalarNode(tag, text))
        except (yaml.YAMLError, ValueError):
            self._refuse(line, f"{text[:60]!r} is no value of the tag {tag}; write it in quotes")

    def _begin(self, value: Value, anchor: str | None) -> None:
        if self._open and isinstance(self._open[-1][0].content, dict) and self._keys[-1] is None:
            self._refuse(value.line, "a name must be a text, not a list or a mapping")
        if len(self._open) >= DEEPEST:
            self._refuse(value.line, f"lists and mappings are nested deeper than {DEEPEST}; nothing here needs that")
        self._open.append((value, anchor))
        self._keys.append(None)

    def _end(self) -> None:
        value, anchor = self._open.pop()
        self._keys.pop()
        if anchor is not None:
            self._anchors[anchor] = value  # only now: what contains itself stands for nothing
        self._put(value)

    def _put(self, value: Value) -> None:
        self._count += 1
        if self._count > MOST_NODES:
            self._refuse(value.line, f"there are more than {MOST_NODES:,} values; split the file")
        if not self._open:
            self._root = value
            return
        top = self._open[-1][0]
        if isinstance(top.content, list):
            top.content.append(value)
            return
        key = self._keys[-1] or ""
        self._keys[-1] = None
        if key == "<<":
            self._merge(top, value)
            return
        if key in top.content and key in top.names:
            top.earlier.setdefault(key, []).append(top.content[key])
        top.content[key] = value

    def _merge(self, top: Value, merged: Value) -> None:
        """What the mapping has itself goes before what it merges, wherever the merge stands."""
        for one in merged.content if isinstance(merged.content, list) else [merged]:
            if not isinstance(one.content, dict):
                self._refuse(one.line, "<< merges mappings only")
            for name, value in one.content.items():
                top.content.setdefault(name, value)
        top.names.pop("<<", None)

    def _refuse(self, line: int, message: str) -> NoReturn:
        self._report.add(line, "", message)
        raise _Refused
