"""Files of SQL Sentinel in the rule book, and native rules on databases of other kinds."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.alerting.evaluation.any_database import AnyDatabaseRunner
from app.alerting.evaluation.evaluator import RuleEvaluator
from app.alerting.evaluation.query_runner import PostgresRunner
from app.alerting.models import Evaluation, EvaluationStatus, RowContract
from app.alerting.rules.book import Book, RuleFile, read_book
from app.alerting.rules.reload import RuleBook
from app.cli import run
from app.kit.yaml.tree import FileProblems

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NATIVE = """
databases: {{shop: "sqlite:///${{SHOP}}"}}
rules:
  - {{name: small, sql: "select name, amount as value from t", threshold: "< 5", every: 1 min, database: shop}}
  - {{name: many, sql: "with recursive r(n) as (select 1 union all select n + 1 from r limit 20000) select n as value from r",
     every: 1 min, database: shop}}
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with closing(sqlite3.connect(tmp_path / "data.db")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 'a' AS name, 3 AS amount UNION SELECT 'b', 9")
    monkeypatch.setenv("SHOP", f"{tmp_path}/data.db")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path


def sentinel_text(data: Path) -> str:
    return (
        f"database: {{url: 'sqlite:///{data}/data.db'}}\nalerts:\n"
        "  - {name: sum, description: d, query: \"SELECT CASE WHEN sum(amount) > 5 THEN 'alert' ELSE 'OK' END AS status,"
        " sum(amount) AS actual_value, 5 AS threshold, count(*) AS lines FROM t\", schedule: '0 9 * * 7', timeout: 3}\n"
        "  - {name: calm, query: SELECT 'ok' AS status, schedule: '@daily', enabled: false}\n"
        "  - {name: broken, query: SELECT 1 AS other, schedule: '@daily'}\n"
    )


@pytest.fixture
async def evaluator(data: Path) -> AsyncIterator[RuleEvaluator]:
    runner = AnyDatabaseRunner(PostgresRunner(urls), urls)
    yield RuleEvaluator(runner)
    await runner.close()


BOOKS: list[Book] = []


def urls() -> dict[str, str]:
    return {name: url.get_secret_value() for name, url in BOOKS[-1].databases.items()}


async def evaluated(evaluator: RuleEvaluator, name: str) -> Evaluation:
    return await evaluator.evaluate(BOOKS[-1].rules[name], NOW)


async def test_alerts_of_a_sentinel_file_are_rules(data: Path, evaluator: RuleEvaluator) -> None:
    BOOKS.append(read_book([RuleFile("shop.yaml", sentinel_text(data).encode())], []).checked())
    rule = BOOKS[-1].rules["sum"]
    assert (rule.contract, rule.origin, rule.time_out.total_seconds()) == (RowContract.STATUS, "shop.yaml:3", 3)
    assert f"{rule.schedule.next_slot(NOW):%a %H:%M}" == "Sun 09:00"
    assert not BOOKS[-1].rules["calm"].enabled
    fired = await evaluated(evaluator, "sum")
    (signal,) = fired.signals
    assert (fired.verdict, signal.value, signal.threshold, signal.annotations) == (
        EvaluationStatus.FIRING,
        12,
        5,
        (("lines", "2"),),
    )
    assert (await evaluated(evaluator, "calm")).verdict is EvaluationStatus.OK
    broken = await evaluated(evaluator, "broken")
    assert (broken.verdict, "no column status" in broken.error, broken.keep) == (EvaluationStatus.ERROR, True, True)


async def test_native_rules_ask_databases_of_any_kind(data: Path, evaluator: RuleEvaluator) -> None:
    BOOKS.append(read_book([RuleFile("rules.yaml", NATIVE.format().encode())], []).checked())
    found = await evaluated(evaluator, "small")
    assert [(signal.labels, signal.value) for signal in found.signals] == [((("name", "a"),), 3.0)]
    assert "more than 10,000 rows" in (await evaluated(evaluator, "many")).error


def test_what_cannot_join_says_why(data: Path) -> None:
    native = RuleFile("a.yaml", b"rules: [{name: sum, sql: select 1, every: 1 min}]")
    missing = RuleFile("c.yaml", b"alerts: [{name: x, query: select 1, schedule: '@daily'}]")
    odd = RuleFile(
        "d.yaml", b"database: {url: 'sqlite://'}\nalerts: [{name: '!', query: q, schedule: '@daily'}, {name: y}]"
    )
    named = RuleFile("e.yaml", b"database: {url: 'sqlite://'}\nalerts: [{name: '!', query: q, schedule: '@daily'}]")
    driver = RuleFile("f.yaml", b"databases: {other: 'mysql+nodriver://h/d'}")
    files = [native, RuleFile("b.yaml", sentinel_text(data).encode()), missing, odd, named, driver]
    said = [str(problem) for problem in read_book(files, []).problems]
    assert any("b.yaml, line 3: alerts[sum]: there is a rule of this name already (a.yaml:1)" in one for one in said), (
        said
    )
    assert any("c.yaml: database: the file names no database" in one for one in said)
    assert any("d.yaml, line 2: alerts[y].query: this is missing" in one for one in said)
    assert any("e.yaml, line 2: alerts[!].name: as a rule it needs a name" in one for one in said)
    assert any("f.yaml, line 1: databases.other: " in one for one in said)


def test_files_that_a_setting_names_join_the_folder(data: Path) -> None:
    (data / "shop.yml").write_text(sentinel_text(data))
    folder = data / "alerts"
    folder.mkdir()
    book = RuleBook(folder, [data / "shop.yml"])
    assert {"sum", "calm", "broken"} <= set(book.check().rules)
    assert {"sum", "calm", "broken"} <= set(book.current().rules)
    with pytest.raises(FileProblems, match="cannot be read"):
        RuleBook(folder, [data / "none.yml"]).check()


async def test_imported_rules_find_the_same(
    data: Path, evaluator: RuleEvaluator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = data / "alerts.yaml"
    file.write_text(
        sentinel_text(data)
        + "  - {name: last, query: \"SELECT 'ALERT' AS status;\", schedule: '0 0 15W * *', only: holidays, calendar: DE, depends_on: sum, notify: [{channel: email, recipients: [a@b]}]}\n"
    )
    assert run(["sentinel", "import", str(file), "--database", "mine"]) == 0
    text = capsys.readouterr().out
    assert "# Note: the schedule means nothing to native rules and has to be written otherwise" in text
    assert "# Note: its days are those of the calendar DE" in text
    assert 'depends_on: ["sum"]' in text
    assert "# Note: it notified email; write a channel and a route for it" in text
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{data}/data.db")
    BOOKS.append(
        read_book(
            [
                RuleFile(
                    "rules.yaml",
                    text.replace("0 0 15W * *", "0 0 15 * *").replace("only: holidays", "only: weekend").encode(),
                )
            ],
            [],
        ).checked()
    )
    (signal,) = (await evaluated(evaluator, "sum")).signals
    assert (signal.value, signal.threshold) == (12.0, 5.0)
    assert (await evaluated(evaluator, "last")).verdict is EvaluationStatus.FIRING
    assert (await evaluated(evaluator, "calm")).verdict is EvaluationStatus.OK
    assert not BOOKS[-1].rules["calm"].enabled
    assert run(["sentinel", "import", str(data / "none.yaml")]) == 1
