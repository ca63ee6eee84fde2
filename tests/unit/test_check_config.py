"""`gridkeeper check-config` reads the settings and every file that people edit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.cli.check_config import check_config_command
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
