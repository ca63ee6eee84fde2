"""`gridkeeper alerts check`, `rules`, `try` and `run`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from pathlib import Path

import typer

from app.alerting.evaluation.evaluator import RuleEvaluator
from app.alerting.evaluation.schemas import EvaluationResource, TriedRuleResource
from app.alerting.models import Evaluation, EvaluationStatus, Rule
from app.alerting.queries import QueryRow
from app.alerting.rules.book import Book, RuleFile, files_of, named_files, read_book
from app.alerting.rules.reload import RuleBook
from app.alerting.rules.schedules import NEVER
from app.alerting.rules.schemas import RuleBookCheckResource, RuleResource
from app.alerting.secrets import without_secrets
from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.output import print_json
from app.cli.tables import print_table, printable, single_line
from app.clock import SystemClock
from app.errors import ConfigurationError
from app.kit.durations import show_duration
from app.kit.yaml.fields import suggestion
from app.lifecycle import services
from app.logging import configure_logging
from app.market.time import iso
from app.settings import Settings, load_settings

MOST_ROWS = 20
RULE_COLUMNS = ("rule", "severity", "schedule", "next slot", "threshold", "for", "where")


def check_command(path: Path | None, *, as_json: bool, syntax: bool = False) -> int:
    """Every problem of the rules; 0 where there is none."""
    settings = load_settings()
    files = _files(path or settings.alerting.rules_dir, named=path is not None)
    with without_secrets() if syntax else nullcontext():
        reading = read_book(files)
    if as_json:
        print_json(RuleBookCheckResource.of(reading), letters=True)
    else:
        for problem in reading.problems:
            sys.stdout.write(f"{printable(str(problem))}\n")
        problems = f"{len(reading.problems)} problems" if reading.problems else "no problems"
        _say(f"{reading.book.own} rules of yours and {reading.book.shipped} shipped ones are valid, {problems}")
    return UNAVAILABLE if reading.problems else OK


def _files(path: Path, *, named: bool) -> list[RuleFile]:
    if not named:
        return files_of(path)
    if not path.exists():
        raise ConfigurationError(f"there is no file or folder {path}")
    try:
        return named_files(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from None


def rules_command(*, as_json: bool) -> int:
    """The whole book."""
    book, now = _book(load_settings()), SystemClock().now()
    rules = sorted(book.rules.values(), key=lambda rule: (rule.built_in, rule.name))
    if as_json:
        print_json([RuleResource.of(rule, now) for rule in rules], letters=True)
        return OK
    rows = []
    for rule in rules:
        slot = rule.schedule.next_slot(now)
        due = "disabled" if not rule.enabled else "never" if slot == NEVER else iso(slot)
        hold = show_duration(rule.hold) if rule.hold else ""
        where = "shipped" if rule.built_in else rule.origin
        rows.append((rule.name, rule.severity.value, str(rule.schedule), due, str(rule.threshold or ""), hold, where))
    print_table(RULE_COLUMNS, rows)
    return OK


def _book(settings: Settings) -> Book:
    configure_logging(settings.log)
    return RuleBook.of(settings.alerting).check()


def try_command(name: str | None, file: Path | None, *, as_json: bool) -> int:
    """Evaluates rules and shows what they find; writes nothing."""
    settings = load_settings()
    rules, book = _chosen(settings, name, file)
    tried = asyncio.run(_try(settings, rules, book))
    if as_json:
        print_json([TriedRuleResource.of_rows(rows, evaluation) for _, rows, evaluation in tried], letters=True)
    else:
        for rule, rows, evaluation in tried:
            _show_tried(rule, rows, evaluation)
    return UNAVAILABLE if any(one.verdict is EvaluationStatus.ERROR for _, _, one in tried) else OK


def _chosen(settings: Settings, name: str | None, file: Path | None) -> tuple[list[Rule], Book]:
    """The rules to try: one of the book, or those of a file."""
    if file is not None:
        book = read_book(_files(file, named=True)).checked()
        found = [rule for rule in book.rules.values() if not rule.built_in and name in {None, rule.name}]
        if not found:
            raise ConfigurationError(f"{file} has no rule{f' {name!r}' if name else ''}; write it under `rules:`")
        return found, book
    if name is None:
        raise ConfigurationError("name a rule (`gridkeeper alerts rules` lists them), or a file with --file")
    book = _book(settings)
    if name not in book.rules:
        raise ConfigurationError(f"there is no rule {name!r}{suggestion(name, book.rules)}")
    return [book.rules[name]], book


async def _try(settings: Settings, rules: list[Rule], book: Book) -> list[tuple[Rule, list[QueryRow], Evaluation]]:
    from app.alerting.evaluation.evaluator import evaluate_rows, failed
    from app.alerting.queries import QueryFailed

    async with services(settings, _say) as wiring:
        runner = wiring.alerting().query_runners(book=lambda: book)
        evaluator = RuleEvaluator(runner)
        tried: list[tuple[Rule, list[QueryRow], Evaluation]] = []
        try:
            for rule in rules:
                now, rows = SystemClock().now(), list[QueryRow]()
                try:
                    rows = await evaluator.rows(rule, now)
                    tried.append((rule, rows, evaluate_rows(rule, rows, now)))
                except QueryFailed as error:
                    tried.append((rule, rows, failed(rule, str(error), now)))
        finally:
            await runner.close()
    return tried


def _show_tried(rule: Rule, rows: list[QueryRow], evaluation: Evaluation) -> None:
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
    _say(f"{counted}{limit}; an alert fires after {show_duration(rule.hold)}" if rule.hold else f"{counted}{limit}")


def run_command(name: str, *, as_json: bool) -> int:
    """Evaluates a rule with all that follows."""
    settings = load_settings()
    configure_logging(settings.log)
    evaluation = asyncio.run(_run(settings, name))
    if as_json:
        print_json(EvaluationResource.of(evaluation), letters=True)
    else:
        sys.stdout.write(f"{name}: {evaluation.verdict.value}, {len(evaluation.signals)} signals\n")
        if evaluation.error:
            sys.stdout.write(f"  {single_line(evaluation.error)}\n")
    return UNAVAILABLE if evaluation.verdict is EvaluationStatus.ERROR else OK


async def _run(settings: Settings, name: str) -> Evaluation:
    async with services(settings, _say) as container:
        try:
            evaluation: Evaluation = await container.alerting().service().run_rule(name)
            return evaluation
        finally:
            await container.alerting().query_runner().close()


def _cell(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())[:80]


def _say(text: str) -> None:
    typer.echo(single_line(text), err=True)
