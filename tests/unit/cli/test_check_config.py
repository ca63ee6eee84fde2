"""`gridkeeper check-config` reads the settings and every file that people edit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.cli import run
from app.cli.service.check_config import check_config_command
from app.settings import variables

PASSWORD = "se3cret"


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()


def test_what_is_right_is_told_with_what_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config" / "collection.yaml").write_text("areas: [FR]\nitems: [load_actual]\njobs: {}\n")
    assert check_config_command(sandbox=True) == 0
    told = capsys.readouterr()
    assert re.search(r"plan: \d+ jobs, 1 areas, 1 items \(config/collection\.yaml\)", told.err)
    assert "database: embedded" in told.err
    assert "synthetic (sandbox)" in told.err
    assert "GRIDKEEPER_SANDBOX=True" in told.out


def test_without_a_file_the_built_in_plan_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_config_command(sandbox=False) == 0
    told = capsys.readouterr().err
    assert "built in, there is no file config/collection.yaml" in told
    assert "nothing can be collected yet" in told


def test_every_wrong_file_and_setting_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config" / "collection.yaml").write_text("jobs:\n  prices: {evry: 5}\n")
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", f"postgresql://me:{PASSWORD}@host:99999/db")
    assert check_config_command(sandbox=True) == 2
    told = capsys.readouterr()
    assert "collection.yaml, line 2: jobs.prices.evry: there is no such field, did you mean every" in told.err
    assert "wrong: GRIDKEEPER_DATABASE__URL" in told.err
    assert "2 of" in told.err
    assert PASSWORD not in told.out + told.err


CHANNELS = """
channels:
  mail: {type: email, host: mx.example.org, username: me, password: "${MAIL_PASSWORD}", from: g@example.org, to: [a@example.org]}
  chat: {type: slack, url: "${SLACK_URL}"}
  hook: {type: webhook, url: "${HOOK_URL}", headers: {Authorization: "Bearer ${HOOK_TOKEN}"}}
routes:
- {channels: [chat], match: [severity=critical]}
fallback: mail
"""


def test_files_are_checked_without_the_secrets_they_refer_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config" / "channels.yaml").write_text(CHANNELS)
    (tmp_path / "config" / "alerts").mkdir()
    rules = tmp_path / "config" / "alerts" / "own.yaml"
    rules.write_text(
        "databases: {other: '${OTHER_URL}'}\nrules:\n- {name: r, every: 5 s, sql: select 1, database: other}\n"
    )
    assert run(["check-config"]) == 2
    assert "the environment has no MAIL_PASSWORD" in capsys.readouterr().err
    assert run(["check-config", "--syntax"]) == 0
    assert run(["alerts", "check"]) == 1
    assert run(["alerts", "check", "--syntax"]) == 0
    capsys.readouterr()
    (tmp_path / "config" / "channels.yaml").write_text(CHANNELS.replace("${SLACK_URL}", "https://hooks.example.org/x"))
    assert run(["check-config", "--syntax"]) == 2
    assert "a secret does not stand in a file" in capsys.readouterr().err
    rules.write_text("databases: {other: '${OTHER URL}'}\n")
    assert run(["alerts", "check", "--syntax"]) == 1
    assert "names no variable" in capsys.readouterr().out
