from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.cli import run

RULES = """rules:
- name: many
  every: 10 s
  threshold: "> 1"
  for: 1 min
  sql: select n::text as n, n as value, now() as at from generate_series(1, 3) as n
- {name: broken, every: 10 s, sql: select 1 / 0 as value}
- name: crowd
  every: 10 s
  enabled: false
  sql: select n::text as n from generate_series(1, 30) as n
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.yaml").write_text(RULES, encoding="utf-8")
    monkeypatch.setenv("GRIDKEEPER_ALERTING__RULES_DIR", str(rules))
    return rules


@pytest.fixture
def server(folder: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    return folder


def test_check_counts_the_rules_or_lists_every_problem(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alerts", "check"]) == 0
    assert "3 rules of yours and 38 shipped ones are valid, no problems" in capsys.readouterr().err
    (folder / "own.yaml").write_text("rules:\n- {nam: x}\n- {name: y, every: 1}\n", encoding="utf-8")
    assert run(["alerts", "check"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 5
    assert f"{folder}/own.yaml, line 2: rules[0].nam: there is no such field; did you mean name?" in out
    assert run(["alerts", "check", str(folder / "own.yaml"), "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert (content["valid"], content["rules"], len(content["problems"])) == (False, 0, 5)
    assert run(["alerts", "check", "nowhere"]) == 2


def test_rules_are_listed_with_schedule_and_origin(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alerts", "rules"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "every 10 s" in lines["many"]
    assert f"{folder}/own.yaml:2" in lines["many"]
    assert "disabled" in lines["crowd"]
    assert lines["platform_down"].endswith("shipped")
    assert run(["alerts", "rules", "--json"]) == 0
    content = {rule["name"]: rule for rule in json.loads(capsys.readouterr().out)}
    assert content["many"]["for_seconds"] == 60
    assert content["crowd"]["next_slot"] is None


def test_config_is_checked_with_the_rules(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "own.yaml").write_text("rules:\n- {nam: x}\n", encoding="utf-8")
    assert run(["check-config"]) == 2
    assert "own.yaml, line 2: rules[0].nam" in capsys.readouterr().err


def test_a_rule_is_tried_and_nothing_is_written(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alerts", "try", "many"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("many: firing\nn  value  at")
    assert "3 rows, 2 of them show a fault (value > 1); an alert fires after 1 min" in told.err
    assert run(["alerts", "try", "--file", str(server / "own.yaml")]) == 1
    told = capsys.readouterr()
    assert "broken: error\n  division by zero" in told.out
    assert "and 10 more rows" in told.out
    assert run(["alerts", "try", "many", "--json"]) == 0
    [content] = json.loads(capsys.readouterr().out)
    assert [row["value"] for row in content["rows"]] == [1, 2, 3]
    assert [signal["labels"] for signal in content["signals"]] == [{"n": "2"}, {"n": "3"}]
    assert run(["alerts", "history", "--json"]) == 0
    assert "many" not in capsys.readouterr().out


def test_a_rule_that_is_not_there_is_named_with_the_nearest(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, reason in (
        (["try", "mani"], "there is no rule 'mani'; did you mean many?"),
        (["try"], "name a rule"),
        (["try", "none", "--file", str(server / "own.yaml")], "has no rule 'none'"),
    ):
        assert run(["alerts", *arguments]) == 2
        assert reason in capsys.readouterr().err


def test_a_rule_is_run_with_all_that_follows(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alerts", "run", "many"]) == 0
    assert "many: firing, 2 signals" in capsys.readouterr().out
    assert run(["alerts", "run", "broken", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"] == "division by zero"
    assert run(["alerts", "history"]) == 0
    assert "many" in capsys.readouterr().out
    assert run(["alerts", "run", "none"]) == 1


def test_rules_of_another_command_are_read_through_a_pipe(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, code in (("rules:\n- {nam: x}\n", 1), (RULES, 0)):
        reading, writing = os.pipe()
        os.write(writing, text.encode())
        os.close(writing)
        assert run(["alerts", "check", f"/dev/fd/{reading}"]) == code
        os.close(reading)
        said = capsys.readouterr()
        assert ("there is no such field" in said.out) is bool(code)
    assert "3 rules of yours" in said.err
