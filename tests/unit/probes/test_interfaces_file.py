"""The file of interfaces becomes services; every problem is named with its line, field and remedy."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from app.cli import run
from app.errors import ConfigurationError
from app.kit.yaml.tree import ProblemReport
from app.probes.config import REACHABLE, InterfacesConfig, parse_statuses, read_interfaces
from app.probes.interface_file import check_interfaces
from app.probes.scanning.models import ValueOrigin
from app.secrets import without_secrets
from tests.support.interface_documents import HEAD

EXAMPLE = Path(__file__).parents[3] / "config" / "examples" / "interfaces.yaml"
DOCUMENT = (
    HEAD
    + """paths:
  /orders/{id}: {get: {operationId: order, tags: [orders], parameters: [{name: id, in: path}, {name: v, in: query}]}}
  /admin/users: {get: {tags: [orders]}}
  /health: {get: {operationId: health}}
  /search: {post: {operationId: search, tags: [orders]}}
"""
)


def read(text: str) -> tuple[InterfacesConfig, list[str]]:
    report = ProblemReport("i.yaml")
    config = read_interfaces(text.encode(), report)
    return config, [str(problem) for problem in report.problems]


def problems(fields: str) -> list[str]:
    return read(f"services:\n  shop:\n    documents: a.yaml\n    {fields}\n")[1]


def test_the_example_is_valid_once_its_marks_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").partition("\n\n# services")[2]
    text = "services" + "\n".join(line.removeprefix("# ") for line in lines.splitlines())
    assert set(yaml.safe_load(text)) == {"services", "logins"}
    with without_secrets():
        config, found = read(text)
    assert [problem.partition(": ")[2] for problem in found] == [
        "services.shop.parent: there is no service 'gateway'; known are shop"
    ]
    assert len(config.logins) == 9
    shop = config.services["shop"]
    assert (shop.interval, shop.expected, set(shop.allow)) == (
        timedelta(minutes=15), ((200, 299), (404, 404)), {"POST /search"},
    )  # fmt: skip
    assert shop.operations_named == {"POST /search", "getOrder", "getItem", "listItems", "exportAll"}


def test_a_service_needs_documents_only() -> None:
    config, found = read("services: {shop: {documents: [a.yaml]}}")
    shop = config.services["shop"]
    assert found == []
    assert (shop.interval, shop.expected, shop.concurrency, shop.rate) == (timedelta(minutes=15), REACHABLE, 5, 10.0)
    [rules] = shop.rules()
    assert rules.base_url == ""


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("interval: 10 s", "interval: '10 s' is out of range; it must lie between 1 min and 1 d"),
        ("base_urls: [shop]", "base_urls: 'shop' is no base URL; write it as https://host, https://host:8443 or https://host/v1"),
        ("expected: [200, 99]", "expected: '99' is no status; write it like 200, 200-299 or 2xx"),
        ("expected: 300-200", "expected: '300-200' ends before it begins; write the smaller status first"),
        ("headers: {'a b': x}", "headers.a b: this cannot be sent as a header"),
        ('headers: {A: "x\\ny"}', "headers.A: this cannot be sent as a header"),
        ("headers: {X-Api-Key: x}", "headers.X-Api-Key: a secret does not stand in a file; write ${NAME} and set NAME in the environment"),
        ("headers: {A: '${UNSET_9}'}", "headers.A: the environment has no UNSET_9; set it, or UNSET_9_FILE"),
        ("parameters: {a: [1]}", "parameters.a: this must be a text with ${NAME} of the environment in it"),
        ("include: {methods: [GTE]}", "include.methods: there is no method GTE; did you mean GET?"),
        ("include: {path: /a}", "include.path: there is no such field; did you mean paths?"),
        ("operations: {x: {timeout: 5}}", "operations.x.timeout: there is no such field; known are parameters, expected"),
        ("concurrency: 0", "concurrency: 0 is out of range; it must lie between 1 and 50"),
        ("rate: 0", "rate: 0 is out of range; it must lie between 0.01 and 100"),
        ("parent: shop", "parent: shop is below shop; a service cannot be below itself"),
        ("parent: sho", "parent: there is no service 'sho'; did you mean shop?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(fields: str, expected: str) -> None:
    assert problems(fields) == [f"i.yaml, line 4: services.shop.{expected}"]


def test_what_is_wrong_beside_the_fields_of_a_service() -> None:
    assert read("services: {}")[1] == [
        "i.yaml, line 1: there are no services; name one, as services: {shop: {documents: openapi.yaml}}"
    ]
    assert read("services: {'?': {documents: 'https://'}, b: {}}\nmore: 1")[1] == [
        "i.yaml, line 1: services.?: '?' is no name; use up to 100 letters, digits, spaces and _ . : / -",
        "i.yaml, line 1: services.?.documents: 'https://' is no URL of a website; write it as https://host/path",
        "i.yaml, line 1: services.b.documents: this is missing",
        "i.yaml, line 2: more: there is no such field; known are services, logins",
    ]
    assert read("services: [")[1]


def test_a_circle_of_parents_is_named_for_each_of_its_members() -> None:
    _, found = read(
        "services:\n  a: {documents: x, parent: b}\n  b: {documents: x, parent: a}\n  c: {documents: x, parent: b}\n"
        "  d: {documents: x, parent: e}\n  e: {documents: x, parent: gone}"
    )
    assert found == [
        "i.yaml, line 2: services.a.parent: a is below b is below a; a service cannot be below itself",
        "i.yaml, line 3: services.b.parent: b is below a is below b; a service cannot be below itself",
        "i.yaml, line 6: services.e.parent: there is no service 'gone'; known are a, b, c, d, e",
    ]


@pytest.mark.parametrize(("text", "expected"), [("200", (200, 200)), ("2XX", (200, 299)), ("200 - 204", (200, 204))])
def test_statuses(text: str, expected: tuple[int, int]) -> None:
    assert parse_statuses(text) == expected


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/shop.yaml").write_text(DOCUMENT)
    return tmp_path


def write(folder: Path, fields: str) -> Path:
    file = folder / "interfaces.yaml"
    lines = "\n".join(f"    {line}" for line in fields.splitlines())
    file.write_text(f"services:\n  shop:\n    documents: specs/shop.yaml\n{lines}\n")
    return file


def test_a_service_chooses_what_is_probed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_VERSION", "v7")
    check = check_interfaces(
        write(
            folder,
            "base_urls: [https://a.example, https://b.example]\nparameters: {id: 1, v: '${SHOP_VERSION}'}\n"
            "operations: {order: {parameters: {id: 4711}}}\ninclude: {tags: [orders]}\nexclude: {paths: ['/admin/*']}\n"
            "allow: [search]",
        )
    )
    assert check.problems == ()
    [service] = check.services
    assert [probe.url for probe in service.probes] == [
        "https://a.example/orders/4711?v=v7", "https://a.example/search",
        "https://b.example/orders/4711?v=v7", "https://b.example/search",
    ]  # fmt: skip
    assert (service.operations, service.skipped, service.defects) == (4, 2, 0)
    [order, _, *_] = service.probes
    assert [one.value.origin for one in order.parameters if one.value] == [ValueOrigin.FIXED, ValueOrigin.ENVIRONMENT]
    reasons = {one.operation.name: [detail for _, detail in one.reasons] for one in service.selections[0].skipped}
    assert reasons == {
        "GET /admin/users": ["path /admin/* is excluded"],
        "GET /health": ["it is not among those that are included"],
    }


def test_operations_are_included_and_excluded_by_method_and_name(folder: Path) -> None:
    check = check_interfaces(
        write(folder, "include: {operations: [health, GET /admin/users]}\nexclude: {methods: [get]}")
    )
    assert check.services[0].probes == ()
    check = check_interfaces(write(folder, "include: {operations: [health]}\nparameters: {id: ''}"))
    assert [probe.operation.name for probe in check.services[0].probes] == ["GET /health"]
    check = check_interfaces(write(folder, "exclude: {tags: [orders]}"))
    assert [probe.operation.name for probe in check.services[0].probes] == ["GET /health"]


def test_documents_and_operations_that_are_not_there_are_problems(folder: Path) -> None:
    file = write(folder, "allow: [serch]\nroot: specs")
    assert [problem.message for problem in check_interfaces(file).problems] == [
        "no document has an operation 'serch', did you mean search?"
    ]
    file.write_text("services:\n  a: {documents: gone.yaml, allow: [x]}\n  b: {documents: interfaces.yaml}\n")
    found = [(problem.line, problem.field, problem.message) for problem in check_interfaces(file).problems]
    assert found == [
        (2, "services.a.documents", f"{folder}/gone.yaml: there is no such file or folder"),
        (3, "services.b.documents", f"{file}: this is no OpenAPI document: it has neither openapi nor swagger"),
    ]
    with pytest.raises(ConfigurationError, match="cannot be read"):
        check_interfaces(folder / "gone.yaml")


def test_the_command_shows_services_and_problems(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(write(folder, "parameters: {id: '${UNSET_9}'}"))
    assert run(["interfaces", "validate", file, "--syntax"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split() == ["shop", "15", "min", "1", "4", "3", "1", "0", "0"]
    assert err == "1 services, no problems\n"
    assert run(["interfaces", "validate", file]) == 1
    assert capsys.readouterr().out.startswith(
        f"{file}, line 4: services.shop.parameters.id: the environment has no UNSET_9; set it, or UNSET_9_FILE\n"
    )
    assert run(["interfaces", "validate", file, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["valid"], found["problems"][0]["line"], found["services"][0]["operations"]) == (False, 4, 4)
    Path(file).write_text("services: {}")
    assert run(["interfaces", "validate", file]) == 1
    assert run(["interfaces", "validate", str(folder / "gone.yaml")]) == 2


def test_no_secret_of_the_environment_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_KEY", "s3cret-value")
    file = write(folder, "headers: {X-Api-Key: '${SHOP_KEY}'}\nparameters: {id: '${SHOP_KEY}'}")
    for option in ([], ["--json"]):
        assert run(["interfaces", "validate", str(file), *option]) == 0
        assert "s3cret-value" not in "".join(capsys.readouterr())
    assert "s3cret-value" not in repr(check_interfaces(file).services[0].config)
