"""Suites in the file of interfaces: what is read, and every problem with its line, field and remedy."""

from __future__ import annotations

import pytest

from app.kit.yaml.tree import ProblemReport
from app.probes.config import ServiceConfig, read_interfaces
from app.probes.interfaces.suites.models import TakenValue, TakePlace

SUITE = """services:
  shop:
    base_urls: https://shop.example
    suites:
      flow:
        variables: {user: ann, password: "${SUITE_PASSWORD}"}
        steps:
          - {name: login, method: POST, path: /login, form: {user: "{{user}}", pass: "{{password}}"}, take: {token: $.t, sid: cookie sid, tag: header ETag}}
          - {path: "/orders/{{tag}}", headers: {Authorization: "Bearer {{token}}"}, conditions: [status 200, '$.user == {{user}}']}
        cleanup:
          - {method: DELETE, path: "/sessions/{{sid}}"}
"""


def read(text: str) -> tuple[ServiceConfig, list[str]]:
    report = ProblemReport("i.yaml")
    config = read_interfaces(text.encode(), report)
    return config.services["shop"], [str(problem) for problem in report.problems]


def test_a_suite_is_read_with_its_steps_and_needs_no_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_PASSWORD", "pass-of-ann")
    service, problems = read(SUITE)
    assert problems == []
    [suite] = service.suites
    login, orders = suite.steps
    assert (suite.name, suite.base_urls, suite.with_auth, suite.secrets) == (
        "flow", ("https://shop.example",), False, ("pass-of-ann",),
    )  # fmt: skip
    assert login.takes == (
        TakenValue("token", TakePlace.JSON, "$.t"),
        TakenValue("sid", TakePlace.COOKIE, "sid"),
        TakenValue("tag", TakePlace.HEADER, "ETag"),
    )
    assert (orders.name, [condition.text for condition in orders.conditions]) == (
        "GET /orders/{{tag}}", ["status 200", "$.user == {{user}}"],
    )  # fmt: skip
    assert suite.cleanup[0].name == "DELETE /sessions/{{sid}}"
    assert "pass-of-ann" not in repr(service)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("{}", ": a step asks one thing; give it a path below the base URL, or a whole url"),
        ("{path: /a, url: 'https://b.example'}", ".path: a step asks one thing; give it a path below the base URL, or a whole url"),
        ("{path: a}", ".path: 'a' is no path; begin it with /"),
        ("{url: /a}", ".url: '/a' is no URL; write it as https://host/path"),
        ("{path: '/${HOME}'}", ".path: name ${NAME} under variables, and write {{name}} here"),
        ("{path: /a, method: FETCH}", ".method: 'FETCH' is none of GET, HEAD, POST, PUT, PATCH, DELETE"),
        ("{path: /a, body: x}", ": GET carries no body; use POST or PUT"),
        ("{path: /a, method: POST, body: x, form: {a: b}}", ".body: a request has a form or a body"),
        ("{path: /a, headers: {Authorization: Basic x}}", ".headers.Authorization: a secret does not stand in a file; write ${NAME} of the environment, or {{name}} of a step"),
        ("{path: /a, headers: {Content-Length: '3'}}", ": the header Content-Length is written by the check itself; leave it out"),
        ("{path: '/{{usr}}'}", ": no variable and no earlier step gives {{usr}}; did you mean user?"),
        ("{path: /a, take: {x: y}}", ".take.x: 'y' takes nothing; write it as $.token, header ETag, cookie session or match PATTERN"),
        ("{path: /a, take: {x: 'match (a)(b)'}}", "'(a)(b)' has several groups; write (?:"),
        ("{path: /a, take: {x: 'match (a'}}", "the pattern '(a'"),
        ("{path: /a, take: {x: 'match '}}", "'match ' takes nothing"),
        ("{path: /a, take: {x: '$['}}", ".take.x: the JSONPath '$[' cannot be read from '[' on; names, indexes, * and .. are known, filters, slices and unions are not"),
        ("{path: /a, take: {'x y': $.a}}", ".take: 'x y' is no name of a value; use letters, digits and _"),
        ("{path: /a, conditions: [nothing]}", ".conditions: 'nothing' is no condition; examples: status 200-299,304; latency < 500 ms"),
        ("{path: /a, method: HEAD, conditions: ['$.a == 1']}", ": a condition reads the body, which HEAD does not bring; use GET"),
        ("{path: /a, conditions: ['$.a > 5', '$.a < 3', '$.b == {{user}}', '$.b == x-{{user}}']}", ".conditions: $.a > 5, $.a < 3: no value fulfils all of them"),
        ("{path: /a, conditions: ['latency > 600 s']}", ": 'latency > 600 s' can never be true: the time-out ends a check after"),
        ("{path: /a, expect: 200}", ".expect: there is no such field; known are"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_step_is_named(step: str, expected: str) -> None:
    text = (
        "services:\n  shop:\n    base_urls: https://shop.example\n    suites:\n      flow:\n        variables: {user: ann}\n"
        f"        steps:\n          - {step}\n"
    )
    [problem] = read(text)[1]
    assert problem.startswith("i.yaml, line 8: services.shop.suites.flow.steps")
    assert expected in problem


@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        ("{}", "flow.steps: a suite needs steps; write them as a list"),
        ("{steps: [{path: /a}], base_url: shop}", "flow.base_url: 'shop' is no base URL; write it as"),
        ("{steps: [{path: /a}], with_auth: true}", "flow.with_auth: the service has no auth; name a login there, or take a token in a step"),
        ("{steps: [{path: /a}], variables: {token: abc}}", "flow.variables.token: a secret does not stand in a file"),
        ("{steps: [{path: /a}], variables: {'a b': abc}}", "flow.variables: 'a b' is no name of a value"),
        ("{steps: [{path: /a}], clean: []}", "flow.clean: there is no such field"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_suite_is_named(suite: str, expected: str) -> None:
    head = "services:\n  shop:\n    documents: a.yaml\n    base_urls: https://shop.example\n"
    [problem] = read(f"{head}    suites:\n      flow: {suite}\n")[1]
    assert expected in problem


def test_a_suite_without_a_place_and_one_with_a_name_that_is_none() -> None:
    _, problems = read("services:\n  shop:\n    suites:\n      '#': {steps: [{path: /a}]}\n")
    assert [problem.partition(": services.shop.suites.")[2] for problem in problems] == [
        "#: '#' is no name; use up to 100 letters, digits, spaces and _ . : -",
        "#: there is no base URL for it; give the service base_urls, or the suite a base_url",
    ]
    _, problems = read(
        f"services:\n  shop:\n    base_urls: http://a\n    suites: {{f: {{steps: [{', '.join(['{path: /a}'] * 31)}]}}}}\n"
    )
    assert problems == ["i.yaml, line 4: services.shop.suites.f.steps: there are 31 steps; a suite has at most 30"]
