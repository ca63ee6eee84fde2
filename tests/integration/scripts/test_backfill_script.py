"""`scripts/backfill.sh`: in the container where one runs, here where none does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "backfill.sh"
DOCKER = """#!/usr/bin/env bash
case "$*" in
  "compose version") ;;
  "compose ps --status running --services") echo "$RUNNING" ;;
  *) echo "docker $*" ;;
esac
"""


def run(folder: Path, *, running: str, gridkeeper: bool = True) -> subprocess.CompletedProcess[str]:
    """The script with an engine and a program that say what they were asked."""
    programs = {"docker": DOCKER}
    if gridkeeper:
        programs["gridkeeper"] = '#!/usr/bin/env bash\necho "gridkeeper $*"\n'
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return subprocess.run(
        [SCRIPT, "status", "7"],
        env={
            "PATH": f"{folder}:/usr/bin:/bin",
            "RUNNING": running,
            "BIN": str(folder),
            "HOME": os.environ.get("HOME", "/"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_running_container_is_asked(tmp_path: Path) -> None:
    assert run(tmp_path, running="app").stdout == "docker compose exec -T app gridkeeper backfill status 7\n"


def test_without_a_container_the_program_here_is_asked_and_that_is_said(tmp_path: Path) -> None:
    done = run(tmp_path, running="database")
    assert (done.returncode, done.stdout) == (0, "gridkeeper backfill status 7\n")
    assert "no container of the service 'app' runs: using" in done.stderr


def test_without_both_the_script_says_what_to_do(tmp_path: Path) -> None:
    done = run(tmp_path, running="", gridkeeper=False)
    assert done.returncode == 1
    assert "make setup" in done.stderr
