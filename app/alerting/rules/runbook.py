"""What to do about each shipped alert: the sections of builtin/runbook.md, to which the links of the rules lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

RUNBOOK = Path(__file__).with_name("builtin") / "runbook.md"
PATH = "runbook"
"""The links are `runbook/RULE`, below the address of the service."""
_MARK = re.compile(r"\s*(?:\d+\. |- |# )")


@lru_cache(maxsize=1)
def sections() -> Mapping[str, str]:
    """The text of each section by the name of its rule, with its heading."""
    parts = re.split(r"^## ", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return MappingProxyType({part.partition("\n")[0].strip(): f"## {part.strip()}\n" for part in parts[1:]})


def whole() -> str:
    """The whole runbook."""
    return RUNBOOK.read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class RunbookLine:
    """A paragraph, a step or a heading; `mark` is what it begins with. Headings of sections are names of rules, and only marks."""

    mark: str
    text: str


def lines(text: str) -> list[RunbookLine]:
    """The lines of a runbook or of a section of it, each of which is a paragraph or a step; an empty one has neither."""
    return [RunbookLine(line, "") if line.startswith("## ") else _line(line) for line in text.splitlines()]


def _line(line: str) -> RunbookLine:
    mark = _MARK.match(line)
    begin = mark[0] if mark else ""
    return RunbookLine(begin, line.removeprefix(begin))
