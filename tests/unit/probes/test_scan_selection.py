"""Which operations are probed, with which URL, and why not the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import ConfigurationError
from app.probes.scanning.models import Operation, OperationParameter, ParameterValue, ValueOrigin
from app.probes.scanning.selection import ProbeRules, SkipReason, choose_probes
from app.probes.scanning.servers import checked_base_url, joined_url, on_base
from tests.support.interface_documents import HEAD, reasons, scan

TEXT = (
    HEAD
    + """paths:
  /a/{id}#part:
    parameters: [{name: id, in: path, example: 'x/y ü'}]
    get: {parameters: [{name: q, in: query, required: true, example: [a, 'b&c'], schema: {}}, {name: o, in: query, example: 1}]}
    delete: {operationId: drop}
  /b/{id}: {get: {}, post: {requestBody: {required: true, content: {a/b: {}}}}}
  /c?x=1: {get: {parameters: [{name: h, in: header, required: true, example: v}, {name: q, in: query, required: true, example: 2}]}}
"""
)


def skipped(text: str, rules: ProbeRules) -> dict[str, list[str]]:
    return {
        one.operation.name: [reason.value for reason, _ in one.reasons]
        for one in choose_probes(scan(text), rules).skipped
    }


def urls(text: str, rules: ProbeRules) -> dict[str, str | None]:
    return {probe.operation.name: probe.url for probe in choose_probes(scan(text), rules).probed}


def test_reading_operations_with_values_are_probed() -> None:
    assert urls(TEXT, ProbeRules()) == {
        "GET /a/{id}#part": "https://api.example/a/x%2Fy%20%C3%BC?q=a&q=b%26c",
        "GET /c?x=1": "https://api.example/c?x=1&q=2",
    }
    assert skipped(TEXT, ProbeRules()) == {
        "DELETE /a/{id}#part": ["method"],
        "GET /b/{id}": ["parameter"],
        "POST /b/{id}": ["method", "parameter", "body"],
    }


def test_others_are_probed_when_they_are_allowed_by_name() -> None:
    assert "DELETE /a/{id}#part" in urls(TEXT, ProbeRules(allowed=frozenset({"drop"})))
    by_name = skipped(TEXT, ProbeRules(allowed=frozenset({"POST /b/{id}"})))
    assert by_name["POST /b/{id}"] == ["parameter", "body"]


def test_what_whoever_runs_the_probes_supplies_wins_and_may_come_later() -> None:
    def supply(operation: Operation, parameter: OperationParameter) -> ParameterValue | None:
        if operation.name == "GET /b/{id}":
            return ParameterValue((), ValueOrigin.ANSWER)
        return ParameterValue(("fixed",), ValueOrigin.FIXED) if parameter.name in {"id", "o"} else None

    found = urls(TEXT, ProbeRules(supply=supply))
    assert found["GET /a/{id}#part"] == "https://api.example/a/fixed?q=a&q=b%26c&o=fixed"
    assert found["GET /b/{id}"] is None


def test_what_is_excluded_says_why() -> None:
    rules = ProbeRules(exclude=lambda operation: "its path is excluded" if operation.path == "/c?x=1" else "")
    assert skipped(TEXT, rules)["GET /c?x=1"] == ["excluded"]


def test_without_a_host_nothing_is_probed_until_somebody_names_one() -> None:
    text = "openapi: 3.1.0\nservers: [{url: /v2}]\npaths: {/a: {get: {}}}"
    assert skipped(text, ProbeRules()) == {"GET /a": ["base_url"]}
    assert urls(text, ProbeRules(base_url="https://x.example:8443")) == {"GET /a": "https://x.example:8443/v2/a"}
    assert urls(text, ProbeRules(base_url="https://x.example/other/")) == {"GET /a": "https://x.example/other/a"}
    unusable = "openapi: 3.1.0\nservers: [{url: 'ws://x'}]\npaths: {/a: {get: {}}}"
    assert skipped(unusable, ProbeRules()) == {"GET /a": ["base_url"]}
    assert urls(unusable, ProbeRules(base_url="https://y.example")) == {"GET /a": "https://y.example/a"}


def test_what_could_not_be_read_is_not_probed() -> None:
    assert skipped(HEAD + "paths: {/a: {get: {parameters: [5]}}}", ProbeRules()) == {"GET /a": ["unreadable"]}


def test_every_operation_is_probed_or_skipped() -> None:
    selection = choose_probes(scan(TEXT))
    assert len(selection.probed) + len(selection.skipped) == len(selection.document.operations) == 5
    assert {reason for one in selection.skipped for reason, _ in one.reasons} < set(SkipReason)
    assert choose_probes(replace(selection.document, operations=())).probed == ()


def test_variables_of_servers_are_filled_in() -> None:
    document = scan(
        "openapi: 3.0.0\npaths: {/a: {get: {}}}\nservers:\n- {url: 'https://{n}.x.example:{p}/a b', variables: {n: "
        "{default: demo}, p: {enum: [8443, 1]}}}\n- {url: 'https://{gone}.example'}\n- {url: 'https://{e}.example', "
        "variables: {e: {}}}\n- {url: '//other.example'}\n- {url: 'https://x.example:99999'}\n- {url: ''}\n- {url: 'https://'}\n"
        "- {url: 'https://[x'}\n- {url: 'https://x.example:0'}\n- {url: v1}\n"
    )
    assert document.operations[0].base_urls == ("https://demo.x.example:8443/a%20b", "https://other.example", "v1")
    assert len(reasons(document)) == 7
    assert on_base("v1", "https://x.example") == "https://x.example/v1"
    assert on_base("https://a.example", "https://x.example/") == "https://x.example"


def test_schemes_that_cannot_be_probed_are_named() -> None:
    document = scan("swagger: '2.0'\nhost: x.example\nschemes: [ws]\npaths: {/a: {get: {}}}")
    assert document.operations[0].base_urls == ()
    assert reasons(document) == ["none of the schemes ws can be probed"]
    assert scan("swagger: '2.0'\nhost: x.example\npaths: {/a: {get: {}}}").operations[0].base_urls == (
        "https://x.example",
    )
    assert scan("swagger: '2.0'\nhost: '[x'\npaths: {/a: {get: {}}}").operations[0].base_urls == ()


@pytest.mark.parametrize(
    "url", ["x.example", "ftp://x", "https://", "https://x?a=1", "https://u:p@x", "/v1", "https://x:y"]
)
def test_a_base_url_has_scheme_and_host_and_no_secret(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is no base URL"):
        checked_base_url(url)


def test_base_urls_are_taken_as_they_are() -> None:
    assert (checked_base_url(""), checked_base_url("http://x:80/v1")) == ("", "http://x:80/v1")
    assert joined_url("http://x/", "a") == "http://x/a"
