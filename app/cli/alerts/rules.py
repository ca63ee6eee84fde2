"""`gridkeeper alerts check`, `rules`, `try` and `run`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.options import AsJson
from app.cli.output import print_json, say_line
from app.cli.session import ask, begin
from app.cli.tables import print_table, printable, single_line

RULE_COLUMNS = ("rule", "severity", "schedule", "next slot", "threshold", "for", "where")


def check_command(
    path: Annotated[
        Path | None, typer.Argument(help="A file, a pipe or a folder of rules; default: the configured one.")
    ] = None,
    syntax: Annotated[
        bool, typer.Option("--syntax", help="Check without the secrets that the rules refer to, as in CI.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Read the rules and list every problem with file, line, field and remedy; starts nothing.

    Example: gridkeeper alerts check config/alerts

    Exit code: 0 all rules are valid, 1 there are problems.
    """
    from app.alerting.rules.book import read_book
    from app.alerting.rules.schemas import RuleBookCheckResource
    from app.cli.alerts.rule_trials import rule_files
    from app.secrets import without_secrets
    from app.settings import load_settings

    settings = load_settings()
    files = rule_files(path or settings.alerting.rules_dir, named=path is not None)
    with without_secrets() if syntax else nullcontext():
        reading = read_book(files)
    if as_json:
        print_json(RuleBookCheckResource.of(reading), letters=True)
    else:
        for problem in reading.problems:
            sys.stdout.write(f"{printable(str(problem))}\n")
        problems = f"{len(reading.problems)} problems" if reading.problems else "no problems"
        say_line(f"{reading.book.own} rules of yours and {reading.book.shipped} shipped ones are valid, {problems}")
    return UNAVAILABLE if reading.problems else OK


def rules_command(as_json: AsJson = False) -> int:
    """List the rule book: severity, schedule, next slot, where each rule stands."""
    from app.alerting.rules.schemas import RuleResource
    from app.cli.alerts.rule_trials import rule_book
    from app.clock import SystemClock
    from app.kit.durations import show_duration
    from app.market.slots import NEVER
    from app.market.time import iso

    book, now = rule_book(begin()), SystemClock().now()
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


def try_command(
    name: Annotated[str | None, typer.Argument(help="Name of a rule of the book; `alerts rules` lists them.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Try the rules of this file instead.")] = None,
    as_json: AsJson = False,
) -> int:
    """Evaluate a rule once and show its rows, signals and verdict; writes nothing and tells nobody.

    Example: gridkeeper alerts try --file new-rule.yaml

    Exit code: 0 evaluated, whatever it found; 1 it failed; 2 there is no such rule or the file is wrong.
    """
    from app.alerting.evaluation.schemas import TriedRuleResource
    from app.alerting.models import EvaluationStatus
    from app.cli.alerts.rule_trials import chosen_rules, show_tried, tried_rules

    settings = begin()
    rules, book = chosen_rules(settings, name, file)
    tried = ask(settings, lambda wiring: tried_rules(wiring, rules, book))
    if as_json:
        print_json([TriedRuleResource.of_rows(one.rows, one.evaluation) for one in tried], letters=True)
    else:
        for one in tried:
            show_tried(one)
    return UNAVAILABLE if any(one.evaluation.verdict is EvaluationStatus.ERROR for one in tried) else OK


def run_command(
    name: Annotated[str, typer.Argument(help="Name of a rule of the book; `alerts rules` lists them.")],
    as_json: AsJson = False,
) -> int:
    """Evaluate a rule now as the service would: its alerts change and people are notified.

    Exit code: 0 evaluated, whatever it found; 1 it failed; 2 there is no such rule.
    """
    from app.alerting.evaluation.schemas import EvaluationResource
    from app.alerting.models import EvaluationStatus
    from app.cli.alerts.rule_trials import evaluated_rule

    evaluation = ask(begin(), lambda wiring: evaluated_rule(wiring, name))
    if as_json:
        print_json(EvaluationResource.of(evaluation), letters=True)
    else:
        sys.stdout.write(f"{name}: {evaluation.verdict.value}, {len(evaluation.signals)} signals\n")
        if evaluation.error:
            sys.stdout.write(f"  {single_line(evaluation.error)}\n")
    return UNAVAILABLE if evaluation.verdict is EvaluationStatus.ERROR else OK
