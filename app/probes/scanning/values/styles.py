"""How values of parameters are written in a request: lists and objects by the styles of OpenAPI. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote

from app.probes.scanning.models import OperationParameter, ParameterLocation
from app.probes.scanning.references import Node

MOST_TEXTS = 50
PATH_STYLES = frozenset({"label", "matrix"})
"""Styles that write something before a value in a path: `.5`, `;id=5`."""
_SEPARATORS = {"ssv": " ", "tsv": "\t", "pipes": "|", "spaceDelimited": " ", "pipeDelimited": "|"}
_QUERY = frozenset({ParameterLocation.QUERY, ParameterLocation.FORM})
_RESERVED = ":/?@!$'()*;"
"""Signs that may stand in a query as they are and mean nothing there; & = # + do."""

SentTexts = tuple[tuple[str, ...], tuple[str, ...]]
"""Texts, and the names under which they are sent; no names: under that of the parameter."""
NOTHING: SentTexts = ((), ())


def sent_texts(node: Node, value: Any, location: ParameterLocation) -> SentTexts:
    """A value as it is sent; nothing where it has no form."""
    if isinstance(value, dict):
        return _object(node, value, location) if node.at("schema") is not None else NOTHING
    if not isinstance(value, list):
        text = scalar_text(value)
        return NOTHING if text is None else ((text,), ())
    found = [scalar_text(one) for one in value[: MOST_TEXTS + 1]]
    texts = tuple(text for text in found if text is not None)
    if not texts or len(texts) < len(found):
        return NOTHING
    if _repeats(node, location):
        return texts, ()
    separator = "." if _style(node) == "label" and node.flag("explode") else _separator(node)
    return (separator.join(texts),), ()


def query_texts(value: Any) -> SentTexts:
    """A whole query string, as a text or by its names."""
    if isinstance(value, str):
        pairs = parse_qsl(value, keep_blank_values=True)
    elif isinstance(value, dict):
        pairs = list(_pairs(value))
    else:
        return NOTHING
    return tuple(text for _, text in pairs), tuple(name for name, _ in pairs)


def scalar_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def in_path(parameter: OperationParameter) -> str:
    """The piece of a path that a parameter stands for."""
    value = parameter.value
    if value is None:
        return ""
    texts = [quote(text, safe=",=") for text in value.texts]
    if parameter.style == "label":
        return "".join(f".{text}" for text in texts)
    if parameter.style == "matrix":
        names = value.names or (parameter.name,) * len(texts)
        return "".join(f";{quote(name)}={text}" for name, text in zip(names, texts, strict=False))
    return ",".join(texts)


def in_query(parameter: OperationParameter) -> list[str]:
    """The pairs of a query that a parameter stands for, encoded."""
    value = parameter.value
    if value is None:
        return []
    names = value.names or (parameter.name,) * len(value.texts)
    safe = f",{_RESERVED}" if parameter.reserved else ","
    return [f"{quote(name, safe='')}={quote(text, safe=safe)}" for name, text in zip(names, value.texts, strict=False)]


def _object(node: Node, value: dict[str, Any], location: ParameterLocation) -> SentTexts:
    style = _style(node)
    pairs = list(_pairs(value, node.text("name") if style == "deepObject" else ""))
    if location is ParameterLocation.COOKIE:
        return NOTHING
    explodes = node.flag("explode") or (location in _QUERY and style in {"", "form"} and node.at("explode") is None)
    texts = tuple(text for _, text in pairs)
    if style == "deepObject" or (explodes and (location in _QUERY or style == "matrix")):
        return texts, tuple(name for name, _ in pairs)
    if explodes:
        return (("." if style == "label" else ",").join(f"{name}={text}" for name, text in pairs),), ()
    return (_separator(node).join(part for pair in pairs for part in pair),), ()


def _pairs(value: dict[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    """The names and texts of an object; what is no single value or list of such has no form, and is left out."""
    for name, inner in list(value.items())[:MOST_TEXTS]:
        for one in inner[:MOST_TEXTS] if isinstance(inner, list) else [inner]:
            text = scalar_text(one)
            if text is not None:
                yield (f"{within}[{name}]" if within else name), text


def _style(node: Node) -> str:
    return node.text("style")


def _repeats(node: Node, location: ParameterLocation) -> bool:
    """Whether each element of a list is a parameter of its own: OpenAPI 3 does so in a query unless told otherwise."""
    if _style(node) == "matrix":
        return node.flag("explode")
    if location not in _QUERY:
        return False
    if node.at("schema") is None:
        return node.text("collectionFormat") == "multi"
    return node.flag("explode") or (_style(node) in {"", "form"} and node.at("explode") is None)


def _separator(node: Node) -> str:
    return _SEPARATORS.get(node.text("collectionFormat") or _style(node), ",")
