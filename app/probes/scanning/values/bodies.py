"""Bodies of requests: the document's example, else the least that its schema asks for. Pure."""

from __future__ import annotations

import json
from decimal import ROUND_CEILING, Decimal
from typing import Any
from urllib.parse import urlencode

from app.probes.scanning.models import RequestContent
from app.probes.scanning.references import Allowance, Node, References, TooMuch
from app.probes.scanning.syntax import WrittenNumber
from app.probes.scanning.values.parameters import json_text, number_of, schema_kind, schema_of, written_values
from app.probes.scanning.values.styles import NOTHING, query_texts

STEPS = 1_000_000
"""Schemas that are looked at for the bodies of one document."""
DEEPEST_BODY = 20
MOST_ELEMENTS = 10
LONGEST_TEXT = 1_000
FORM = "application/x-www-form-urlencoded"
_FORMATS = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "time": "00:00:00Z",
    "duration": "PT1H",
    "email": "probe@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "byte": "cHJvYmU=",
}


class NoValue(Exception):
    """Something that a body needs has no value; the text says what."""


class RequestBodies:
    """The bodies of one document's requests."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._allowance = Allowance(STEPS)

    def of_3(self, node: Node) -> RequestContent | None:
        """The body that OpenAPI 3 describes, of its content that is JSON or else the first; None where it has none."""
        contents = dict(node.entries("content"))
        if not contents:
            return None
        media_type = next((name for name in contents if "json" in name.lower()), next(iter(contents)))
        return self.of(media_type, contents[media_type], required=node.flag("required"))

    def of(self, media_type: str, content: Node, *, required: bool) -> RequestContent:
        """A body with its example or the least that is asked for; else with what is lacking."""
        sent = "application/json" if "*" in media_type else media_type
        schema = schema_of(content, self._references)
        for _, value in written_values(content, [schema], self._references):
            text = body_text(sent, value, schema_kind(schema))
            if text is not None:
                return RequestContent(required, sent, text)
        if "json" not in sent.lower() and not sent.lower().startswith(FORM):
            return RequestContent(required, sent, lacks="an example")
        try:
            text = body_text(sent, self._least(schema, "the body", ()), schema_kind(schema))
        except NoValue as error:
            return RequestContent(required, sent, lacks=f"an example: {error}")
        except TooMuch:
            return RequestContent(required, sent, lacks="an example: its schema is too large")
        return RequestContent(required, sent, text, lacks="" if text is not None else "an example: it is no form")

    def _least(self, node: Node, name: str, seen: tuple[tuple[str, str], ...]) -> Any:
        """The least value that a schema allows; NoValue where it asks for what nobody can guess."""
        schema = self._references.resolve(node)
        if schema is None:
            raise NoValue(f"the schema of {name} cannot be read")
        key = schema.file.name, schema.pointer
        if key in seen or len(seen) > DEEPEST_BODY:
            raise NoValue(f"{name} holds itself")
        self._allowance.spend()
        inner = (*seen, key)
        parts = self._parts(schema, inner)
        values = [value for part in parts for _, value in written_values(part, [], self._references)][:1]
        if values and not (len(parts) > 1 and isinstance(values[0], dict)):
            return values[0]
        branch = self._branch(parts, name, inner)
        kind = _kind(parts)
        if kind == "object" or (not kind and isinstance(branch, dict)):
            return self._object(parts, name, inner) | (branch if isinstance(branch, dict) else {})
        if branch is not None:
            return branch
        if kind == "array":
            return self._list(parts, name, inner)
        return _scalar(parts, kind, name)

    def _parts(self, schema: Node, seen: tuple[tuple[str, str], ...]) -> list[Node]:
        """A schema and all that it takes in with `allOf`."""
        found = [schema]
        for one in schema.elements("allOf"):
            self._allowance.spend()
            part = self._references.resolve(one)
            key = (part.file.name, part.pointer) if part is not None else ("", "")
            if part is not None and key not in seen and len(seen) <= DEEPEST_BODY:
                found += self._parts(part, (*seen, key))
        return found

    def _branch(self, parts: list[Node], name: str, seen: tuple[tuple[str, str], ...]) -> Any:
        """The first of several forms of which one has to hold that can be made; None where there are none."""
        for branches in (part.elements(kind) for part in parts for kind in ("oneOf", "anyOf")):
            problem = None
            for one in branches:
                try:
                    return self._least(one, name, seen)
                except NoValue as error:
                    problem = problem or error
            if problem is not None:
                raise problem
        return None

    def _object(self, parts: list[Node], name: str, seen: tuple[tuple[str, str], ...]) -> dict[str, Any]:
        properties = {field: node for part in reversed(parts) for field, node in part.entries("properties")}
        required = dict.fromkeys(
            one.value for part in parts for one in part.elements("required") if isinstance(one.value, str)
        )
        made = {}
        for field in required:
            within = field if name == "the body" else f"{name}.{field}"
            node = properties.get(field)
            if node is None:
                raise NoValue(f"{within[:200]} is described nowhere")
            if not (self._references.resolve(node) or node).flag("readOnly"):
                made[field] = self._least(node, within[:200], seen)
        return made

    def _list(self, parts: list[Node], name: str, seen: tuple[tuple[str, str], ...]) -> list[Any]:
        least = _limit(parts, "minItems") or Decimal(0)
        if least > MOST_ELEMENTS:
            raise NoValue(f"{name} has {least} elements")
        items = next((found for part in parts if (found := part.mapping("items")) is not None), None)
        if not least:
            return []
        if items is None:
            raise NoValue(f"the elements of {name} are described nowhere")
        return [self._least(items, f"{name}[]", seen)] * int(least)


def body_text(media_type: str, value: Any, kind: str = "") -> str | None:
    """A value as the text of a body; None where it has no form in that media type."""
    if "json" in media_type.lower():
        return value if _is_written_json(value, kind) else json_text(value)
    if isinstance(value, str):
        return str(value)
    if media_type.lower().startswith(FORM):
        texts, names = query_texts(value)
        return urlencode(list(zip(names, texts, strict=True))) if (texts, names) != NOTHING or value == {} else None
    return None


def _is_written_json(value: Any, kind: str) -> bool:
    """Whether an example is the text of a document, as people write it where the schema is none of a text."""
    if not isinstance(value, str) or kind == "string" or value.lstrip()[:1] not in {"{", "["}:
        return False
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True


def _kind(parts: list[Node]) -> str:
    """The type of a schema, where need be by what it says of its values."""
    said = next((kind.partition("|")[0] for part in parts if (kind := schema_kind(part))), "")
    if said:
        return said
    for kind, names in (
        ("object", ("properties", "required", "additionalProperties")),
        ("array", ("items", "minItems")),
        ("number", ("minimum", "exclusiveMinimum", "maximum")),
        ("string", ("format", "pattern", "minLength", "maxLength")),
    ):
        if any(part.at(name) is not None for part in parts for name in names):
            return kind
    return ""


def _scalar(parts: list[Node], kind: str, name: str) -> Any:
    if kind in {"integer", "number"}:
        return _number(parts, whole=kind == "integer")
    if kind == "boolean":
        return False
    if kind != "string":
        raise NoValue(f"{name} is of the type {kind[:50]!r}" if kind else f"{name} has no type")
    form = next((found for part in parts if (found := part.text("format"))), "")
    text = _FORMATS.get(form, "probe")
    if any(part.at("pattern") is not None for part in parts):
        raise NoValue(f"{name} has a pattern")
    if form == "binary":
        raise NoValue(f"{name} is a file")
    least, most = _limit(parts, "minLength"), _limit(parts, "maxLength")
    if least is not None and least > LONGEST_TEXT:
        raise NoValue(f"{name} is longer than {LONGEST_TEXT} characters")
    if form not in _FORMATS:
        text = text.ljust(int(least or 0), "x")[: None if most is None else max(0, int(most))]
    return text


def _number(parts: list[Node], *, whole: bool) -> int | float:
    """1 where that is allowed, else the nearest number that is."""
    least, most, step = (_limit(parts, name) for name in ("minimum", "maximum", "multipleOf"))
    step = step if step and step > 0 else None
    above, below = _limit(parts, "exclusiveMinimum"), _limit(parts, "exclusiveMaximum")
    # Before OpenAPI 3.1 this says of the limit itself that it is not allowed.
    above = least if any(part.flag("exclusiveMinimum") for part in parts) else above
    below = most if any(part.flag("exclusiveMaximum") for part in parts) else below
    unit = step or Decimal(1)
    low = max((one for one in (least, above) if one is not None), default=None)
    high = min((one for one in (most, below) if one is not None), default=None)
    found = max(Decimal(1), low) if low is not None else Decimal(1)
    if high is not None and found > high:
        found = high
    if step is not None or whole:
        found = (found / unit).to_integral_value(ROUND_CEILING) * unit
        if high is not None and (found > high or found == below):
            found -= unit
        if above is not None and found <= above:
            found += unit
    elif above is not None and found == above:
        found = (found + high) / 2 if high is not None else found + 1
    elif below is not None and found == below:
        found = (found + low) / 2 if low is not None else found - 1
    return int(found) if found == found.to_integral_value() else float(found)


def _limit(parts: list[Node], name: str) -> Decimal | None:
    """The first number that stands under a name; None where there is none."""
    for part in parts:
        node = part.at(name)
        value = number_of(node.value) if node is not None and isinstance(node.value, WrittenNumber) else None
        if isinstance(value, int | float):
            return Decimal(str(value))
    return None
