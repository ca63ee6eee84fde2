"""YAML as a tree that knows its lines; whoever writes a file that grows without bound when it is read gets an error."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NoReturn, TypeAlias

import yaml

from app.errors import ConfigurationError

MOST_NODES = 400_000
"""Fields and values, each alias counted with all that it stands for: room for 20,000 rules."""
MAPPING_SIZE = 5
"""A mapping takes as much memory as so many values."""
MOST_ALIASES = 10_000
DEEPEST = 20
MOST_SHOWN = 50
MOST_KEPT = 1_000
"""Problems of one file; those beyond are counted."""

_UNQUOTED = re.compile(r"(?:^\s*|[:,-]\s+|[\[{]\s*)([@`%*][^#\]}]*)")
"""A value that begins with what YAML keeps for itself."""

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend in a file; `line` 0 is the file as a whole."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


class FileProblems(ConfigurationError):
    """Files that cannot be used; `problems` are all that was found in them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        shown = [str(problem) for problem in problems[:MOST_SHOWN]]
        if len(problems) > MOST_SHOWN:
            shown.append(f"and {len(problems) - MOST_SHOWN} more")
        super().__init__("\n".join(shown))
        self.problems = problems


@dataclass(slots=True)
class ProblemReport:
    """Gathers the problems of one file."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def add(self, line: int, where: str, message: str) -> None:
        if len(self.problems) < MOST_KEPT:
            self.problems.append(Problem(self.file, line, where, message))
        elif len(self.problems) == MOST_KEPT:
            self.problems.append(Problem(self.file, 0, "", "there are more problems than are listed; mend these first"))
        else:
            self.problems.append(self.problems[-1])


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value as it is written; `plain` is one without quotes."""

    line: int
    text: str
    plain: bool

    @property
    def empty(self) -> bool:
        return self.plain and self.text in {"", "~", "null", "Null", "NULL"}


@dataclass(slots=True)
class Sequence:
    """A list of values; `size` counts everything in it."""

    line: int
    elements: list[Node] = field(default_factory=list)
    size: int = 1


@dataclass(slots=True)
class Mapping:
    """Names and values; `lines` are those of the names."""

    line: int
    items: dict[str, Node] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    size: int = MAPPING_SIZE
    key: str | None = None
    """The name whose value is still to come."""


Node: TypeAlias = Scalar | Sequence | Mapping


class _Refused(Exception):
    """The rest of the file is not read."""


def read_tree(text: str, report: ProblemReport, *, most_nodes: int = MOST_NODES) -> Node | None:
    """The tree of a text; None where it is empty, or is no YAML we read: then the report says why."""
    try:
        return _Builder(report, most_nodes).build(text)
    except _Refused:
        return None
    except yaml.YAMLError as error:
        line, problem = yaml_error(error, text)
        report.add(line, "", f"this is no YAML: {problem}")
        return None


def yaml_error(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """The line of an error, 0 where it has none, and what it says."""
    if isinstance(error, yaml.reader.ReaderError):
        # It has no mark, and its position counts characters or bytes; the first such character is the one it met.
        place = text.find(chr(error.character)) if isinstance(error.character, int) else -1
        return text.count("\n", 0, place) + 1 if place >= 0 else 0, str(error).splitlines()[0]
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else 0, _yaml_problem(error, text)


def _yaml_problem(error: yaml.YAMLError, text: str) -> str:
    """What the library says, and the remedy where it is one of the usual mistakes."""
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    mark = getattr(error, "problem_mark", None)
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation or "tab character" in problem:
        return f"{problem}; indent with spaces, YAML takes no tabs"
    found = _UNQUOTED.search(line)
    if found and (problem.startswith("found character") or "alias" in str(getattr(error, "context", ""))):
        return f'{problem}; write the value in quotes, as "{found[1].strip()}"'
    if "expected comment" in problem or "expected a comment" in problem:
        return f"{problem}; write a value that begins with > or | in quotes"
    if problem.startswith("mapping values are not allowed"):
        return f"{problem}; write a value with a colon and a space in it in quotes"
    return problem


class _Builder:
    """Makes nodes of the parser's events, without recursion: nesting is bounded by us, not by the stack."""

    def __init__(self, report: ProblemReport, most_nodes: int) -> None:
        self._report = report
        self._most_nodes = most_nodes
        self._aliases = 0
        self._open: list[Sequence | Mapping] = []
        self._anchors: dict[str, Node | None] = {}
        self._names: list[str | None] = []
        self._root: Node | None = None
        self._documents = 0

    def build(self, text: str) -> Node | None:
        for event in yaml.parse(text, Loader=Loader):
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.MappingStartEvent):
                self._begin(event, Mapping)
            elif isinstance(event, yaml.SequenceStartEvent):
                self._begin(event, Sequence)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._document(event)
        return self._root

    def _document(self, event: yaml.Event) -> None:
        self._documents += 1
        if self._documents > 1:
            self._refuse(event, "a second document begins here; write all of it below one `---`, or into another file")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        line = _line(event)
        top = self._open[-1] if self._open else None
        if event.tag is not None:
            self._refuse(event, f"the tag {event.tag} is not read; leave it out")
        if isinstance(top, Mapping) and top.key is None:
            self._name(top, event.value, line)
            return
        node = Scalar(line, event.value, event.implicit[0])
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._put(node, 1)

    def _name(self, mapping: Mapping, name: str, line: int) -> None:
        mapping.key = name
        if name in mapping.items:
            where = joined(self._path(), name)
            self._report.add(line, where, f"this stands on line {mapping.lines[name]} already; leave one of them out")
        else:
            mapping.lines[name] = line

    def _path(self) -> str:
        path = ""
        for node, inner in pairwise(self._open):
            if isinstance(node, Sequence):
                path += place_in_list(inner, len(node.elements))
            elif node.key is not None:
                path = joined(path, node.key)
        return path

    def _begin(self, event: yaml.CollectionStartEvent, make: type[Sequence | Mapping]) -> None:
        top = self._open[-1] if self._open else None
        if isinstance(top, Mapping) and top.key is None:
            self._refuse(event, "a name must be a text, not a list or a mapping")
        if len(self._open) >= DEEPEST:
            self._refuse(event, f"lists and mappings are nested deeper than {DEEPEST}; nothing here needs that")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._names.append(event.anchor)
        self._open.append(make(_line(event)))

    def _end(self) -> None:
        node, name = self._open.pop(), self._names.pop()
        if name is not None:
            self._anchors[name] = node
        self._put(node, node.size)

    def _alias(self, event: yaml.AliasEvent) -> None:
        name = event.anchor
        self._aliases += 1
        if self._aliases > MOST_ALIASES:
            self._refuse(event, f"there are more than {MOST_ALIASES:,} aliases; write the values out")
        if name not in self._anchors:
            self._refuse(event, f"*{name} stands for nothing: there is no &{name} above; write the value in quotes")
        node = self._anchors[name]
        if node is None:
            self._refuse(event, f"*{name} contains itself; write the values out")
        top = self._open[-1] if self._open else None
        if isinstance(top, Mapping) and top.key is None:
            self._refuse(event, "an alias cannot be a name; write the name out")
        self._put(node, 1 if isinstance(node, Scalar) else node.size)

    def _put(self, node: Node, size: int) -> None:
        if not self._open:
            self._root = node
            return
        top = self._open[-1]
        top.size += size
        if top.size > self._most_nodes:
            most = f"more than {self._most_nodes:,} values, aliases written out"
            self._report.add(node.line, "", f"{most}; split the file, or use fewer aliases")
            raise _Refused
        if isinstance(top, Sequence):
            top.elements.append(node)
        elif top.key is not None:
            if top.key == "<<":
                self._report.add(node.line, "<<", "merging is not read; write the fields out")
            top.items.setdefault(top.key, node)
            top.key = None

    def _refuse(self, event: yaml.Event, message: str) -> NoReturn:
        self._report.add(_line(event), "", message)
        raise _Refused


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def place_in_list(node: Node, index: int) -> str:
    """What an element of a list is called in messages: by its name where it has one, else by its number."""
    name = node.items.get("name") if isinstance(node, Mapping) else None
    return f"[{name.text}]" if isinstance(name, Scalar) and 0 < len(name.text) <= 100 else f"[{index}]"
