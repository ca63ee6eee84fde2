"""Each linter reports what breaks its rule and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.linters.construction import stray_constructions
from scripts.linters.front_doors import shapes_in_front_doors
from scripts.linters.house_words import house_words
from scripts.linters.log_events import unnamed_events
from scripts.linters.sizes import MOST_LINES, MOST_MODULES, MOST_WIRING_LINES, outgrown
from scripts.linters.source import Linter, parse_module
from scripts.linters.sql_places import ALLOWED, misplaced_statements
from scripts.linters.unique_names import duplicate_names

ROOT = Path(__file__).parents[3]


def lines(linter: Linter, *modules: tuple[str, str]) -> list[tuple[str, int]]:
    return [(found.module, found.line) for found in linter([parse_module(*module) for module in modules])]


def test_a_public_name_has_one_definition() -> None:
    first, second = ("app/a.py", "class Claim: ...\n"), ("app/b.py", "import os\nclass Claim: ...\n")
    assert lines(duplicate_names, first, second) == [("app/b.py", 2)]


@pytest.mark.parametrize(
    "text", ["class _Claim: ...", "def read(): ...", "CLAIM = 1", "class A:\n    class Claim: ...", "claim = 2"]
)
def test_private_allowed_and_inner_names_may_come_again(text: str) -> None:
    assert lines(duplicate_names, ("app/a.py", text), ("app/b.py", text)) == (
        [("app/b.py", 1)] if text[6] == "A" else []
    )


def test_commands_of_two_groups_may_have_one_name_but_their_classes_may_not() -> None:
    text = "def pause(): ...\nclass View: ...\n"
    assert lines(duplicate_names, ("app/cli/jobs.py", text), ("app/cli/alerts.py", text)) == [("app/cli/alerts.py", 2)]


@pytest.mark.parametrize(
    ("call", "reported"),
    [
        ("log.info('run_failed', area='FR')", False),
        ("self._log.warning('lease_taken_over')", False),
        ("math.log.info()", False),
        ("log.info('delivery failed')", True),
        ("log.warning(f'{event}_recovered')", True),
        ("log.error(event)", True),
        ("log.info('Failed')", True),
        ("log.info('rollups_wait')", True),
        ("structlog.get_logger().info('service_stopped')", False),
        ("structlog.get_logger().info('stopped')", True),
        ("OutageLog('tick_failed', 'tick_recovered', level='error')", False),
        ("OutageLog('tick_failed', 'tick_worked')", True),
        ("OutageLog('tick_failed')", True),
        ("OutageLog(event, f'{event}_recovered')", True),
    ],
)
def test_an_event_of_the_log_is_a_literal_name(call: str, *, reported: bool) -> None:
    assert bool(lines(unnamed_events, ("app/a.py", call))) is reported


@pytest.mark.parametrize(
    ("name", "text", "reported"),
    [
        ("app/alerting/state/apply.py", "STATEMENT = 'select a from b'", True),
        ("app/cli/status.py", "run('''\n  insert into b values (1)''')", True),
        ("app/web/app.py", "run(f'delete from b where a = {1}')", True),
        ("app/alerting/evaluation/sql.py", "STATEMENT = 'select a from b'", False),
        ("app/quality/repository.py", "STATEMENT = 'update b set a = 1'", False),
        ("app/db/leader.py", "STATEMENT = 'select a from b'", False),
        ("app/cli/status.py", "'''select a thing from a list'''", False),
        ("app/cli/status.py", "HELP = 'updates set nothing; select one'", False),
    ],
)
def test_statements_stand_in_their_places(name: str, text: str, *, reported: bool) -> None:
    assert bool(lines(misplaced_statements, (name, text))) is reported


@pytest.mark.parametrize(
    ("name", "text", "reported"),
    [
        ("app/cli/jobs.py", "import json", True),
        ("app/cli/jobs/list.py", "from app.kit.json_text import dumps", True),
        ("app/cli/output.py", "from app.kit.json_text import dumps", False),
        ("app/scheduling/repository.py", "import json", False),
        ("app/web/routes/v1/jobs.py", "class JobResource(Resource): ...", True),
        ("app/cli/jobs.py", "class Counts(pydantic.RootModel[dict[str, int]]): ...", True),
        ("app/cli/jobs.py", "class Follower: ...", False),
        ("app/web/health.py", "JSONResponse({'status': 'alive'}, 200)", True),
        ("app/web/health.py", "JSONResponse(jsonable(content), 200)", False),
        ("app/scheduling/models.py", "class JobResource(Resource): ...", True),
        ("app/scheduling/schemas.py", "class JobResource(Resource): ...", False),
    ],
)
def test_the_shape_of_a_resource_stands_in_its_domain(name: str, text: str, *, reported: bool) -> None:
    assert bool(lines(shapes_in_front_doors, (name, text))) is reported


@pytest.mark.parametrize(
    ("name", "reported"), [("app/cli/gaps.py", True), ("app/wiring/collection.py", False), ("app/web/app.py", True)]
)
def test_services_are_built_in_the_wiring(name: str, *, reported: bool) -> None:
    assert bool(lines(stray_constructions, (name, "service = GapService(repository)"))) is reported
    assert lines(stray_constructions, (name, "services = list(all_services)")) == []


def test_a_repository_builds_the_readers_that_it_hands_out() -> None:
    own = "class ScanReader: ...\ndef reading(): return ScanReader()"
    assert lines(stray_constructions, ("app/quality/repository.py", own)) == []


@pytest.mark.parametrize("module", ALLOWED)
def test_modules_that_may_hold_statements_for_a_reason_hold_some(module: str) -> None:
    text = (ROOT / module).read_text(encoding="utf-8")
    assert lines(misplaced_statements, (module, text)) == []
    assert lines(misplaced_statements, ("app/elsewhere/module.py", text)) != []


@pytest.mark.parametrize("text", ["def lay(): ...", "told_at = 1", "class Tally: ...", "def f(owed): ..."])
def test_words_of_the_house_are_refused(text: str) -> None:
    assert lines(house_words, ("app/a.py", text)) == [("app/a.py", 1)]


@pytest.mark.parametrize("text", ["layer = 1", "display = 1", "relay_told_nothing()", "def delay(): ..."])
def test_words_that_only_contain_them_pass(text: str) -> None:
    assert lines(house_words, ("app/a.py", text)) == []


@pytest.mark.parametrize(
    ("name", "most"), [("app/kit/a.py", MOST_LINES), ("app/wiring/a.py", MOST_WIRING_LINES)], ids=["module", "wiring"]
)
def test_a_module_has_so_many_lines_at_most(name: str, most: int) -> None:
    assert lines(outgrown, (name, "a = 1\n" * most)) == []
    assert lines(outgrown, (name, "a = 1\n" * (most + 1))) == [(name, most + 1)]


def test_a_package_has_so_many_modules_of_its_own_at_most() -> None:
    full = [(f"app/kit/m{number:02}.py", "") for number in range(MOST_MODULES)]
    beside = [("app/kit/__init__.py", ""), ("app/kit/yaml/tree.py", "")]
    assert lines(outgrown, *full, *beside) == []
    assert lines(outgrown, *full, ("app/kit/z.py", ""), *beside) == [("app/kit/z.py", 1)]
