"""The tables of commands: their lines of help are those of the commands, and help loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from app.cli import cli, run
from app.cli.lazy_group import Lazy, LazyGroup, lazy_typer

ROOT = Path(__file__).parents[3]
HEAVY = frozenset(
    {
        "app.settings", "app.logging", "app.lifecycle", "app.wiring", "asyncio", "asyncpg", "dependency_injector", "fastapi",
        "httpx", "lxml", "numpy", "pyarrow", "rich", "sqlalchemy", "structlog", "yaml",
    }
)  # fmt: skip
WALK = """
import contextlib, io, sys
from app.cli import run

with contextlib.redirect_stdout(io.StringIO()):
    for words in sys.stdin.read().splitlines():
        assert run(words.split()) == 0, words
print(*sys.modules)
"""


def walked(group: LazyGroup, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Lazy, Any]]:
    """Each command and group below, by the words that call it: its line of the table, and what that loads."""
    for name, line in group.table.items():
        loaded = group.commands[name]
        yield (*words, name), line, loaded
        if isinstance(loaded, LazyGroup):
            yield from walked(loaded, (*words, name))


def everything() -> list[tuple[tuple[str, ...], Lazy, Any]]:
    root = get_command(cli)
    assert isinstance(root, LazyGroup)
    return list(walked(root))


def loaded_by(*commands: str) -> set[str]:
    """The modules that a process has loaded after these commands."""
    done = subprocess.run(
        [sys.executable, "-c", WALK], input="\n".join(commands), capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_the_line_of_the_table_is_the_first_line_of_the_help() -> None:
    found = everything()
    assert len(found) > 50
    assert [words for words, line, loaded in found if loaded.help.partition("\n")[0] != line.help] == []
    assert [words for words, line, loaded in found if loaded.hidden != line.hidden] == []


def test_a_command_is_declared_in_one_place() -> None:
    targets = [line.target for _, line, loaded in everything() if not loaded.hidden]
    assert sorted(targets) == sorted(set(targets))


@pytest.mark.parametrize("command", ["--help", "--version", "alerts --help", "gaps --help", "quality findings --help"])
def test_help_at_the_first_levels_loads_the_command_line_only(command: str) -> None:
    loaded = loaded_by(command)
    ours = {name for name in loaded if name.startswith("app.") and not f"{name}.".startswith("app.cli.")}
    assert ours <= {"app.errors", "app.clock"}
    assert loaded & (HEAVY | {"pydantic"}) == set()


def test_the_help_of_no_command_loads_what_only_its_work_needs() -> None:
    assert loaded_by(*(f"{' '.join(words)} --help" for words, _, _ in everything())) & HEAVY == set()


def test_an_unknown_command_is_named_with_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alerts", "silense"]) == 2
    assert "No such command 'silense'. Did you mean 'silence'" in capsys.readouterr().err


def group_of(table: Mapping[str, Lazy]) -> LazyGroup:
    group = typer.main.get_group(lazy_typer(table))
    assert isinstance(group, LazyGroup)
    return group


def test_a_module_that_does_not_load_is_no_unknown_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_commands.py").write_text("{}['missing']\n")
    monkeypatch.syspath_prepend(tmp_path)
    group = group_of({"broken": Lazy("broken_commands:broken", "Breaks.")})
    with pytest.raises(KeyError, match="missing"):
        group.get_command(None, "broken")
    assert group.get_command(None, "unknown") is None


def test_every_target_is_a_function_or_a_group_of_the_command_line() -> None:
    for _, line, _ in everything():
        module, _, name = line.target.partition(":")
        assert module.startswith("app.cli.")
        target = getattr(import_module(module), name)
        assert isinstance(target, typer.Typer) or target.__module__ == module
