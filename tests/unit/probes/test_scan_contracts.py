"""Digests of contracts: they follow references, end in circles, and ignore what only describes."""

from __future__ import annotations

import pytest

from app.probes.scanning import contracts
from tests.support.interface_documents import HEAD, reasons, scan


def digest(schema: str, components: str = "") -> str:
    document = scan(
        f"{HEAD}paths: {{/a: {{get: {{responses: {{200: {{content: {{j: {{schema: {schema}}}}}}}}}}}}}}}\n"
        f"components: {{schemas: {{{components}}}}}"
    )
    return document.operations[0].responses[0].contract


def test_what_only_describes_does_not_count() -> None:
    plain = digest("{type: object, properties: {a: {type: string}}}")
    assert digest("{title: T, x-a: 1, properties: {a: {description: d, type: string}}, type: object}") == plain
    assert digest("{type: object, properties: {a: {type: integer}}}") != plain
    assert digest("{type: object, properties: {a: {type: string}, description: {type: string}}}") != plain
    assert digest("{type: object, required: [a], properties: {a: {type: string}}}") != plain


def test_references_count_with_all_they_lead_to() -> None:
    first = "A: {properties: {b: {$ref: '#/components/schemas/B'}}}, B: {type: string}"
    assert digest("{$ref: '#/components/schemas/A'}", first) == digest("{$ref: '#/components/schemas/A'}", first)
    other = first.replace("string", "integer")
    assert digest("{$ref: '#/components/schemas/A'}", first) != digest("{$ref: '#/components/schemas/A'}", other)


def test_circles_end_and_deep_values_are_cut() -> None:
    assert digest("{$ref: '#/components/schemas/A'}", "A: {items: {$ref: '#/components/schemas/A'}}")
    deep = "{a: " * 80 + "1" + "}" * 80
    assert digest(f"{{default: {deep}}}") == digest(f"{{default: {deep.replace('1', '2')}}}")


def test_schemas_that_are_not_there_are_named() -> None:
    document = scan(
        f"{HEAD}paths: {{/a: {{get: {{responses: {{200: {{content: {{j: {{schema: {{$ref: '#/x'}}}}}}}}}}}}}}}}"
    )
    assert reasons(document) == ["$ref #/x: there is no 'x' in #"]


def test_what_is_too_large_has_no_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contracts, "STEPS", 3)
    assert digest("{type: object, properties: {a: {type: string}}}") == contracts.UNKNOWN
