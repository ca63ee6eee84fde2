"""OpenAPI documents of every version become operations; what cannot be read is a defect, and the rest is used."""

from __future__ import annotations

import pytest

from app.probes.scanning import openapi
from app.probes.scanning.models import DocumentKind, ParameterLocation, ValueOrigin
from app.probes.scanning.references import MOST_DEFECTS
from tests.support.interface_documents import HEAD, operation, reasons, scan

SWAGGER = "swagger: '2.0'\nhost: api.example\nbasePath: /v1\nschemes: [https, http, ws]\n"


def test_a_document_of_openapi_3() -> None:
    document = scan(
        HEAD
        + "security: [{key: []}]\npaths:\n  /users/{id}:\n    parameters: [{name: id, in: path, example: 7}]\n    get:\n"
        "      operationId: user\n      summary: One user\n      tags: [users, 5, {a: b}]\n      deprecated: true\n"
        "      responses: {200: {description: ok}, default: {description: bad}, x-more: {}}\n    head: {security: []}\n"
        "components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}, b: {type: http, scheme: basic}}}\n"
    )
    assert (document.kind, document.version, document.title, document.defects) == (
        DocumentKind.OPENAPI,
        "3.0.3",
        "T",
        (),
    )
    user, head = document.operations
    assert (user.name, user.operation_id, user.summary) == ("GET /users/{id}", "user", "One user")
    assert (user.tags, user.deprecated, user.security, head.security) == (("users", "5"), True, (("key",),), ())
    assert [response.status for response in user.responses] == ["200", "default"]
    [parameter] = user.parameters
    assert (parameter.name, parameter.location, parameter.required) == ("id", ParameterLocation.PATH, True)
    assert parameter.value is not None
    assert (parameter.value.texts, parameter.value.origin) == (("7",), ValueOrigin.EXAMPLE)
    assert (user.place.file, user.place.pointer, user.place.line) == ("api.yaml", "#/paths/~1users~1{id}/get", 8)
    assert document.schemes == (("key", "apiKey header X-Key"), ("b", "http basic"))
    assert user.names == {"user", "GET /users/{id}"}
    assert str(user.place) == "api.yaml, line 8 #/paths/~1users~1{id}/get"


def test_a_document_of_openapi_2() -> None:
    document = scan(
        SWAGGER + "consumes: [application/xml]\npaths:\n  /a:\n    post:\n      parameters:\n"
        "      - {name: b, in: body, required: true, schema: {type: object, example: '<a/>'}}\n"
        "      - {name: f, in: formData, required: true, type: string, default: x}\n"
        "      - {name: Accept, in: header, required: true, type: string}\n"
        "      responses: {200: {schema: {type: string}}}\n"
        "  /b: {post: {parameters: [{name: b, in: body}, {name: c, in: body}]}}\n"
        "securityDefinitions: {o: {type: oauth2}, gone: {$ref: '#/nowhere'}}\n"
    )
    post, other = document.operations
    assert post.base_urls == ("https://api.example/v1", "http://api.example/v1")
    assert post.body is not None
    assert (post.body.required, post.body.media_type, post.body.text) == (True, "application/xml", "<a/>")
    assert [(one.name, one.location.value) for one in post.parameters] == [("f", "form"), ("Accept", "header")]
    assert other.body is not None
    assert (other.body.text, other.body.contract, post.body.contract != "") == (None, "", True)
    assert post.responses[0].contract
    assert document.schemes == (("o", "oauth2"),)
    assert reasons(document) == ["$ref #/nowhere: there is no 'nowhere' in #"]


def test_without_host_the_base_is_relative_and_without_servers_the_root() -> None:
    assert operation("get: {}", head="swagger: '2.0'\nbasePath: v1\n").base_urls == ("/v1",)
    assert operation("get: {}", head="swagger: '2.0'\n").base_urls == ("/",)
    assert operation("get: {}", head="openapi: 3.2.0\n").base_urls == ("/",)


def test_servers_of_the_operation_win_over_those_of_path_and_document() -> None:
    assert operation("servers: [{url: 'https://path.example'}]\nget: {}").base_urls == ("https://path.example",)
    inner = "servers: [{url: 'https://path.example'}]\nget: {servers: [{url: 'https://own.example'}]}"
    assert operation(inner).base_urls == ("https://own.example",)


@pytest.mark.parametrize(
    ("text", "version", "problems"),
    [
        ("swagger: 2.0\npaths: {}", "2.0", ["the version is a number; write it in quotes"]),
        ("swagger: '1.2'\npaths: {}", "1.2", ["the version '1.2' is not known; it is read like the newest"]),
        ("openapi: 4.0.0\npaths: {}", "4.0.0", ["the version '4.0.0' is not known; it is read like the newest"]),
        ("openapi: 3.1.1\npaths: {}", "3.1.1", []),
        ("openapi: {}\npaths: {}", "", ["the version '' is not known; it is read like the newest"]),
        ("openapi: 3.0.0", "3.0.0", ["the document has no paths"]),
        ("openapi: 3.1.0\ncomponents: {}", "3.1.0", []),
        ("openapi: 3.0.0\npaths: []", "3.0.0", ["this must be a mapping of paths"]),
    ],
)
def test_versions_and_documents_without_paths(text: str, version: str, problems: list[str]) -> None:
    document = scan(text)
    assert (document.version, document.operations, reasons(document)) == (version, (), problems)


def test_webhooks_are_counted_and_are_no_operations() -> None:
    document = scan("openapi: 3.1.0\nwebhooks: {a: {post: {}}, b: {post: {}}}")
    assert (document.webhooks, document.operations, document.defects) == (2, (), ())


def test_what_is_no_document_says_so() -> None:
    document = scan("type: object")
    assert (document.kind, document.operations) == (None, ())
    assert reasons(document) == ["this is no OpenAPI document: it has neither openapi nor swagger"]
    assert scan("- 1").kind is None


def test_methods_in_capitals_are_read_and_others_are_not() -> None:
    document = scan(
        HEAD + "paths:\n  x-extra: {get: {}}\n  /a: {GET: {}, fetch: {}, x-y: {}, put: 5, patch: , nothing: , "
        "query: {}, additionalOperations: {COPY: {}, LOCK: 1}}\n  b: {get: {}}\n  /c: 5\n  /d: {get: {}, Get: {}}"
    )
    assert [one.name for one in document.operations] == ["GET /a", "QUERY /a", "COPY /a", "GET b", "GET /d"]
    assert reasons(document) == [
        "methods are written in small letters; it is read all the same",
        "'fetch' is no method",
        "PUT has no fields; it is left out",
        "PATCH has no fields; it is left out",
        "'nothing' is no method",
        "LOCK has no fields; it is left out",
        "a path must begin with /; it is read as if it did",
        "this must be a mapping of methods",
        "methods are written in small letters; it is read all the same",
        "GET /d stands twice; the first one counts",
    ]


def test_placeholders_are_described_once() -> None:
    document = scan(HEAD + "paths: {'/a/{x}/{x}/{y}#{z}': {parameters: [{name: x, in: path}], get: {}}}")
    assert reasons(document) == ["{x} stands in the path twice", "{y} of the path is described nowhere"]
    assert [(one.name, one.required) for one in document.operations[0].parameters] == [("x", True), ("y", True)]


def test_an_operation_id_belongs_to_one_operation() -> None:
    document = scan(HEAD + "paths: {/a: {get: {operationId: a}, put: {operationId: a}, head: {}, patch: {}}}")
    assert len(document.operations) == 4
    assert reasons(document) == ["the operationId 'a' is that of GET /a too"]


def test_parameters_of_the_operation_win_over_those_of_its_path() -> None:
    found = operation(
        "parameters: [{name: q, in: query, required: true}, {name: q, in: header}, {name: Accept, in: header}]\n"
        "get: {parameters: [{name: q, in: query}]}"
    )
    assert [(one.name, one.location.value, one.required) for one in found.parameters] == [
        ("q", "query", False), ("q", "header", False),
    ]  # fmt: skip


def test_references_lead_through_files_to_the_end() -> None:
    document = scan(
        HEAD + "paths:\n  /a: {$ref: 'paths.yaml#/a', head: {}}\n  /b: {$ref: '#/paths/~1a'}\n  /c: {$ref: gone.yaml}",
        {
            "paths.yaml": "a: {get: {parameters: [{$ref: parts.yaml#/id}]}}",
            "parts.yaml": "id: {$ref: '#/list/0'}\nlist: [{name: id, in: query, required: true}]\nid: {$ref: '#/list/0'}",
        },
    )
    assert [one.name for one in document.operations] == ["HEAD /a", "GET /a", "GET /b"]
    get = document.operations[1]
    assert (get.place.file, get.place.pointer) == ("paths.yaml", "#/a/get")
    assert [one.name for one in get.parameters] == ["id"]
    places = [(str(defect.place), defect.reason) for defect in document.defects]
    assert places == [
        ("parts.yaml, line 3 #/id", "this stands twice; the last one counts"),
        ("api.yaml, line 7 #/paths/~1c", "$ref gone.yaml: there is no such file"),
    ]


def test_references_stand_where_the_specification_knows_none() -> None:
    document = scan(
        HEAD + "paths: {$ref: paths.yaml}\nparts: {$ref: parts.yaml}",
        {
            "paths.yaml": "/a: {get: {$ref: 'a.yaml#/get'}, put: {$ref: gone.yaml}, patch: {$ref: 'a.yaml#/no'}}\n/b: ",
            "a.yaml": "get: {parameters: [{$ref: '#/parts/id'}, {$ref: 'parts.yaml#/id'}]}\nno: 5\nparts: {$ref: parts.yaml}",
            "parts.yaml": "id: {name: id, in: query}",
        },
    )
    [get] = document.operations
    assert (get.name, get.place.file, [one.name for one in get.parameters]) == ("GET /a", "a.yaml", ["id"])
    assert reasons(document) == ["$ref gone.yaml: there is no such file", "PATCH has no fields; it is left out"]
    assert reasons(scan(HEAD + "paths: {$ref: gone.yaml}")) == ["$ref gone.yaml: there is no such file"]


def test_pointers_that_lead_through_themselves_end() -> None:
    document = scan(HEAD + "x: {$ref: '#/x/y'}\npaths: {/a: {get: {parameters: [{$ref: '#/x/y'}]}}}")
    assert document.operations[0].unread
    assert document.defects


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("#/paths/~1a", "this leads round in a circle"),
        ("#/x/0", "this leads round in a circle"),
        ("#/gone", "there is no 'gone' in #"),
        ("#/x/9", "there is no '9' in #/x"),
        ("#/x/+", "there is no '+' in #/x"),
        ("#anchor", "only pointers such as #/components/parameters/id are followed, no anchors"),
        ("#/chain/a0", "this leads round in a circle"),
    ],
)
def test_references_that_lead_nowhere_are_named(reference: str, reason: str) -> None:
    chain = ", ".join(f"a{place}: {{$ref: '#/chain/a{place + 1}'}}" for place in range(60))
    document = scan(
        f"{HEAD}x: [{{$ref: '#/x/0'}}]\nchain: {{{chain}, a60: {{}}}}\npaths: {{/a: {{$ref: '{reference}'}}}}"
    )
    assert reasons(document) == [f"$ref {reference}: {reason}"]


def test_what_may_be_needed_and_is_not_read_stays_with_the_operation() -> None:
    found = operation("post: {parameters: [{$ref: '#/x'}, {in: query}, 5], requestBody: {$ref: '#/y'}}")
    start = "#/paths/~1a/post"
    assert found.unread == (f"{start}/requestBody", *(f"{start}/parameters/{place}" for place in range(3)))


def test_bodies() -> None:
    json_body = operation(
        "post: {requestBody: {content: {text/plain: {}, application/json: {example: {a: [1, true]}}}}}"
    )
    assert json_body.body is not None
    assert (json_body.body.media_type, json_body.body.text) == ("application/json", '{"a": [1, true]}')
    empty = operation("post: {requestBody: {required: true}}")
    assert (empty.body, empty.unread) == (None, ())
    unread = operation("post: {requestBody: {required: true, content: {text/plain: {schema: {type: string}}}}}")
    assert unread.body is not None
    assert (unread.body.required, unread.body.text) == (True, None)


def test_a_document_that_asks_for_too_much_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + "paths: {" + ", ".join(f"/p{place}: {{get: {{}}}}" for place in range(50)) + "}"
    monkeypatch.setattr(openapi, "MOST_OPERATIONS", 10)
    many = scan(text)
    assert (len(many.operations), many.complete) == (10, False)
    monkeypatch.setattr(openapi, "STEPS", 30)
    document = scan(text)
    assert not document.complete
    assert len(document.operations) < 30
    assert reasons(document) == ["this document asks for more work than is done for one; split it"]


def test_a_part_that_breaks_off_leaves_the_document_incomplete() -> None:
    document = scan(HEAD + "paths: {/a: {$ref: p.yaml}, /b: {$ref: p.yaml}}", {"p.yaml": "get: {}\nput: ["})
    assert not document.complete
    assert len(document.defects) == 1
    assert [one.name for one in document.operations] == ["GET /a", "GET /b"]


def test_a_defect_that_many_operations_share_is_listed_once() -> None:
    path = "{get: {parameters: [{$ref: '#/components/x'}, {$ref: '#/components/x'}]}}"
    document = scan(
        f"{HEAD}paths: {{/a: {path}, /b: {path}, /nothing: }}\ncomponents: {{x: {{in: query}}, securitySchemes: {{n: }}}}"
    )
    assert [str(defect.place) for defect in document.defects] == ["api.yaml, line 5 #/components/x"]
    assert len(document.operations) == 2


def test_defects_are_listed_up_to_a_bound() -> None:
    document = scan(HEAD + "paths: {" + ", ".join(f"p{place}: {{}}" for place in range(MOST_DEFECTS + 5)) + "}")
    assert len(document.defects) == MOST_DEFECTS + 1
    assert document.defects[-1].reason == "and 5 more"


@pytest.mark.parametrize(
    ("own", "server", "base"),
    [
        ("https://api.example/specs/openapi.yaml", "/v1", "https://api.example/v1"),
        ("https://api.example/specs/openapi.yaml", "../v1", "https://api.example/v1"),
        ("https://api.example/specs/openapi.yaml", "https://other.example", "https://other.example"),
        ("openapi.yaml", "/v1", "/v1"),
    ],
)
def test_relative_servers_count_from_where_the_document_says_it_is(own: str, server: str, base: str) -> None:
    head = f"openapi: 3.2.0\n$self: {own}\nservers: [{{url: {server}}}]\n"
    assert operation("get: {}", head=head).base_urls == (base,)
