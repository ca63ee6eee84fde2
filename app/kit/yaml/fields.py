"""Reads fields of a YAML file by name and type; every problem of a file is gathered with its line and field.

A reader asks the `Fields` for each field it knows and calls `close` at the end, which reports every other one:

    root = read_text(text, report := ProblemReport("config/channels.yaml"))
    for entry in root.named("channels").values():
        channel = Channel(entry.text("type", required=True), entry.duration("time_out", SECOND, least=SECOND))
        entry.close()
    root.close()

A wrong field yields its default, so that reading goes on to the next problem.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import Enum
from typing import Any, TypeVar

from app.errors import ConfigurationError
from app.kit.durations import LONGEST, parse_duration, show_duration
from app.kit.suggest import did_you_mean
from app.kit.yaml.tree import Mapping, Node, ProblemReport, Scalar, Sequence, joined, place_in_list, read_tree

T = TypeVar("T")
E = TypeVar("E", bound=Enum)
N = TypeVar("N", Mapping, Scalar, Sequence)

TRUE, FALSE = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})


def read_content(content: bytes, report: ProblemReport) -> Fields:
    """The fields of a file's content; none where it is empty or cannot be read."""
    try:
        return read_text(content.decode("utf-8-sig"), report)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        report.add(line, "", "this is no UTF-8; save the file as UTF-8")
        return Fields(Mapping(1), "", report)


def read_text(text: str, report: ProblemReport) -> Fields:
    """The fields of a text; none where it is empty or cannot be read."""
    node = read_tree(text, report)
    if isinstance(node, Mapping):
        return Fields(node, "", report)
    if node is not None and not (isinstance(node, Scalar) and node.empty):
        report.add(node.line, "", "the file must be a mapping of names to values")
    return Fields(Mapping(1), "", report)


class Fields:
    """The fields of one mapping. A method's `default` is what a field means that is not there or has no value."""

    __slots__ = ("_asked", "_node", "_report", "path")

    def __init__(self, node: Mapping, path: str, report: ProblemReport) -> None:
        self._node = node
        self._report = report
        self._asked: dict[str, None] = {}
        self.path = path

    @property
    def file(self) -> str:
        return self._report.file

    @property
    def line(self) -> int:
        return self._node.line

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._node.items)

    def line_of(self, name: str) -> int:
        return self._node.lines.get(name, self._node.line)

    def wrong(self, message: str, name: str = "") -> None:
        """Report a problem of a field, or of the whole entry."""
        self._report.add(self.line_of(name), joined(self.path, name) if name else self.path, message)

    def has(self, name: str) -> bool:
        return self._find(name) is not None

    def is_mapping(self, name: str) -> bool:
        return isinstance(self._find(name), Mapping)

    def close(self) -> None:
        """Report every field that nobody asked for."""
        for name in self._node.items:
            if name not in self._asked and name != "<<":
                self.wrong(f"there is no such field{suggestion(name, self._asked)}", name)

    def text(self, name: str, default: str = "", *, required: bool = False, longest: int = 100_000) -> str:
        """A text. A value without quotes that YAML means as a number or truth value is none."""
        node = self._find(name, required=required)
        if node is None:
            return default
        if not isinstance(node, Scalar) or (node.plain and _is_other(node.text)):
            self.wrong(f"{_shown(node)} is no text; write it in quotes", name)
            return default
        if len(node.text) > longest:
            self.wrong(f"this is longer than {longest} characters", name)
            return default
        return node.text

    def flag(self, name: str, *, default: bool) -> bool:
        node = self._find(name)
        if node is None:
            return default
        text = node.text.lower() if isinstance(node, Scalar) and node.plain else ""
        if text not in TRUE | FALSE:
            self.wrong(f"{_shown(node)} is neither true nor false; write true or false without quotes", name)
            return default
        return text in TRUE

    def number(
        self, name: str, default: T, *, least: float = -math.inf, most: float = math.inf, required: bool = False
    ) -> float | T:
        """A finite number."""
        node = self._find(name, required=required)
        if node is None:
            return default
        value = _number(node)
        if value is None:
            self.wrong(f"{_shown(node)} is no number; write it like 5 or 0.5, without quotes", name)
            return default
        if not least <= value <= most:
            self.wrong(f"{value:g} is out of range; it must {_range(least, most)}", name)
            return default
        return value

    def whole(self, name: str, default: T, *, least: int, most: int) -> int | T:
        """A whole number."""
        value = self.number(name, None, least=least, most=most)
        if value is None:
            return default
        if value != int(value):
            self.wrong(f"{value:g} is no whole number", name)
            return default
        return int(value)

    def duration(
        self, name: str, default: T, *, least: timedelta = timedelta(0), most: timedelta = LONGEST
    ) -> timedelta | T:
        """A length of time: `10 s`, `5 min`, `1h30m`, `1.5 h`, `2 d`; a bare number is seconds."""

        def read(text: str) -> timedelta:
            value = parse_duration(text, bare="s")
            if not least <= value <= most:
                raise ValueError(
                    f"{text!r} is out of range; it must lie between {show_duration(least)} and {show_duration(most)}"
                )
            return value

        value: timedelta | T = self.read(name, read, default)
        return value

    def choice(self, name: str, kind: type[E], default: E) -> E:
        """A member of an enumeration by its value."""
        node = self._find(name)
        if node is None:
            return default
        values = {str(member.value): member for member in kind}
        text = node.text if isinstance(node, Scalar) else ""
        if node_is_boolean := isinstance(node, Scalar) and node.plain and text.lower() in TRUE | FALSE:
            text = text.lower()  # `no` and `off` are words before they are truth values
        if text not in values:
            asked = "" if node_is_boolean else suggestion(text, values)
            self.wrong(f"{_shown(node)} is none of {', '.join(values)}{asked if 'did' in asked else ''}", name)
            return default
        return values[text]

    def read(self, name: str, reader: Callable[[str], T], default: Any = None, *, required: bool = False) -> Any:
        """What `reader` makes of a single value as it is written; its ValueError or ConfigurationError is reported."""
        text = self.written(name, "a single value", required=required)
        if text is None:
            return default
        try:
            return reader(text)
        except (ValueError, ConfigurationError) as error:
            self.wrong(str(error), name)
            return default

    def written(self, name: str, meant: str, *, required: bool = False) -> str | None:
        """A single value as it is written; `meant` says what else would be wrong."""
        node = self._of(name, Scalar, meant, required=required)
        return None if node is None else node.text

    def texts(self, name: str, default: tuple[str, ...] = (), *, required: bool = False) -> tuple[str, ...]:
        """A list of texts; a single text is a list of one."""
        node = self._find(name, required=required)
        if node is None:
            return default
        elements = node.elements if isinstance(node, Sequence) else [node]
        found = [element.text for element in elements if isinstance(element, Scalar) and not element.empty]
        if len(found) < len(elements):
            self.wrong("this must be a list of texts", name)
            return default
        return tuple(found)

    def labels(self, name: str) -> dict[str, str]:
        """Names and texts. `NO`, `1` and `on` are texts here, though YAML means others: areas are called like that."""
        node = self._of(name, Mapping, "names and texts, as {area: FR, item: load_actual}") or Mapping(self.line)
        found: dict[str, str] = {}
        for label, value in node.items.items():
            if isinstance(value, Scalar) and label:
                found[label] = "" if value.empty else value.text
            else:
                self._report.add(node.lines[label], joined(joined(self.path, name), label), "this must be one text")
        return found

    def entry(self, name: str) -> Fields | None:
        """The fields of an inner mapping."""
        node = self._find(name)
        return None if node is None else self._entry(node, joined(self.path, name), self.line_of(name))

    def entries(self, name: str) -> list[Fields]:
        """The mappings of a list."""
        node = self._of(name, Sequence, "a list; begin each element with a dash") or Sequence(self.line)
        path = joined(self.path, name)
        made = [
            self._entry(inner, path + place_in_list(inner, index), inner.line)
            for index, inner in enumerate(node.elements)
        ]
        return [entry for entry in made if entry is not None]

    def named(self, name: str) -> dict[str, Fields]:
        """Inner mappings by their names; one without a value has no fields."""
        node = self._of(name, Mapping, "a mapping of names to fields") or Mapping(self.line)
        made = {
            key: self._entry(inner, joined(joined(self.path, name), key), node.lines[key])
            for key, inner in node.items.items()
        }
        return {key: entry for key, entry in made.items() if entry is not None}

    def _find(self, name: str, *, required: bool = False) -> Node | None:
        self._asked[name] = None
        node = self._node.items.get(name)
        if node is None or (isinstance(node, Scalar) and node.empty):
            if required:
                self.wrong("this is missing", name)
            return None
        return node

    def _of(self, name: str, kind: type[N], meant: str, *, required: bool = False) -> N | None:
        """A node of this kind; another is wrong, and `meant` says what it must be."""
        node = self._find(name, required=required)
        if node is None or isinstance(node, kind):
            return node
        self.wrong(f"this must be {meant}", name)
        return None

    def _entry(self, node: Node, path: str, line: int) -> Fields | None:
        if isinstance(node, Scalar) and node.empty:
            node = Mapping(line)
        if isinstance(node, Mapping):
            return Fields(node, path, self._report)
        self._report.add(line, path, f"this must be a mapping of fields, not {_shown(node)}")
        return None


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """The end of a message about a name that is not known."""
    names = list(known)
    listed = f"; known are {', '.join(names)}" if names else ""
    return did_you_mean(wrong, names, otherwise=listed, most=1, cutoff=0.6, lead="; ")


def _is_other(text: str) -> bool:
    """Whether YAML means another type by this text without quotes."""
    if text.lower() in TRUE | FALSE:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(node: Node) -> float | None:
    if not isinstance(node, Scalar) or not node.plain:
        return None
    try:
        value = float(node.text.replace("_", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _range(least: float, most: float) -> str:
    if math.isinf(most):
        return f"be at least {least:g}"
    return f"be at most {most:g}" if math.isinf(least) else f"lie between {least:g} and {most:g}"


def _shown(node: Node) -> str:
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    return repr(node.text if len(node.text) <= 60 else node.text[:57] + "…")
