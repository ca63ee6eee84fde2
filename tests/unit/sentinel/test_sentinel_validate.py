from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli import run

FILE = """
database: {url: 'postgresql://me:s3cret@db/x?sslpassword=s3cret&a=b'}
alerts:
  - {name: one, query: select 1, schedule: '@daily', schedul: x}
  - {name: two, query: select 1, schedule: '0 0 30 2 *', enabled: false}
"""


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_a_valid_file_is_shown_with_its_next_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text(FILE)
    assert run(["sentinel", "validate", str(file)]) == 0
    shown = capsys.readouterr().out
    assert (
        "✓ Configuration is valid\n  Database: postgresql://me:***@db/x?sslpassword=***&a=b\n  Alerts: 2\n    - one (enabled)"
        in shown
    )
    assert "- two (disabled)\n      next runs (UTC): never" in shown
    assert "⚠ line 4: alerts[one].schedul: " in shown
    assert run(["sentinel", "validate", str(file), "--output", "json"]) == 0
    check = json.loads(capsys.readouterr().out)
    assert (check["valid"], check["compat"], len(check["alerts"][0]["next_runs"])) == (True, "reliable", 5)


def test_a_wrong_file_says_line_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text("alerts:\n  - {name: one, query: q, schedule: never}\n")
    assert run(["sentinel", "validate", str(file)]) == 1
    assert "✗ line 2: alerts[one].schedule: 'never' has 1 fields; write" in capsys.readouterr().out
    file.write_text("alerts: [{name: one, query: q, schedule: '@daily'}]\n")
    assert run(["sentinel", "validate", str(file), "--output", "json"]) == 1
    check = json.loads(capsys.readouterr().out)
    assert (check["valid"], "names no database" in check["problems"][0]["message"]) == (False, True)
    assert run(["sentinel", "validate", str(file)]) == 1
    assert f"✗ {file} names no database" in capsys.readouterr().out
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    assert run(["sentinel", "validate", str(file)]) == 0
    assert run(["sentinel", "validate", str(tmp_path / "none.yaml")]) == 1
    assert run(["sentinel", "validate", str(file), "--timezone", "Mars"]) == 1
