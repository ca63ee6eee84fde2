"""The values that a document has for parameters: example, examples, default, enum, and how they are sent."""

from __future__ import annotations

import pytest

from app.probes.scanning.models import OperationParameter, ParameterLocation
from app.probes.scanning.selection import choose_probes
from app.probes.scanning.syntax import WrittenNumber, parse_text
from app.probes.scanning.values.parameters import LONGEST_VALUE, MOST_BODY_NODES, is_usable, json_text
from app.probes.scanning.values.styles import in_path, in_query
from tests.support.interface_documents import HEAD, operation, scan

SWAGGER = "swagger: '2.0'\nhost: api.example\n"


def parameter(fields: str, *, head: str = HEAD) -> OperationParameter:
    [found] = operation(f"get: {{parameters: [{{name: p, in: query, {fields}}}]}}", head=head).parameters
    return found


def value(fields: str, *, head: str = HEAD) -> tuple[str, tuple[str, ...]] | None:
    found = parameter(fields, head=head).value
    return None if found is None else (found.origin.value, found.texts)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("example: 5, schema: {default: 6}", ("example", ("5",))),
        ("schema: {example: 2024-01-01, default: 6}", ("example", ("2024-01-01",))),
        ("examples: {a: {value: true}}, schema: {default: 6}", ("example", ("true",))),
        ("examples: {a: {$ref: '#/e'}, b: {dataValue: 8}}", ("example", ("8",))),
        ("schema: {examples: [7, 8], default: 6}", ("example", ("7",))),
        ("schema: {default: false, enum: [a]}", ("default", ("false",))),
        ("schema: {enum: [a, b]}", ("enum", ("a",))),
        ("schema: {const: a}", ("enum", ("a",))),
        ("schema: {anyOf: [{$ref: '#/gone'}, {type: string, enum: [x]}, {type: 'null'}]}", ("enum", ("x",))),
        ("schema: {allOf: [{oneOf: [{default: 9}]}]}", ("default", ("9",))),
        ("schema: {type: array, items: {enum: [a, b]}}", ("enum", ("a",))),
        ("schema: {type: array, items: {example: e}}", ("example", ("e",))),
        ("schema: {type: array, items: {$ref: '#/gone'}}", None),
        ("schema: {type: array, items: {type: string}}", None),
        ("schema: {type: string}", None),
        ("schema: {$ref: '#/gone'}", None),
        ("example: null, schema: {enum: []}", None),
        ("example: {a: 1}", None),
        ("example: {a: 1}, schema: {}, style: pipeDelimited", ("example", ("a|1",))),
        ("example: {a: {}}, schema: {}", None),
        ("example: {a: 1, b: x}, schema: {}, explode: false", ("example", ("a,1,b,x",))),
        ("schema: {enum: [null, b]}", ("enum", ("b",))),
        ("schema: {$ref: '#/gone', example: 4}", ("example", ("4",))),
        ("schema: {$ref: '#/gone'}, example: 3", ("example", ("3",))),
        ("example: [[1]]", None),
        ("example: []", None),
        ("example: [a, b], schema: {}", ("example", ("a", "b"))),
        ("example: [a, b], explode: false, schema: {}", ("example", ("a,b",))),
        ("example: [a, b], style: pipeDelimited, schema: {}", ("example", ("a|b",))),
        ("example: [a, b], style: pipeDelimited, explode: true, schema: {}", ("example", ("a", "b"))),
        ("content: {application/json: {schema: {example: {a: 1}}}}", ("example", ('{"a": 1}',))),
        ("content: {application/json: {example: x}}", ("example", ('"x"',))),
        ("content: {application/json: {}}", None),
    ],
)
def test_the_best_value_of_openapi_3(fields: str, expected: tuple[str, tuple[str, ...]] | None) -> None:
    assert value(fields) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("x-example: 5, default: 6", ("example", ("5",))),
        ("default: 6, enum: [7]", ("default", ("6",))),
        ("type: array, default: [a, b]", ("default", ("a,b",))),
        ("type: array, collectionFormat: multi, default: [a, b]", ("default", ("a", "b"))),
        ("type: array, collectionFormat: pipes, default: [a, b]", ("default", ("a|b",))),
        ("type: array, items: {default: z}", ("default", ("z",))),
    ],
)
def test_the_best_value_of_openapi_2(fields: str, expected: tuple[str, tuple[str, ...]]) -> None:
    assert value(fields, head=SWAGGER) == expected


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        ("/a", "in: query, schema: {}, example: {color: red, size: [1, 2]}, style: deepObject", "/a?p%5Bcolor%5D=red&p%5Bsize%5D=1&p%5Bsize%5D=2"),
        ("/a", "in: query, schema: {}, example: {color: red, size: 3}", "/a?color=red&size=3"),
        ("/a", "in: query, schema: {}, example: [a b, 'c,d'], style: form, explode: false", "/a?p=a%20b,c,d"),
        ("/a", "in: query, schema: {}, example: 'a/b?c:d&e=f#g+h', allowReserved: true", "/a?p=a/b?c:d%26e%3Df%23g%2Bh"),
        ("/a", "in: query, schema: {}, example: a/b", "/a?p=a%2Fb"),
        ("/a", "in: querystring, content: {application/x-www-form-urlencoded: {example: {a: 1, b: [2, 3], c: {}}}}", "/a?a=1&b=2&b=3"),
        ("/a", "in: querystring, content: {application/x-www-form-urlencoded: {example: 'a=1&b='}}", "/a?a=1&b="),
        ("/a", "in: querystring, content: {application/x-www-form-urlencoded: {example: 5}}", "/a?5="),
        ("/a", "in: querystring, content: {application/x-www-form-urlencoded: {example: [5]}}", None),
        ("/a", "in: querystring, content: {application/json: {example: {a: 1}}}", None),
        ("/a/{p}", "in: path, schema: {}, example: 5, style: label", "/a/.5"),
        ("/a/{p}", "in: path, schema: {}, example: [3, 4], style: label", "/a/.3,4"),
        ("/a/{p}", "in: path, schema: {}, example: [3, 4], style: label, explode: true", "/a/.3.4"),
        ("/a/{p}", "in: path, schema: {}, example: {a: 1, b: 2}, style: label, explode: true", "/a/.a=1.b=2"),
        ("/a/{p}", "in: path, schema: {}, example: 5, style: matrix", "/a/;p=5"),
        ("/a/{p}", "in: path, schema: {}, example: [3, 4], style: matrix", "/a/;p=3,4"),
        ("/a/{p}", "in: path, schema: {}, example: [3, 4], style: matrix, explode: true", "/a/;p=3;p=4"),
        ("/a/{p}", "in: path, schema: {}, example: {a: 1, b: 2}, style: matrix, explode: true", "/a/;a=1;b=2"),
        ("/a/{p}", "in: path, schema: {}, example: {a: 1, b: 2}", "/a/a,1,b,2"),
        ("/a/{p}", "in: path, schema: {}, example: {a: 1, b: 2}, explode: true", "/a/a=1,b=2"),
        ("/a/{+p}", "in: path, schema: {}, example: x/y", "/a/x%2Fy"),
        ("/a/{p:int}", "in: path, schema: {}, example: 7", "/a/7"),
        ("/a/{p*}", "in: path, schema: {}, example: 7", "/a/7"),
        ("/a", "in: cookie, schema: {}, example: {a: 1}", None),
    ],
)  # fmt: skip
def test_values_are_written_by_their_style(path: str, fields: str, expected: str | None) -> None:
    body = f"get: {{parameters: [{{name: p, required: true, {fields}}}]}}"
    document = scan(f"{HEAD}paths:\n  '{path}':\n    {body}\n")
    probed = choose_probes(document).probed
    assert [probe.url for probe in probed] == ([f"https://api.example{expected}"] if expected else [])


def test_what_has_no_value_is_written_as_nothing() -> None:
    nothing = OperationParameter("p", ParameterLocation.QUERY, required=False)
    assert (in_query(nothing), in_path(nothing)) == ([], "")


def test_an_empty_default_of_a_server_is_one() -> None:
    found = scan(
        "openapi: 3.0.0\npaths: {/a: {get: {}}}\nservers: [{url: 'https://h.example/{b}/', variables: {b: {default: ''}}}]"
    )
    assert choose_probes(found).probed[0].url == "https://h.example/a"


def test_types_are_named_as_written() -> None:
    assert parameter("schema: {type: integer}").kind == "integer"
    assert parameter("schema: {type: [string, 'null', integer, {}]}").kind == "string|integer"


def test_a_list_in_a_header_is_one_text() -> None:
    [found] = operation("get: {parameters: [{name: p, in: header, example: [1, 2], schema: {}}]}").parameters
    assert found.value is not None
    assert found.value.texts == ("1,2",)


@pytest.mark.parametrize(
    ("location", "text", "usable"),
    [
        (ParameterLocation.QUERY, "a\nb", True),
        (ParameterLocation.HEADER, "a\nb", False),
        (ParameterLocation.COOKIE, "a b", True),
        (ParameterLocation.PATH, "", False),
        (ParameterLocation.PATH, "..", False),
        (ParameterLocation.PATH, "a/b", True),
        (ParameterLocation.QUERY, "x" * (LONGEST_VALUE + 1), False),
    ],
)
def test_what_cannot_be_sent_is_no_value(location: ParameterLocation, text: str, usable: bool) -> None:
    assert is_usable(location, text) == usable


def test_bodies_are_written_within_bounds() -> None:
    number = WrittenNumber
    assert json_text([number("1"), number("-2.5"), number("1e999"), number("0x1F"), number("9" * 50)]) == (
        '[1, -2.5, "1e999", "0x1F", 1e+50]'
    )
    assert json_text([None] * (MOST_BODY_NODES + 1)) is None
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 45))]
    assert json_text(parse_text("\n".join(lines)).value) is None


def test_a_text_is_a_body_as_it_is() -> None:
    found = operation("post: {requestBody: {content: {text/plain: {examples: {a: {value: hello}}}}}}").body
    assert found is not None
    assert found.text == "hello"
    other = operation(f"post: {{requestBody: {{content: {{a/json: {{example: [{'1, ' * 6000}]}}}}}}}}").body
    assert other is not None
    assert other.text is None
