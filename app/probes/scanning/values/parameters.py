"""Parameters of operations and the values that a document has for them: example, examples, default, enum. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from app.probes.scanning.models import (
    OperationParameter,
    ParameterLocation,
    ParameterValue,
    ValueOrigin,
)
from app.probes.scanning.references import Node, References
from app.probes.scanning.syntax import WrittenNumber
from app.probes.scanning.values.styles import MOST_TEXTS, NOTHING, PATH_STYLES, query_texts, sent_texts

LONGEST_VALUE = 2_000
MOST_BODY_NODES = 5_000
DEEPEST_SCHEMA = 3
_LOCATIONS = {
    **{location.value: location for location in ParameterLocation if location is not ParameterLocation.FORM},
    "formData": ParameterLocation.FORM,
    "querystring": ParameterLocation.QUERY,
}
_WHOLE_QUERY = "querystring"
_FORM = "application/x-www-form-urlencoded"
AUTHORIZED_ELSEWHERE = frozenset({"accept", "content-type", "authorization"})
"""Headers that OpenAPI 3 takes from elsewhere: as parameters they are ignored."""


def read_parameter(node: Node, references: References) -> OperationParameter | None:
    """A parameter that is no body; None where it cannot be read, which is in the defects then."""
    name, location = node.text("name"), _LOCATIONS.get(node.text("in"))
    if node.text("in") == _WHOLE_QUERY:
        name = name or _WHOLE_QUERY
    if not name or location is None:
        what = "a parameter without a name" if not name else f"a parameter in {node.text('in')[:50]!r}"
        references.defects.add(node.place, f"{what} cannot be sent")
        return None
    schema = schema_of(node, references)
    return OperationParameter(
        name=name,
        location=location,
        required=location is ParameterLocation.PATH or node.flag("required"),
        kind=schema_kind(schema),
        value=_value(node, schema, location, references),
        style=node.text("style") if location is ParameterLocation.PATH and node.text("style") in PATH_STYLES else "",
        reserved=location is ParameterLocation.QUERY and node.flag("allowReserved"),
    )


def json_text(value: Any) -> str | None:
    """A value as JSON; None where it is too large to be sent."""
    room = [MOST_BODY_NODES]

    def plain(one: Any, depth: int) -> Any:
        room[0] -= 1
        if room[0] < 0 or depth > 50:
            raise OverflowError
        if isinstance(one, dict):
            return {name: plain(inner, depth + 1) for name, inner in one.items()}
        if isinstance(one, list):
            return [plain(inner, depth + 1) for inner in one]
        return number_of(one) if isinstance(one, WrittenNumber) else one

    try:
        return json.dumps(plain(value, 0), ensure_ascii=False)
    except OverflowError:
        return None


def number_of(text: WrittenNumber) -> int | float | str:
    if text.isascii() and text.lstrip("-").isdigit() and len(text) < 20:
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return str(text)
    return number if abs(number) < float("inf") else str(text)


def is_usable(location: ParameterLocation, text: str) -> bool:
    """Whether a value can be sent there as it is."""
    if len(text) > LONGEST_VALUE:
        return False
    if location is ParameterLocation.PATH:
        return text not in {"", ".", ".."}
    return location in {ParameterLocation.QUERY, ParameterLocation.FORM} or text.isprintable()


def schema_of(node: Node, references: References) -> Node:
    """The schema of a parameter; in OpenAPI 2 the parameter is its own."""
    schema = node.mapping("schema")
    if schema is None:
        content = next((inner for _, inner in node.entries("content")), None)
        schema = content.mapping("schema") if content is not None else None
    if schema is None:
        return node
    return references.resolve(schema) or node


def schema_kind(schema: Node) -> str:
    kinds = [schema.text("type"), *(inner.value for inner in schema.elements("type") if isinstance(inner.value, str))]
    return "|".join(kind for kind in kinds if kind and kind != "null")


def _value(node: Node, schema: Node, location: ParameterLocation, references: References) -> ParameterValue | None:
    media_type, content = next(node.entries("content"), ("", None))
    for origin, value in _candidates(content or node, schema, references):
        if node.text("in") == _WHOLE_QUERY:
            texts, names = query_texts(value) if media_type == _FORM else NOTHING
        elif content is not None:
            texts, names = _as_json(value), ()
        else:
            texts, names = sent_texts(node, value, location)
        if texts and len(texts) <= MOST_TEXTS and all(is_usable(location, text) for text in texts):
            return ParameterValue(texts, origin, names=names)
    return None


def _as_json(value: Any) -> tuple[str, ...]:
    text = json_text(value)
    return () if text is None else (text,)


def _candidates(node: Node, schema: Node, references: References) -> Iterator[tuple[ValueOrigin, Any]]:
    """The values that a document has for a parameter, the best first."""
    schemas = [schema, *_branches(schema, references, DEEPEST_SCHEMA)]
    yield from written_values(node, schemas, references)
    yield from _of_elements([*_beside(node), *schemas], references)


def written_values(node: Node, schemas: Sequence[Node], references: References) -> Iterator[tuple[ValueOrigin, Any]]:
    """The values that stand beside a schema and in it, the best first."""
    schemas = [*_beside(node), *schemas]
    places = [node, *(one for one in schemas if one is not node)]
    for one in places:
        for name in ("example", "x-example"):
            yield from _present(ValueOrigin.EXAMPLE, one.at(name))
    for _, example in node.entries("examples"):
        found = references.resolve(example)
        for name in ("value", "dataValue", "serializedValue"):
            yield from _present(ValueOrigin.EXAMPLE, found.at(name) if found is not None else None)
    for one in places:
        for example in one.elements("examples")[:1]:
            yield from _present(ValueOrigin.EXAMPLE, example)
    for one in places:
        yield from _present(ValueOrigin.DEFAULT, one.at("default"))
    for one in places:
        yield from _present(ValueOrigin.ENUM, one.at("const"))
        yield from _first_of_enum(one)


def _beside(node: Node) -> list[Node]:
    """Since 3.1 a reference may have fields beside it; earlier documents have them, too."""
    written = node.mapping("schema")
    return [written] if written is not None and "$ref" in written.value and len(written.value) > 1 else []


def _of_elements(schemas: list[Node], references: References) -> Iterator[tuple[ValueOrigin, Any]]:
    """Of a list the value of one element."""
    for schema in schemas:
        inner = schema.mapping("items")
        items = references.resolve(inner) if inner is not None else None
        if items is not None:
            yield from _present(ValueOrigin.EXAMPLE, items.at("example"))
            yield from _present(ValueOrigin.DEFAULT, items.at("default"))
            yield from _first_of_enum(items)


def _first_of_enum(schema: Node) -> Iterator[tuple[ValueOrigin, Any]]:
    """The first member that is a value: null stands first where it may be left out."""
    first = next((member.value for member in schema.elements("enum") if member.value is not None), None)
    if first is not None:
        yield ValueOrigin.ENUM, first


def _present(origin: ValueOrigin, node: Node | None) -> Iterator[tuple[ValueOrigin, Any]]:
    if node is not None and node.value is not None:
        yield origin, node.value


def _branches(schema: Node, references: References, depth: int) -> Iterator[Node]:
    """The schemas that one is put together of."""
    for name in ("allOf", "anyOf", "oneOf") if depth else ():
        for branch in schema.elements(name)[:MOST_TEXTS]:
            references.allowance.spend(4)
            found = references.resolve(branch)
            if found is not None:
                yield found
                yield from _branches(found, references, depth - 1)
