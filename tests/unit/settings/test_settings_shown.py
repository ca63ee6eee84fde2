from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import Settings, variables
from app.settings.shown import SettingSource, settings_in_force, source_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_setting_says_what_set_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "token").write_text("a-secret-token\n")
    (folder / ".env").write_text("GRIDKEEPER_API__PAGE_ROWS=7\ngridkeeper_log__level=debug\n")
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__TOKEN_FILE", str(folder / "token"))
    monkeypatch.setenv("GRIDKEEPER_INSTANCE", "north")
    found = {one.name: one for one in settings_in_force(Settings(sandbox=True))}
    assert list(found) == list(variables())
    sources = {name: one.source for name, one in found.items() if one.source is not SettingSource.DEFAULT}
    assert sources == {
        "GRIDKEEPER_INSTANCE": SettingSource.ENVIRONMENT,
        "GRIDKEEPER_SANDBOX": SettingSource.COMMAND,
        "GRIDKEEPER_ENTSOE__TOKEN": SettingSource.SECRET_FILE,
        "GRIDKEEPER_ENTSOE__TOKEN_FILE": SettingSource.ENVIRONMENT,
        "GRIDKEEPER_API__PAGE_ROWS": SettingSource.ENV_FILE,
        "GRIDKEEPER_LOG__LEVEL": SettingSource.ENV_FILE,
    }
    assert "a-secret-token" not in str(found)
    rows = found["GRIDKEEPER_API__PAGE_ROWS"]
    assert (rows.value, rows.default, rows.section) == ("7", "1000", "api")
    assert found["GRIDKEEPER_INSTANCE"].section == ""


def test_the_environment_wins_over_the_file() -> None:
    both = {"GRIDKEEPER_A"}
    assert source_of("GRIDKEEPER_A", given=True, environment=both, in_file=both) is SettingSource.ENVIRONMENT
    assert source_of("GRIDKEEPER_A", given=False, environment=both, in_file=both) is SettingSource.DEFAULT
