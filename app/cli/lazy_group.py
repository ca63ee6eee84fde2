"""A group of commands that knows their names and lines of help, and loads one when it is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command, or a group of them, by where it stands: the `module:name` of its function, or of the group's `Typer`.

    `help` is its line in the help of the group above. A function says it as the first line of its docstring, too, which
    tests/unit/cli/test_lazy_group.py holds; a group has it from here.
    """

    target: str
    help: str
    hidden: bool = False

    def load(self, name: str) -> Any:
        """The command as the library has it."""
        module, _, attribute = self.target.partition(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            only = plain_typer()
            only.command(name, hidden=self.hidden)(found)
            return typer.main.get_command(only)
        group = typer.main.get_group(found)
        group.name, group.help, group.hidden = name, self.help, self.hidden
        return group


class LoadedWhenAsked(Mapping[str, Any]):
    """The commands of a table by their names; each is loaded when it is asked for."""

    def __init__(self, table: Mapping[str, Lazy]) -> None:
        self._table = table
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = self._table[name].load(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


class LazyGroup(TyperGroup):
    """What is in the table, in its order; the help of the group itself imports none of it."""

    table: ClassVar[Mapping[str, Lazy]] = {}

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = LoadedWhenAsked(self.table)  # type: ignore[assignment]  # it is only read

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  the library calls it so
        # Not by `get`, which would take a KeyError of a module for a name that is not there.
        return self.commands[cmd_name] if cmd_name in self.table else None

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  the library calls it so
        return list(self.table)

    def get_help_option(self, ctx: Any) -> Any:
        """As the library's; where it is not given the library would load pydantic to find that None is no flag."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        lines = {name: TyperCommand(name, help=one.help, hidden=one.hidden) for name, one in self.table.items()}
        TyperGroup(commands=dict(lines)).format_commands(ctx, formatter)


def lazy_typer(table: Mapping[str, Lazy], cls: type[LazyGroup] = LazyGroup, **settings: Any) -> typer.Typer:
    """A group of the commands of a table."""
    return plain_typer(cls=type(cls.__name__, (cls,), {"table": table}), **settings)


def plain_typer(**settings: Any) -> typer.Typer:
    """The library's application as each of our commands and groups is one: help is plain text, errors are ours."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **settings)
