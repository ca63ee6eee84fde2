"""The units for systemd: what they name is there, and systemd itself finds nothing wrong."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.cli import run
from app.settings import load_settings, variables

ROOT = Path(__file__).parents[3]
UNITS = sorted((ROOT / "deploy/systemd").iterdir())
HOME = "/opt/gridkeeper"


def lines(unit: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), flags=re.MULTILINE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """With programs that are there in the place of ours, which are not installed where tests run."""
    copies = []
    for unit in UNITS:
        copies.append(tmp_path / unit.name.replace("@.", "@1."))
        text = re.sub(rf"^(ExecStart(?:Pre)?)={HOME}/\S+", r"\1=/bin/true", unit.read_text(), flags=re.MULTILINE)
        copies[-1].write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, copies)],
        check=False, capture_output=True, text=True, timeout=60, env={"SYSTEMD_LOG_LEVEL": "warning", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "gridkeeper" in line]
    assert (done.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_what_a_unit_names_is_there(unit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in lines(unit, "ExecStart"):
        program, *arguments = command.removeprefix(f"{HOME}/").split()
        if program == ".venv/bin/gridkeeper":
            assert run([arguments[0], "--help"]) == 0
            helped = capsys.readouterr().out
            assert [one for one in arguments if one.startswith("--") and one not in helped] == []
        else:
            assert (ROOT / program).is_file()
    assert {one.split("=")[0] for one in lines(unit, "Environment")} <= set(variables())
    for page in lines(unit, "Documentation"):
        assert (ROOT / page.removeprefix(f"file:{HOME}/")).is_file()


def test_services_have_time_to_drain_and_no_rights() -> None:
    settings = load_settings()
    needed = settings.scheduler.drain_seconds + settings.web.shutdown_seconds + settings.notifications.drain_seconds
    for unit in (one for one in UNITS if one.suffix == ".service"):
        assert lines(unit, "User") == ["gridkeeper"]
        assert lines(unit, "NoNewPrivileges") == ["yes"]
        if "serve" in unit.read_text() or "worker" in unit.name:
            [seconds] = lines(unit, "TimeoutStopSec") or ["0"]
            assert unit.name == "gridkeeper-backup.service" or float(seconds) >= needed + 10
