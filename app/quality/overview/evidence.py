"""The evidence of a finding as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NAMES: Mapping[str, str] = {
    "rules": "rule",
    "value": "the strongest value",
    "at": "its moment",
    "expected": "usual then",
    "peers": "suggested by",
}
"""Of what stands in most evidence, in the order in which it is shown; all else follows under its own name."""


def evidence_lines(evidence: Mapping[str, Any]) -> list[tuple[str, str | float | int]]:
    """Each thing that is known, under a name for people; numbers stay numbers."""
    order = [*NAMES]
    leaves = sorted(
        _leaves(evidence, ()), key=lambda leaf: order.index(leaf[0][0]) if leaf[0][0] in NAMES else len(order)
    )
    return [(_name(path), value) for path, value in leaves]


def _name(path: tuple[str, ...]) -> str:
    return " ".join((NAMES.get(path[0], path[0]), *path[1:])).replace("_", " ")


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str | float | int]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield path, ", ".join(str(one) for one in value)
    elif isinstance(value, float | int) and not isinstance(value, bool):
        yield path, value
    elif value is not None:
        yield path, str(value)
