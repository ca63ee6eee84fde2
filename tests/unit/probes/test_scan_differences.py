"""Two scans differ by typed events, each of which says whether callers may break."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.probes.scanning.differences import OperationEventKind, compare_scans, pair_documents
from app.probes.scanning.models import DocumentScan, RequestContent
from tests.support.interface_documents import HEAD, operation, scan


def events(old: str, new: str) -> list[tuple[str, str, bool]]:
    before, after = scan(f"{HEAD}paths: {{{old}}}"), scan(f"{HEAD}paths: {{{new}}}")
    return [(event.kind.value, event.operation.name, event.breaking) for event in compare_scans(before, after)]


def changes(old: str, new: str) -> list[tuple[str, str, bool]]:
    before, after = scan(f"{HEAD}paths: {{/a: {{{old}}}}}"), scan(f"{HEAD}paths: {{/a: {{{new}}}}}")
    return [
        (change.part.value, change.text, change.breaking)
        for event in compare_scans(before, after)
        for change in event.changes
    ]


def test_operations_come_and_go() -> None:
    assert events("/a: {get: {}}, /b: {get: {}}", "/b: {get: {}, put: {}}") == [
        ("removed", "GET /a", True), ("added", "PUT /b", False),
    ]  # fmt: skip
    assert events("/a: {get: {summary: x}}", "/a: {get: {summary: y, tags: [t]}}") == []


def test_names_of_placeholders_are_no_difference_unless_several_paths_have_the_shape() -> None:
    assert events("'/a/{x}': {get: {}}", "'/a/{y}': {get: {}}") == []
    assert events("'/a/{x}': {get: {}}, '/a/{z}': {get: {}}", "'/a/{y}': {get: {}}") == [
        ("removed", "GET /a/{x}", True), ("removed", "GET /a/{z}", True), ("added", "GET /a/{y}", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "parameters: [{name: q, in: query}]", ("parameter", "query q is new", False)),
        (
            "",
            "parameters: [{name: q, in: query, required: true}]",
            ("parameter", "query q is new and required", True),
        ),
        ("parameters: [{name: q, in: query}]", "", ("parameter", "query q is gone", True)),
        (
            "parameters: [{name: q, in: query}]",
            "parameters: [{name: q, in: query, required: true}]",
            ("parameter", "query q is required now", True),
        ),
        (
            "parameters: [{name: q, in: query, required: true}]",
            "parameters: [{name: q, in: query}]",
            ("parameter", "query q is optional now", False),
        ),
        (
            "parameters: [{name: q, in: query, schema: {type: integer}}]",
            "parameters: [{name: q, in: query, schema: {}}]",
            ("parameter", "query q is of any type in the place of integer", True),
        ),
        ("", "security: [{k: [], l: []}, {}]", ("security", "needs k and l or nothing in the place of nothing", False)),
        ("", "security: [{k: []}]", ("security", "needs k in the place of nothing", True)),
        ("deprecated: true", "", ("deprecated", "is deprecated no more", False)),
        ("", "deprecated: true", ("deprecated", "is deprecated", False)),
        ("", "operationId: x", ("operation_id", "is called x in the place of nothing", False)),
        (
            "",
            "servers: [{url: 'https://b.example'}]",
            ("base_url", "https://b.example in the place of https://api.example", True),
        ),
        ("responses: {200: {}}", "responses: {201: {}, 200: {}}", ("response", "201 is new", False)),
        ("responses: {200: {}, 404: {}}", "responses: {200: {}}", ("response", "404 is gone", False)),
        (
            "responses: {200: {content: {j: {schema: {type: string}}}}}",
            "responses: {200: {content: {j: {schema: {type: integer}}}}}",
            ("response", "200 has another schema", True),
        ),
        (
            "responses: {404: {content: {j: {schema: {type: string}}}}}",
            "responses: {404: {content: {j: {schema: {type: integer}}}}}",
            ("response", "404 has another schema", False),
        ),
        ("", "requestBody: {content: {j: {}}}", ("body", "takes a body", False)),
        ("", "requestBody: {required: true, content: {j: {}}}", ("body", "takes a body, which is required", True)),
        ("requestBody: {content: {j: {}}}", "", ("body", "takes no body any more", True)),
        (
            "requestBody: {content: {j: {}}}",
            "requestBody: {required: true, content: {j: {}}}",
            ("body", "the body is required now", True),
        ),
        (
            "requestBody: {required: true, content: {j: {}}}",
            "requestBody: {content: {j: {}}}",
            ("body", "the body is optional now", False),
        ),
        (
            "requestBody: {content: {j: {}}}",
            "requestBody: {content: {k: {}}}",
            ("body", "the body is k in the place of j", True),
        ),
        (
            "requestBody: {content: {j: {schema: {type: string}}}}",
            "requestBody: {content: {j: {schema: {type: integer}}}}",
            ("body", "the body has another schema", True),
        ),
    ],
)
def test_each_part_of_an_operation_is_compared(old: str, new: str, expected: tuple[str, str, bool]) -> None:
    assert changes(f"post: {{{old}}}", f"post: {{{new}}}") == [expected]


def test_what_only_describes_is_no_difference() -> None:
    assert (
        changes(
            "get: {responses: {200: {description: a, content: {j: {schema: {type: string, example: x}}}}}}",
            "get: {responses: {200: {description: b, content: {j: {schema: {type: string, title: T}}}}}}",
        )
        == []
    )


def test_types_of_a_path_s_parameter_count_whatever_it_is_called() -> None:
    before, after = (
        DocumentScan(
            "a",
            operations=(
                operation(
                    f"get: {{parameters: [{{name: {name}, in: path, schema: {{type: {kind}}}}}]}}",
                    path=f"/a/{{{name}}}",
                ),
            ),
        )
        for name, kind in (("x", "integer"), ("y", "string"))
    )
    [event] = compare_scans(before, after)
    assert [change.text for change in event.changes] == ["path x is string in the place of integer"]


def test_a_digest_that_is_not_known_differs_from_nothing() -> None:
    one = operation("post: {requestBody: {content: {j: {}}}}")
    unknown = replace(one, body=RequestContent(required=False, media_type="j", contract="?"))
    assert compare_scans(DocumentScan("a", operations=(one,)), DocumentScan("a", operations=(unknown,))) == ()


def test_what_breaks_off_removes_nothing_and_adds_nothing() -> None:
    whole, cut = (
        scan(f"{HEAD}paths: {{/a: {{get: {{}}}}, /b: {{get: {{}}}}}}"),
        scan(f"{HEAD}paths: {{/a: {{get: {{}}}}, /b: {{"),
    )
    assert not cut.complete
    assert compare_scans(whole, cut) == ()
    assert compare_scans(cut, whole) == ()
    empty = DocumentScan("api.yaml")
    assert {event.kind for event in compare_scans(whole, empty)} == {OperationEventKind.REMOVED}


def test_documents_of_two_folders_are_paired_by_name() -> None:
    old = [DocumentScan("v1/a.yaml"), DocumentScan("v1/x/b.yaml")]
    new = [DocumentScan("next/v2/x/b.yaml"), DocumentScan("next/v2/c.yaml")]
    assert [(one.file, other.file) for one, other in pair_documents(old, new)] == [
        ("v1/a.yaml", "v1/a.yaml"), ("v1/x/b.yaml", "next/v2/x/b.yaml"), ("next/v2/c.yaml", "next/v2/c.yaml"),
    ]  # fmt: skip
    assert [(one.file, other.file) for one, other in pair_documents(old[:1], new[:1])] == [
        ("v1/a.yaml", "next/v2/x/b.yaml")
    ]
    apart = [DocumentScan("a/x.yaml"), DocumentScan("b/y.yaml")]
    assert len(list(pair_documents(apart, apart))) == 2
    assert list(pair_documents([], [])) == []
