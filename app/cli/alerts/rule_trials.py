"""Rules as they are written and what they find now."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.alerting.evaluation.evaluator import RuleEvaluator
from app.alerting.evaluation.trial import TriedRule, try_with_rows
from app.alerting.models import Evaluation, Rule
from app.alerting.rules.book import Book, RuleFile, files_of, named_files, read_book
from app.alerting.rules.reload import RuleBook
from app.cli.output import say_line
from app.cli.tables import print_table, single_line
from app.clock import SystemClock
from app.errors import ConfigurationError
from app.kit.durations import show_duration
from app.kit.yaml.fields import suggestion
from app.settings import Settings

if TYPE_CHECKING:
    from app.wiring.container import Container

MOST_ROWS = 20


def rule_book(settings: Settings) -> Book:
    return RuleBook.of(settings.alerting).check()


def rule_files(path: Path, *, named: bool) -> list[RuleFile]:
    if not named:
        return files_of(path)
    if not path.exists():
        raise ConfigurationError(f"there is no file or folder {path}")
    try:
        return named_files(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from None


def chosen_rules(settings: Settings, name: str | None, file: Path | None) -> tuple[list[Rule], Book]:
    """The rules to try: one of the book, or those of a file."""
    if file is not None:
        book = read_book(rule_files(file, named=True)).checked()
        found = [rule for rule in book.rules.values() if not rule.built_in and name in {None, rule.name}]
        if not found:
            raise ConfigurationError(f"{file} has no rule{f' {name!r}' if name else ''}; write it under `rules:`")
        return found, book
    if name is None:
        raise ConfigurationError("name a rule (`gridkeeper alerts rules` lists them), or a file with --file")
    book = rule_book(settings)
    if name not in book.rules:
        raise ConfigurationError(f"there is no rule {name!r}{suggestion(name, book.rules)}")
    return [book.rules[name]], book


async def tried_rules(wiring: Container, rules: list[Rule], book: Book) -> list[TriedRule]:
    """What each rule finds; nothing is written."""
    runner = wiring.alerting().query_runners(book=lambda: book)
    evaluator, clock = RuleEvaluator(runner), SystemClock()
    try:
        return [await try_with_rows(rule, evaluator, clock.now()) for rule in rules]
    finally:
        await runner.close()


async def evaluated_rule(wiring: Container, name: str) -> Evaluation:
    """The rule's evaluation with all that follows from it."""
    try:
        evaluation: Evaluation = await wiring.alerting().service().run_rule(name)
        return evaluation
    finally:
        await wiring.alerting().query_runner().close()


def show_tried(tried: TriedRule) -> None:
    rule, rows, evaluation = tried.rule, tried.rows, tried.evaluation
    sys.stdout.write(f"{rule.name}: {evaluation.verdict.value}\n")
    if evaluation.error:
        sys.stdout.write(f"  {single_line(evaluation.error)}\n")
    if rows:
        columns = tuple(rows[0])
        print_table(columns, [tuple(_cell(row[column]) for column in columns) for row in rows[:MOST_ROWS]])
        if len(rows) > MOST_ROWS:
            sys.stdout.write(f"and {len(rows) - MOST_ROWS} more rows\n")
    counted = f"{len(rows)} rows, {len(evaluation.signals)} of them show a fault"
    limit = f" (value {rule.threshold})" if rule.threshold else ""
    say_line(f"{counted}{limit}; an alert fires after {show_duration(rule.hold)}" if rule.hold else f"{counted}{limit}")


def _cell(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())[:80]
