"""An event of the log is a literal `noun_verb_ed`, so that it can be searched for, counted and alerted on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from scripts.linters.source import Module, Violation, run_linter

EVENT = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
IRREGULAR = frozenset({"began", "begun", "found", "left", "lost", "read", "set", "sent", "taken", "written"})
"""Past forms that do not end in -ed."""
LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
LOGGERS = frozenset({"log", "logger", "_log"})
PASSES_ON = "app/logging.py"
"""Writes the literals that each `OutageLog` is made with."""
OUTAGE = "OutageLog"
OUTAGE_EVENTS = ("_failed", "_recovered")
"""What the two events of an outage end with."""


def unnamed_events(modules: Sequence[Module]) -> Iterator[Violation]:
    for module in modules:
        for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
            if module.name != PASSES_ON and is_log_call(call) and not is_event(call.args[:1]):
                yield Violation(module.name, call.lineno, "the event of a log line is a literal such as 'run_failed'")
            if is_outage(call) and not names_outage(call.args):
                yield Violation(module.name, call.lineno, "an outage has two literal events, x_failed and x_recovered")


def is_log_call(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Name(id=logger), attr=level):
            return logger in LOGGERS and level in LEVELS
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr=logger), attr=level):
            return logger in LOGGERS and level in LEVELS
        case ast.Attribute(value=ast.Call(func=ast.Attribute(attr="get_logger")), attr=level):
            return level in LEVELS
    return False


def is_event(arguments: Sequence[ast.expr]) -> bool:
    match arguments:
        case [ast.Constant(value=str(event))]:
            words = event.split("_")
            return EVENT.fullmatch(event) is not None and any(is_past(word) for word in words[1:])
    return False


def is_past(word: str) -> bool:
    return word.endswith("ed") or word in IRREGULAR


def is_outage(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == OUTAGE


def names_outage(arguments: Sequence[ast.expr]) -> bool:
    events = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
    pairs = [(event, ending) for event, ending in zip(events, OUTAGE_EVENTS, strict=False) if isinstance(event, str)]
    return len(pairs) == len(arguments) == 2 and all(event.endswith(ending) for event, ending in pairs)


if __name__ == "__main__":
    raise SystemExit(run_linter(unnamed_events))
