"""Laws of scans: whatever a document holds, nothing is raised, and each operation is either probed or skipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kit.json_text import dumps
from app.probes.scanning.differences import OperationEventKind, compare_scans
from app.probes.scanning.markdown import read_markdown
from app.probes.scanning.models import READING, DocumentScan
from app.probes.scanning.references import SourceFile
from app.probes.scanning.selection import ProbeRules, choose_probes
from app.probes.schemas import DocumentScanResource
from app.schemas import jsonable
from tests.support.interface_documents import scan

WORDS = st.sampled_from(
    [
        "openapi", "swagger", "paths", "/a", "/a/{id}", "/b/{id}/{id}#x", "get", "GET", "post", "head", "parameters", "name",
        "in", "path", "query", "header", "body", "required", "schema", "example", "examples", "default", "enum", "items",
        "type", "array", "string", "servers", "url", "variables", "host", "basePath", "schemes", "https", "$ref", "responses",
        "200", "content", "application/json", "requestBody", "security", "tags", "id", "anyOf", "components", "webhooks",
        "securitySchemes", "operationId", "value", "additionalOperations", "<<", "~", "3.1.0", "2.0", "https://x.example/{v}",
    ]
)  # fmt: skip
REFERENCES = st.sampled_from(
    ["#/paths/~1a", "#/components", "#", "#/", "#/paths/~1a/get/parameters/0", "other.yaml", "#x", "http://x/y", ""]
)
LEAVES = st.none() | st.booleans() | st.integers(-5, 10**30) | st.floats(allow_nan=False) | WORDS | st.text(max_size=5)


def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS, inner, max_size=5)
        | st.fixed_dictionaries({"$ref": REFERENCES}, optional={"get": inner})
    )


VALUES = st.recursive(LEAVES, grown, max_leaves=25)
OPERATIONS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("parameters", "responses", "requestBody", "servers", "security", "tags"), VALUES)
)
PARAMETERS = st.lists(
    st.fixed_dictionaries(
        {
            "name": WORDS,
            "in": st.sampled_from(["path", "query", "header", "cookie", "body", "formData", "querystring"]),
        },
        optional={
            "required": st.booleans(),
            "schema": VALUES,
            "example": VALUES,
            "type": WORDS,
            "content": VALUES,
            "explode": st.booleans(),
            "allowReserved": st.booleans(),
            "style": st.sampled_from(["form", "deepObject", "label", "matrix", "simple", "pipeDelimited", ""]),
        },
    ),
    max_size=4,
)
ITEMS = st.dictionaries(
    st.sampled_from(["get", "head", "post", "PUT", "parameters", "$ref", "x-a"]),
    OPERATIONS | PARAMETERS | VALUES,
    max_size=4,
)
DOCUMENTS = st.fixed_dictionaries(
    {"paths": st.dictionaries(WORDS | st.text(max_size=8), ITEMS, max_size=4) | VALUES},
    optional={
        **dict.fromkeys(("servers", "components", "host", "security", "webhooks", "info", "basePath"), VALUES),
        "openapi": st.sampled_from(["3.0.3", "3.1.0", "3.2.0", 3, None]),
        "swagger": st.sampled_from(["2.0", 2.0, {}]),
    },
)


SCALARS = (
    st.integers(-5, 99)
    | st.booleans()
    | st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6)
)
NAMES = st.text("abcxyz_", min_size=1, max_size=5)
VALID_PATHS = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts)),
    st.dictionaries(
        st.sampled_from(["get", "head", "post", "put", "patch", "delete", "options", "trace"]),
        st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, min_size=1, max_size=3), max_size=3),
        min_size=1,
        max_size=4,
    ),
    max_size=5,
)


@settings(max_examples=120, deadline=None)
@given(VALID_PATHS, st.sampled_from(["3.0.3", "3.1.0", "3.2.0"]))
def test_of_a_valid_document_every_operation_is_found_and_asked_with_its_examples(paths: Any, version: str) -> None:
    written = {
        path: {
            method: {
                "responses": {"200": {"description": ""}},
                "parameters": [
                    {"name": name, "in": "query", "required": True, "schema": {}, "example": example}
                    for name, example in examples.items()
                ],
            }
            for method, examples in methods.items()
        }
        for path, methods in paths.items()
    }
    document = scan(json.dumps({"openapi": version, "servers": [{"url": "https://x.example"}], "paths": written}))
    assert (document.defects, document.complete) == ((), True)
    asked = {
        (method.upper(), path): examples for path, methods in paths.items() for method, examples in methods.items()
    }
    assert {(operation.method, operation.path) for operation in document.operations} == set(asked)
    for probe in choose_probes(document).probed:
        url = urlsplit(probe.url or "")
        sent = [
            (name, _sent(one))
            for name, example in asked[probe.operation.method, url.path].items()
            for one in (example if isinstance(example, list) else [example])
        ]
        assert parse_qsl(url.query, keep_blank_values=True) == sent


def _sent(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def check(text: str) -> None:
    check_selections(scan(text, {"other.yaml": "get: {parameters: [{$ref: '#/x'}]}\nx: {name: a, in: query}"}))


def check_selections(document: DocumentScan) -> None:
    for rules in (ProbeRules(), ProbeRules(base_url="https://x.example", allowed=frozenset({"POST /a"}))):
        selection = choose_probes(document, rules)
        probed = [probe.operation.name for probe in selection.probed]
        skipped = [one.operation.name for one in selection.skipped]
        assert sorted([*probed, *skipped]) == sorted(operation.name for operation in document.operations)
        assert all(one.reasons for one in selection.skipped)
        assert {probe.operation.method for probe in selection.probed} <= READING | {"POST"}
        for probe in selection.probed:
            assert (probe.url or "").startswith(("http://", "https://"))
            assert all(parameter.value is not None for parameter in probe.parameters)
        json.loads(dumps(jsonable(DocumentScanResource.of(selection))))


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS)
def test_whatever_is_in_a_document_each_operation_is_probed_or_skipped(document: Any) -> None:
    check(json.dumps(document))


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, st.data())
def test_a_text_that_is_cut_or_damaged_is_read_as_far_as_it_goes(document: Any, data: st.DataObject) -> None:
    text = json.dumps(document, indent=data.draw(st.sampled_from([None, 1])))
    place = data.draw(st.integers(0, len(text)))
    check(text[:place] + data.draw(st.sampled_from(["", "\t", "&a ", "*a", "\n---\n", "\x00", "]", "'", "? ", ": "])))


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=":-{}[]&*a<!|>'\"\n\t #?,%@`0.~é\u2028\ufeff", max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    check(f"openapi: 3.0.0\n{text}")
    check(text)


MARKDOWN = st.lists(
    st.sampled_from(
        [
            "| GET | /a/{id} |", "| `POST /a` | x |", "### GET /a/:id", "- **HEAD** /b", "```", "~~~http", "    curl -X PUT /a",
            "curl https://x.example/v1/a/5 -H 'A: b'", "$ curl -d '", "GET /a HTTP/1.1", "Host: x.example", "", "# T",
            "Base URL: https://x.example/v1", "\t- x", "curl \\", "GET http://[x", "curl http://[x", "\x00", "'",
        ]
    )
    | st.text(max_size=20),
    max_size=15,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(MARKDOWN)
def test_any_text_names_operations_that_are_probed_or_skipped(lines: list[str]) -> None:
    text = "\n".join(lines)
    check_selections(read_markdown(SourceFile("a.md", Path("/a.md"), len(text), text)))


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_a_document_differs_from_another_and_not_from_itself(old: Any, new: Any) -> None:
    before, after = scan(json.dumps(old)), scan(json.dumps(new))
    assert compare_scans(before, before) == ()
    found = compare_scans(before, after)
    added = {event.operation.name for event in found if event.kind is OperationEventKind.ADDED}
    removed = {event.operation.name for event in found if event.kind is OperationEventKind.REMOVED}
    assert added <= {operation.name for operation in after.operations}
    assert removed <= {operation.name for operation in before.operations}
    assert len(before.operations) - len(removed) == len(after.operations) - len(added)


def numbers(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Schemas of numbers that have values: the limits lie far enough apart."""
    low = st.integers(-20, 20)
    return low.flatmap(
        lambda least: st.fixed_dictionaries(
            {"type": st.just(kind)},
            optional={
                "minimum": st.just(least),
                "exclusiveMinimum": st.just(least - 1),
                "maximum": st.integers(least + 10, least + 30),
                "exclusiveMaximum": st.integers(least + 10, least + 30),
                "multipleOf": st.integers(1, 4),
            },
        )
    )


BODY_SCHEMAS = st.recursive(
    numbers("integer")
    | numbers("number")
    | st.sampled_from([{"type": "boolean"}, {"type": ["null", "string"], "maxLength": 2}, {"const": {"a": 1}}])
    | st.builds(lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more}, *[st.integers(0, 9)] * 2),
    lambda inner: (
        st.builds(lambda items, least: {"type": "array", "items": items, "minItems": least}, inner, st.integers(0, 3))
        | st.builds(
            lambda properties, allowed: {"type": "object", "properties": properties, "required": list(properties)[allowed:]},
            st.dictionaries(st.sampled_from("abcd"), inner, max_size=3), st.integers(0, 2),
        )
        | st.builds(lambda one, other: {"oneOf": [one, other]}, inner, inner)
        | st.builds(lambda properties: {"allOf": [{"required": list(properties)}, {"properties": properties}]}, st.dictionaries(st.sampled_from("abcd"), inner, min_size=1, max_size=3))
    ),
    max_leaves=12,
)  # fmt: skip


@given(schema=BODY_SCHEMAS)
@settings(max_examples=60, deadline=None)
def test_a_body_that_is_made_is_one_that_its_schema_allows(schema: dict[str, Any]) -> None:
    content = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
    document = {"openapi": "3.1.0", "paths": {"/a": {"post": content}}}
    [operation] = scan(dumps(document)).operations
    assert operation.body is not None
    assert (operation.body.lacks, operation.body.text is None) == ("", False)
    loose = json.loads(dumps(schema).replace('"oneOf"', '"anyOf"'))
    jsonschema_rs.validate(loose, json.loads(operation.body.text or ""))
