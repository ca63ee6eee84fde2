"""Texts name requests in tables, headings, lists and code; what is an example of another gives it values and a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.probes.scanning import markdown
from app.probes.scanning.markdown import read_markdown
from app.probes.scanning.markdown_requests import DocumentedRequest, NoRequest, read_curl, read_raw, read_target
from app.probes.scanning.models import DocumentKind, DocumentScan
from app.probes.scanning.references import SourceFile
from app.probes.scanning.selection import choose_probes
from tests.support.interface_documents import reasons


def scan(text: str) -> DocumentScan:
    return read_markdown(SourceFile("api.md", Path("/docs/api.md"), len(text), text))


def found(text: str) -> list[tuple[int, str, str]]:
    return [(one.place.line, one.name, one.base_urls[0]) for one in scan(text).operations]


def test_tables_headings_and_lists_name_requests() -> None:
    text = """# Users API

Base URL: `https://api.example/v1/`.

| Method | Endpoint | What |
|---|---|---|
| GET | `/users` | All users |
| **POST** | /users | Make one |
| `GET /groups/:id` | a group | |
| GET /a | GET /b | GET | /c |

Use GET /nothing in a sentence is none, nor is GET nothing.

## More ##
### `GET` https://other.example/stats?day={day}
- `PATCH /users/{id}` - change it
1. HEAD /health: alive.
> DELETE /old
"""
    document = scan(text)
    assert (document.kind, document.title, document.defects, document.complete) == (
        DocumentKind.MARKDOWN, "Users API", (), True,
    )  # fmt: skip
    base = "https://api.example/v1"
    assert found(text) == [
        (7, "GET /users", base), (8, "POST /users", base), (9, "GET /groups/{id}", base), (10, "GET /a", base),
        (15, "GET /stats?day={day}", "https://other.example"), (16, "PATCH /users/{id}", base), (17, "HEAD /health", base),
        (18, "DELETE /old", base),
    ]  # fmt: skip
    users, _, group, *_ = document.operations
    assert (users.summary, users.tags, document.operations[5].summary) == ("All users", ("Users API",), "change it")
    assert [(one.name, one.required, one.value) for one in group.parameters] == [("id", True, None)]
    assert document.operations[4].tags == ("More",)


def test_an_example_gives_values_and_a_host() -> None:
    document = scan("""
GET /users/{id}
GET /users/{id}/posts/{post}
GET /{anything}

```bash
$ curl -H "Authorization: Bearer $TOKEN" -H 'X-Version: 2' -H 'X-Trace: <uuid>' -H 'Accept: a/b' \\
    https://api.example/v1/users/42
curl https://api.example/v1/users/<id>
curl https://api.example/other
```
""")
    assert [one.name for one in document.operations] == [
        "GET /users/{id}", "GET /users/{id}/posts/{post}", "GET /{anything}", "GET /other",
    ]  # fmt: skip
    user = document.operations[0]
    assert user.base_urls == ("https://api.example/v1",)
    assert [(one.name, one.value.texts if one.value else None, one.required) for one in user.parameters] == [
        ("id", ("42",), True), ("X-Version", ("2",), True), ("X-Trace", None, False),
    ]  # fmt: skip
    assert user.security == (("Authorization",),)
    assert [probe.url for probe in choose_probes(document).probed] == [
        "https://api.example/v1/users/42", "https://api.example/other",
    ]  # fmt: skip


def test_a_template_with_a_host_of_its_own_fits_no_longer_path() -> None:
    text = "GET https://a.example/users/{id}\n\n    curl https://b.example/v1/users/4\n    curl https://a.example/users/5\n"
    assert found(text) == [(1, "GET /users/{id}", "https://a.example"), (3, "GET /v1/users/4", "https://b.example")]


def test_requests_below_the_base_url_are_told_by_the_rest() -> None:
    text = "Base URL: https://api.example/v1\n\n```\ncurl -X DELETE https://api.example/v1/users/${ID} | jq .\n```\n"
    assert found(text) == [(4, "DELETE /users/{ID}", "https://api.example/v1")]


def test_raw_requests_have_headers_and_a_body() -> None:
    document = scan("""~~~http
POST /orders HTTP/1.1
Host: shop.example
Content-Type: application/xml

<a/>
~~~
    GET /images/json HTTP/1.1

```
GET /one
GET /two
FETCH /three
text
```
""")
    order, image, *others = document.operations
    assert order.body is not None
    assert (order.body.media_type, order.body.text, order.base_urls) == (
        "application/xml",
        "<a/>",
        ("https://shop.example",),
    )
    assert [one.name for one in (image, *others)] == ["GET /images/json", "GET /one", "GET /two"]


def test_what_cannot_be_read_is_named_with_its_line() -> None:
    document = scan("GET /a\n\n```\ncurl 'https://broken\n```\n\n```\ncurl -s\ncurl nothing\ncurl -X GET")
    assert [(one.place.line, one.reason) for one in document.defects] == [
        (4, "this command of curl cannot be read: No closing quotation"),
        (8, "this command of curl has no URL"),
        (9, "'nothing' is no URL and no path"),
        (10, "this command of curl has no URL"),
    ]


def test_hosts_that_are_none_are_named() -> None:
    document = scan("Base URL: https://[x\nGET http://[x/a\n\n```\nGET /a\nHost: [y\n\nGET /b\n```\n")
    assert [one.base_urls for one in document.operations] == [("/",)]
    assert reasons(document) == ["'http://[x' is no URL", "'https://[y' is no URL"]


def test_a_text_without_requests_describes_no_interface() -> None:
    document = scan("# Title\n\nNothing | here | at all\n")
    assert (document.kind, document.title, document.operations) == (None, "Title", ())
    assert reasons(document) == ["this text names no request such as GET /path"]


def test_a_text_is_read_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "LONGEST_TEXT", 8)
    document = scan("GET /a\r\nGET /b")
    assert ([one.name for one in document.operations], document.complete) == (["GET /a"], False)


def test_a_text_that_names_too_much_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "STEPS", 10)
    document = scan("\n".join(["GET /a"] * 20))
    assert (document.complete, document.operations) == (False, ())
    assert reasons(document)[0] == "this text names more requests than are read of one; split it"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("curl https://x.example/a", DocumentedRequest("GET", "https://x.example", "/a")),
        ("curl -I localhost:8080", DocumentedRequest("HEAD", "http://localhost:8080", "/")),
        ("curl -sSL -o f --max-time 5 api.x.example/a#b", DocumentedRequest("GET", "http://api.x.example", "/a")),
        (
            "curl -XPUT --url=https://x.example/a -d 'a=1' -d b=2",
            DocumentedRequest("PUT", "https://x.example", "/a", (), "a=1&b=2"),
        ),
        ("curl --json '{}' https://x.example/a", DocumentedRequest("POST", "https://x.example", "/a", (), "{}")),
        ("curl -G -d q=1 'https://x.example/a?b=2'", DocumentedRequest("GET", "https://x.example", "/a?b=2&q=1")),
        ("curl -sGd q=1 https://x.example/a", DocumentedRequest("GET", "https://x.example", "/a?q=1")),
        ("curl --get --data q=1 https://x.example/a", DocumentedRequest("GET", "https://x.example", "/a?q=1")),
        ("curl -HA:b $BASE/a/:id && rm x", DocumentedRequest("GET", "", "/a/{id}", (("A", "b"),))),
        ("curl 'https://u:p@x.example/{{ id }}'", DocumentedRequest("GET", "https://x.example", "/{id}")),
        ("curl https://{host}/a/{{id}}/${b}/$c/<d e>", DocumentedRequest("GET", "", "/a/{id}/{b}/{c}/%3Cd")),
        ("curl https://x.example", DocumentedRequest("GET", "https://x.example", "/")),
        ("curl https://x.example?a=1", DocumentedRequest("GET", "https://x.example", "/?a=1")),
        ("curl /a[?b]", DocumentedRequest("GET", "", "/a")),
    ],
)
def test_commands_of_curl(command: str, expected: DocumentedRequest) -> None:
    assert read_curl(command) == expected


def test_commands_that_are_too_long_are_not_read() -> None:
    with pytest.raises(NoRequest, match="too long"):
        read_curl("curl " + "a" * 30_000)


def test_placeholders_of_every_kind_become_ours() -> None:
    assert read_target("{{base}}/a/<user id>/{{ x }}/:y") == ("", "/a/{user_id}/{x}/{y}")
    assert read_target("<host>/a") == ("", "/a")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["GET /a HTTP/1.1", "Host: localhost:80"], DocumentedRequest("GET", "http://localhost:80", "/a", (("Host", "localhost:80"),))),
        (["GET https://x.example/a", "Host: y"], DocumentedRequest("GET", "https://x.example", "/a", (("Host", "y"),))),
        (["GET /a", "Host: <host>"], DocumentedRequest("GET", "", "/a", (("Host", "<host>"),))),
        (["GET /a", "no header"], DocumentedRequest("GET", "", "/a")),
        (["GET a"], None),
        ([""], None),
    ],
)  # fmt: skip
def test_raw_requests(lines: list[str], expected: DocumentedRequest | None) -> None:
    assert read_raw(lines) == expected


def test_links_tags_and_a_base_that_is_named_twice() -> None:
    text = """# API
Base URL: https://api.example/v2

| Call | What |
|---|---|
| **GET** | [`/users/{id}`](#user) |
| <code>GET</code> | <a href="#x">/groups</a> |

### [GET /v2/list][list]
"""
    assert found(text) == [
        (6, "GET /users/{id}", "https://api.example/v2"),
        (7, "GET /groups", "https://api.example/v2"),
        (9, "GET /list", "https://api.example/v2"),
    ]


@pytest.mark.parametrize(
    ("options", "method", "path", "body"),
    [
        ("-G --data-urlencode 'q=a b&c' -d 'r=1'", "GET", "/a?q=a%20b%26c&r=1", None),
        ("-G --data-urlencode 'a b' --data-urlencode '=c d' -d @f", "GET", "/a?a%20b&c%20d", None),
        ("-d @file.json", "POST", "/a", None),
        ("--data-urlencode 'q@file'", "POST", "/a", None),
        ("--data-raw '@x'", "POST", "/a", "@x"),
        ("-F file=@x", "POST", "/a", None),
        ("-T file", "PUT", "/a", None),
        ("--data 'a=1' --data-urlencode 'b=x y'", "POST", "/a", "a=1&b=x%20y"),
    ],
)
def test_data_of_curl(options: str, method: str, path: str, body: str | None) -> None:
    request = read_curl(f"curl {options} https://h.example/a")
    assert (request.method, request.path, request.body) == (method, path, body)


def test_a_body_without_a_content_type_is_json_where_it_looks_like_it_and_else_a_form() -> None:
    text = (
        "```\ncurl -d 'a=1' https://h.example/a\ncurl -d '[1]' https://h.example/b\ncurl 'https://h.example/c d'\n```"
    )
    [form, json, spaced] = scan(text).operations
    assert form.body is not None
    assert json.body is not None
    assert (form.body.media_type, json.body.media_type) == ("application/x-www-form-urlencoded", "application/json")
    assert spaced.path == "/c%20d"
