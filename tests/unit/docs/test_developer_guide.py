"""What CLAUDE.md says is true: what it names is there, and each thing is added where it says and nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from app.alerting.delivery.channels.registry import KINDS
from app.alerting.rules.runbook import PATH as RUNBOOK_PATH
from app.entsoe.items import ITEMS
from app.market.areas import areas
from app.market.series import DataItem
from app.quality.rules.hard_rules import HARD_RULES
from app.sandbox.items import SYNTHETIC
from app.scheduling.jobs.declaration import DECLARED
from app.scheduling.jobs.retention import RETENTIONS, retention_table
from app.scheduling.plan import RULES
from app.settings import ApiSettings, Settings, variables
from app.web.api.openapi import routes_table
from app.web.pages import PATHS
from app.web.pages.application import MODULES as PAGE_MODULES
from app.web.pages.languages import languages
from app.web.routes.v1.api import MODULES, create_api
from scripts.dashboards import build

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "CLAUDE.md").read_text(encoding="utf-8")
LONGEST = 85
"""Lines: what is longer is not read."""

PATH_PATTERNS = [re.sub(r"\{[^}]*\}", ".+", path) + "$" for path in PATHS]
APP = ROOT / "app"
MIGRATIONS = APP / "db" / "migrations" / "versions"
ASKED_FOR = (ast.Module, ast.Attribute, ast.Call, ast.ClassDef, ast.Constant, ast.ImportFrom)

pytestmark = pytest.mark.xdist_group("sources")


# What the guide names


def added() -> dict[str, list[str]]:
    """The table of where things are added: what, and the paths that its line names."""
    table = GUIDE.partition("## Where things are added\n")[2]
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", table, re.MULTILINE)
    return {what: paths(where) for what, where in rows if what != "to add"}


def paths(text: str) -> list[str]:
    """What stands between back-quotes and looks like a path."""
    return [path for path in re.findall(r"`([^` ]+)`", text) if "/" in path]


def test_it_is_short_enough_to_be_read() -> None:
    assert len(GUIDE.splitlines()) <= LONGEST


def test_every_path_that_it_names_is_there() -> None:
    layout = re.findall(r"^(app/\S+) ", GUIDE, re.MULTILINE)
    named = {*layout, *paths(GUIDE), *re.findall(r"\]\(([^)]+)\)", GUIDE)}
    assert len(named) > 40
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_the_layout_names_every_package() -> None:
    packages = {f"app/{entry.name}/" for entry in APP.iterdir() if entry.is_dir() and entry.name != "__pycache__"}
    assert packages - set(re.findall(r"^(app/\w+/) ", GUIDE, re.MULTILINE)) == set()


def test_the_inner_packages_of_the_layout_are_there() -> None:
    for package, text in re.findall(r"^(app/\w+/) +(.+)$", GUIDE, re.MULTILINE):
        for inner in re.findall(r"\b(\w+)/", text):
            assert any((APP / package.split("/")[1]).rglob(inner)), f"{package}{inner}/"


def test_every_command_of_make_that_it_names_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", GUIDE))
    assert named
    assert named - targets == set()


def test_every_linter_runs_in_the_gate() -> None:
    [rules] = re.findall(r"for rule in ([a-z_ ]+);", (ROOT / "Makefile").read_text(encoding="utf-8"))
    written = {path.stem for path in (ROOT / "scripts" / "linters").glob("*.py")} - {"__init__", "source"}
    assert set(rules.split()) == written


# What each line of the table claims


@cache
def modules() -> dict[str, list[ast.AST]]:
    """Of each module of the program but migrations the nodes that are asked for here, the module itself first."""
    files = (path for path in sorted(APP.rglob("*.py")) if MIGRATIONS not in path.parents)
    return {str(path.relative_to(ROOT)): asked_for(path) for path in files}


def asked_for(path: Path) -> list[ast.AST]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, ASKED_FOR)]


def members(name: str) -> dict[str, set[str]]:
    """Of each module the members of an enumeration that it names."""
    return {
        path: {
            node.attr
            for node in nodes
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
        }
        for path, nodes in modules().items()
    }


def texts(nodes: Iterable[ast.AST]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def naming_all(wanted: Iterable[str], found: dict[str, set[str]]) -> set[str]:
    """The modules that name every one: whoever adds another has to write there."""
    return {path for path, names in found.items() if set(wanted) <= names}


def importers(package: str) -> Iterator[str]:
    """The modules outside of a package that import from it."""
    for path, nodes in modules().items():
        imported = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        if any(f"{name}.".startswith(f"{package}.") for name in imported) and not path.startswith(
            package.replace(".", "/")
        ):
            yield path


def data_item(where: list[str]) -> None:
    tables = naming_all(DataItem.__members__, members("DataItem"))
    assert {"app/market/series.py", *tables} == set(where) - {"app/quality/rules/series_kinds.py"}
    assert set(ITEMS) == set(SYNTHETIC) == set(DataItem)
    assert len(where) == 4


def area(where: list[str]) -> None:
    codes = set(areas())
    lines = {path: set(re.findall(r"[\w]+", " ".join(texts(nodes)))) for path, nodes in modules().items()}
    assert naming_all(codes, lines) == set(where) == {"app/market/areas.py"}


def source(where: list[str]) -> None:
    packages = [path for path in (APP / "sources").iterdir() if (path / "__init__.py").exists()]
    assert packages
    for package in packages:
        # `gridkeeper parse` reads documents of this platform, whatever is collected.
        wired = set(importers(f"app.sources.{package.name}")) - {"app/cli/files/parse.py"}
        assert {"app/sources/", *wired} == set(where)


def setting(where: list[str]) -> None:
    assert where == ["app/settings/"]
    fields = {
        (section, field)
        for section, info in Settings.model_fields.items()
        for field in getattr(info.annotation, "model_fields", {"": None})
    }
    assert len(fields) == len(variables())
    # Each section is one class in one module, and what stands nowhere else follows from it.
    sections = [info.annotation for info in Settings.model_fields.values() if hasattr(info.annotation, "model_fields")]
    assert len({section.__module__ for section in sections if section}) >= 9
    assert all(str(section.__module__).startswith("app.settings.") for section in sections if section)


def table(where: list[str]) -> None:
    assert where == ["app/db/migrations/versions/", "docs/data-model.md", "docs/views.md"]
    written = "\n".join(path.read_text(encoding="utf-8") for path in MIGRATIONS.glob("v*.py"))
    tables = set(re.findall(r"create (?:unlogged )?table (\w+)", written)) | {"collection_hourly", "collection_daily"}
    views = set(re.findall(r'^    "(v_\w+)": \(', written, re.MULTILINE))
    assert (len(tables) > 30, len(views) > 15) == (True, True)
    model, shown = ((ROOT / name).read_text(encoding="utf-8") for name in where[1:])
    assert {name for name in tables if f"`{name}`" not in model} - {"areas", "psr_types"} == set()
    assert {name for name in views if f"\n## {name}\n" not in shown} == set()


def retention(where: list[str]) -> None:
    assert where == ["app/scheduling/jobs/retention.py", "docs/data-model.md"]
    declared = {path for path, nodes in modules().items() for node in nodes if is_call(node, "Retention")} - {where[0]}
    listing = set(importers_of(where[0]))
    # Each module that declares some is imported by the list, which is what the document shows.
    assert len(declared) >= 7
    assert declared - listing == set()
    assert {one.table for one in RETENTIONS} <= set(re.findall(r"`(\w+)`", retention_table()))
    assert retention_table() in (ROOT / where[1]).read_text(encoding="utf-8")


def is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def importers_of(module: str) -> Iterator[str]:
    """The modules that one imports from."""
    for node in modules()[module]:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield f"{node.module.replace('.', '/')}.py"
            yield from (f"{node.module.replace('.', '/')}/{alias.name}.py" for alias in node.names)


def job(where: list[str]) -> None:
    assert where == ["app/scheduling/jobs/", "config/examples/collection.yaml"]
    kinds = set(DECLARED)
    elsewhere = {path: texts(nodes) & kinds for path, nodes in modules().items() if not path.startswith(where[0])}
    # The plan, the dispatcher and the metrics follow from the declarations: none of them lists the kinds.
    assert {path for path, named in elsewhere.items() if len(named) > len(kinds) / 3} == set()
    for declared in DECLARED.values():
        assert declared.handler.__module__.startswith("app.scheduling.jobs.")
    example = (ROOT / where[1]).read_text(encoding="utf-8")
    assert [name for name in RULES if f"  {name}:" not in example] == []


def channel(where: list[str]) -> None:
    folder, registry = where
    found = {
        path.stem for path in (ROOT / folder).glob("*.py") if re.search(r"^def read\(", path.read_text(), re.MULTILINE)
    }
    assert found == set(KINDS)
    # The channels of another program's files are named where those are read.
    others = "app/alerting/sqlsentinel/"
    named = {path: texts(nodes) for path, nodes in modules().items() if not path.startswith(others)}
    assert naming_all(KINDS, named) == {registry}
    # Names that are no words of everyday say so one by one.
    for kind in set(KINDS) - {"email", "log"}:
        assert {path for path, names in named.items() if kind in names} == {f"{folder}{kind}.py", registry}


def alert_rule(where: list[str]) -> None:
    folder, runbook = where
    shipped = {
        name
        for path in (ROOT / folder).glob("*.yaml")
        for name in re.findall(r"^  - name: (\w+)$|^  (\w+):$", path.read_text(encoding="utf-8"), re.MULTILINE)
        for name in name
        if name
    }
    sections = set(re.findall(r"^## (\w+)$", (ROOT / runbook).read_text(encoding="utf-8"), re.MULTILINE))
    assert len(shipped) >= 20
    assert sections == shipped
    assert RUNBOOK_PATH == "runbook"


def hard_rule(where: list[str]) -> None:
    rules = {one.rule.name for one in HARD_RULES}
    assert {"app/quality/models.py", *naming_all(rules, members("EvidenceRule"))} == set(where)
    assert len(where) == 3


def panel(where: list[str]) -> None:
    assert where == ["dashboards/panels/"]
    for name, text in build().items():
        assert (ROOT / "dashboards" / name).read_text(encoding="utf-8") == text
        assert (ROOT / where[0] / name).with_suffix(".yaml").exists()


def resource(where: list[str]) -> None:
    assert where == ["app/schemas.py"]
    models = {
        path
        for path, nodes in modules().items()
        for node in nodes
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Resource" for base in node.bases)
    }
    assert len(models) > 8
    assert {path for path in models if not path.endswith("/schemas.py")} == set()
    assert {path for path in models if path.startswith(("app/cli/", "app/web/"))} == set()


def route(where: list[str]) -> None:
    folder, includer, document = where
    table = routes_table(create_api(None, ApiSettings()).openapi())
    assert table in (ROOT / document).read_text(encoding="utf-8")
    modules_of = {path.stem for path in (ROOT / folder).rglob("*.py")} - {"__init__", "api"}
    assert {module.__name__.rpartition(".")[2] for module in MODULES} == modules_of
    assert includer == f"{folder}api.py"
    makers = {path for path, nodes in modules().items() if any(is_call(node, "api_router") for node in nodes)}
    assert {path for path in makers if not path.startswith(folder)} == set()


def page(where: list[str]) -> None:
    folder, includer, addresses, templates, looked_at, document = where
    makers = {
        path
        for path, nodes in modules().items()
        if any(is_call(node, "page_router") for node in nodes) and path.startswith(folder)
    }
    assert {f"{module.__name__.replace('.', '/')}.py" for module in PAGE_MODULES} == makers
    shown = {route.path for module in PAGE_MODULES for route in module.router.routes}
    assert {path for path in shown if not any(re.match(known, path) for known in PATH_PATTERNS)} == set()
    assert (includer, addresses) == (f"{folder}application.py", f"{folder}__init__.py")
    assert any((ROOT / templates).glob("*.html"))
    written = [(ROOT / name).read_text(encoding="utf-8") for name in (looked_at, document)]
    plain = {route.path for module in PAGE_MODULES for route in module.router.routes if "GET" in route.methods}
    assert {path for path in plain if not all(path.partition("{")[0] in text for text in written)} == set()


def page_text(where: list[str]) -> None:
    [folder] = where
    kept = {path.parents[1].name for path in (ROOT / folder).rglob("*.po")}
    assert {*kept, "en"} == set(languages())


def command(where: list[str]) -> None:
    assert where == ["app/cli/"]
    line = {path: nodes for path, nodes in modules().items() if path.startswith(where[0])}
    calls = [(path, node) for path, nodes in line.items() for node in nodes if isinstance(node, ast.Call)]
    named = {text for _, node in calls if is_call(node, "Lazy") for text in texts(ast.walk(node.args[0]))}
    written = {
        f"{path.removesuffix('.py').replace('/', '.')}:{node.name}"
        for path, [module, *_] in line.items()
        if isinstance(module, ast.Module)
        for node in module.body
        if isinstance(node, ast.FunctionDef) and node.name.endswith("_command")
    }
    assert len(named) > 50
    # What a group does without a command is its callback.
    assert written - named == {"app.cli.quality.findings:findings_command"}
    # A command is written down once: nothing hands options on to another.
    assert [path for path, node in calls if isinstance(node.func, ast.Name) and node.func.id.endswith("_command")] == []


def decision(where: list[str]) -> None:
    [folder] = where
    files = sorted((ROOT / folder).glob("*.md"))
    numbers = [int(file.name[:4]) for file in files]
    assert numbers == sorted(set(numbers))
    for number, file in zip(numbers, files, strict=True):
        assert file.read_text(encoding="utf-8").startswith(f"# {number}. ")


CLAIMS: dict[str, Callable[[list[str]], None]] = {
    "a data item": data_item,
    "an area or border": area,
    "a source": source,
    "a setting": setting,
    "a command": command,
    "a resource as JSON": resource,
    "a route": route,
    "a page": page,
    "a text of a page": page_text,
    "a table": table,
    "rows deleted when old": retention,
    "a periodic job": job,
    "a channel": channel,
    "a shipped alert rule": alert_rule,
    "a hard rule of quality": hard_rule,
    "a dashboard panel": panel,
    "a choice that others will question": decision,
}


def test_every_line_has_a_test_and_every_test_a_line() -> None:
    assert list(added()) == list(CLAIMS)


@pytest.mark.parametrize("what", CLAIMS)
def test_things_are_added_where_the_guide_says(what: str) -> None:
    CLAIMS[what](added()[what])
