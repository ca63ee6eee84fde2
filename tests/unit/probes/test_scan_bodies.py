"""Bodies that documents describe without an example: the least that the schema asks for, or what is lacking."""

from __future__ import annotations

import json

import pytest

from app.probes.scanning.models import RequestContent
from app.probes.scanning.selection import ProbeRules, choose_probes
from app.probes.scanning.values import bodies
from app.probes.scanning.values.bodies import body_text
from tests.support.interface_documents import HEAD, operation, scan

PARTS = {
    "Tree": {"type": "object", "required": ["child"], "properties": {"child": {"$ref": "#/s/Tree"}}},
    "Named": {"type": "object", "required": ["name"], "properties": {"name": {"default": "ann"}}},
    "Round": {"allOf": [{"$ref": "#/s/Round"}, {"$ref": "#/s/Gone"}, {"$ref": "#/s/Named"}]},
}


def body(content: object, media_type: str = "application/json") -> RequestContent:
    text = json.dumps({"post": {"requestBody": {"required": True, "content": {media_type: content}}}})
    # Parts stand behind the paths, so that the document is one of YAML that begins like any other.
    found = operation(text, head=f"s: {json.dumps(PARTS)}\n{HEAD}").body
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"type": "string"}, "probe"),
        ({"type": "string", "minLength": 7}, "probexx"),
        ({"type": "string", "maxLength": 3}, "pro"),
        ({"type": ["null", "string"], "format": "uuid", "maxLength": 36}, "00000000-0000-4000-8000-000000000000"),
        ({"format": "date"}, "2025-01-01"),
        ({"type": "boolean"}, False),
        ({"type": "integer"}, 1),
        ({"minimum": 2.5}, 2.5),
        ({"type": "integer", "minimum": 2.5}, 3),
        ({"type": "integer", "minimum": 3, "exclusiveMinimum": True}, 4),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "maximum": 0}, 0),
        ({"type": "integer", "maximum": 0, "exclusiveMaximum": True}, -1),
        ({"type": "integer", "multipleOf": 5, "maximum": 4}, 0),
        ({"type": "number", "multipleOf": 0.5, "minimum": 1.2}, 1.5),
        ({"type": "number", "multipleOf": 0}, 1),
        ({"type": "number", "exclusiveMinimum": 1, "maximum": 2}, 1.5),
        ({"type": "number", "exclusiveMinimum": 2}, 3),
        ({"type": "number", "exclusiveMaximum": 1}, 0),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "number", "minimum": "x"}, 1),
        ({"type": "array"}, []),
        ({"minItems": 2, "items": {"enum": [None, "a"]}}, ["a", "a"]),
        ({"type": "object"}, {}),
        ({"properties": {"a": {"type": "string"}}}, {}),
        ({"required": ["a", 5], "properties": {"a": {"const": 7}, "5": {"examples": ["x"]}}}, {"a": 7, "5": "x"}),
        ({"required": ["id", "a"], "properties": {"id": {"readOnly": True}, "a": {"example": "x"}}}, {"a": "x"}),
        ({"allOf": [{"$ref": "#/s/Named"}, {"required": ["b"], "properties": {"b": {"type": "integer"}}}]}, {"name": "ann", "b": 1}),
        ({"allOf": [{"example": {"a": 1}}, {"required": ["b"], "properties": {"b": {"const": 2}}}]}, {"b": 2}),
        ({"allOf": [{"type": "string"}, {"enum": ["x"]}]}, "x"),
        ({"$ref": "#/s/Round"}, {"name": "ann"}),
        ({"oneOf": [{"$ref": "#/s/Tree"}, {"$ref": "#/s/Named"}]}, {"name": "ann"}),
        ({"oneOf": [], "anyOf": [{"type": "integer"}, {"type": "string"}]}, 1),
        ({"required": ["k"], "properties": {"k": {"enum": ["x"]}}, "anyOf": [{"$ref": "#/s/Named"}]}, {"k": "x", "name": "ann"}),
        ({"type": "object", "anyOf": [{"type": "string"}]}, {}),
        ({"type": "object", "example": '{"a": [1]}'}, {"a": [1]}),
        ({"type": "object", "example": "{a"}, "{a"),
        ({"type": "string", "example": "[1]"}, "[1]"),
    ],
)  # fmt: skip
def test_the_least_that_a_schema_asks_for(schema: object, made: object) -> None:
    found = body({"schema": schema})
    assert (json.loads(found.text or "?"), found.lacks) == (made, "")


@pytest.mark.parametrize(
    ("schema", "lacks"),
    [
        ({}, "the body has no type"),
        ({"type": "file"}, "the body is of the type 'file'"),
        ({"$ref": "#/s/Tree"}, "child holds itself"),
        ({"$ref": "#/s/Gone"}, "the body has no type"),
        ({"type": "array", "minItems": 1, "items": {"$ref": "#/s/Gone"}}, "the schema of the body[] cannot be read"),
        ({"type": "array", "minItems": 1}, "the elements of the body are described nowhere"),
        ({"type": "array", "minItems": 11, "items": {"type": "string"}}, "the body has 11 elements"),
        ({"required": ["a"]}, "a is described nowhere"),
        ({"required": ["a"], "properties": {"a": {"type": "string", "pattern": "^x$"}}}, "a has a pattern"),
        (
            {"required": ["a"], "properties": {"a": {"required": ["b"], "properties": {"b": {"format": "binary"}}}}},
            "a.b is a file",
        ),
        ({"type": "string", "minLength": 1001}, "the body is longer than 1000 characters"),
        ({"oneOf": [{"$ref": "#/s/Tree"}, {"type": "file"}]}, "child holds itself"),
    ],
)
def test_what_a_body_lacks_is_told(schema: object, lacks: str) -> None:
    found = body({"schema": schema})
    assert (found.text, found.lacks) == (None, f"an example: {lacks}")


@pytest.mark.parametrize(
    ("media_type", "content", "sent", "text"),
    [
        ("*/*", {"schema": {"type": "boolean"}}, "application/json", "false"),
        ("application/x-www-form-urlencoded", {"example": {"a": 1, "b": "x y"}}, "application/x-www-form-urlencoded", "a=1&b=x+y"),
        ("application/x-www-form-urlencoded", {"example": "a=b"}, "application/x-www-form-urlencoded", "a=b"),
        (
            "application/x-www-form-urlencoded",
            {"schema": {"required": ["n", "t"], "properties": {"n": {"minimum": 3}, "t": {"type": "boolean"}}}},
            "application/x-www-form-urlencoded", "n=3&t=false",
        ),
        ("application/x-www-form-urlencoded", {"schema": {"type": "object"}}, "application/x-www-form-urlencoded", ""),
        ("application/x-www-form-urlencoded", {"schema": {"type": "array"}}, "application/x-www-form-urlencoded", None),
        ("application/xml", {"example": "<a/>"}, "application/xml", "<a/>"),
        ("application/xml", {"example": {"a": 1}}, "application/xml", None),
        ("multipart/form-data", {"schema": {"type": "object"}}, "multipart/form-data", None),
    ],
)  # fmt: skip
def test_a_body_is_written_in_its_media_type(media_type: str, content: object, sent: str, text: str | None) -> None:
    found = body(content, media_type)
    assert (found.media_type, found.text) == (sent, text)
    assert bool(found.lacks) == (text is None)


def test_a_schema_that_is_too_large_lacks_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "STEPS", 3)
    wide = {name: {"type": "string"} for name in "abcdef"}
    found = body({"schema": {"required": list(wide), "properties": wide}})
    assert found.lacks == "an example: its schema is too large"
    assert body_text("text/plain", {"a": 1}) is None


def test_a_body_of_openapi_2_goes_by_what_the_operation_consumes() -> None:
    made = operation(
        "post: {consumes: [text/xml, application/json], parameters: [{name: b, in: body, required: true, "
        "schema: {required: [n], properties: {n: {type: integer}}}}]}",
        head="swagger: '2.0'\nhost: api.example\nconsumes: [application/xml]\n",
    ).body
    assert made is not None
    assert (made.media_type, made.text) == ("application/json", '{"n": 1}')


def test_only_what_is_allowed_and_can_be_sent_is_probed() -> None:
    document = scan(
        HEAD + "paths:\n  /a:\n    post: {operationId: make, requestBody: {required: true, content: {application/json: "
        "{schema: {type: string, pattern: x}}}}}\n    put: {operationId: keep, requestBody: {required: true, content: "
        "{application/json: {schema: {type: object}}}}}\n    query: {operationId: ask}\n"
        "    additionalOperations: {COPY: {operationId: copy}}\n"
    )
    chosen = choose_probes(document, ProbeRules(allowed=frozenset({"make", "keep", "ask", "copy"})))
    assert [one.operation.name for one in chosen.probed] == ["PUT /a"]
    assert {one.operation.method: one.reasons for one in chosen.skipped} == {
        "POST": (("body", "it needs a body of application/json, without an example: the body has a pattern"),),
        "QUERY": (("method", "QUERY is not sent; GET, HEAD, POST, PUT, PATCH, DELETE are"),),
        "COPY": (("method", "COPY is not sent; GET, HEAD, POST, PUT, PATCH, DELETE are"),),
    }
