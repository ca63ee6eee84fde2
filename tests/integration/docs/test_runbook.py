"""The commands of docs/runbook.md, run in the situation that their section describes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.db.embedded import binaries, keeper
from app.settings import variables
from tests.conftest import Databases

ROOT = Path(__file__).parents[3]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
BIN = Path(sys.executable).parent
NOBODY = "postgresql://gridkeeper@127.0.0.1:1/none"

Environment = dict[str, str]
Done = subprocess.CompletedProcess[str]

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("bash") is None or shutil.which("curl") is None, reason="needs bash and curl"),
    pytest.mark.timeout(600),
]


def sections() -> dict[str, list[str]]:
    """The blocks of commands below each heading that has some."""
    parts = re.split(r"^## (.+)$", RUNBOOK, flags=re.MULTILINE)[1:]
    blocks = {
        name: re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }
    return {name: found for name, found in blocks.items() if found}


@pytest.fixture
def environment(database_url: str, make_folder: Callable[[], Path]) -> Environment:
    """A folder as the repository's, with a database and the sandbox."""
    folder = make_folder()
    for name in ("scripts", "config"):
        (folder / name).symlink_to(ROOT / name)
    kept = {name: value for name, value in os.environ.items() if name not in variables()}
    return kept | {
        "PWD": str(folder),
        "PATH": f"{BIN}:{kept['PATH']}",
        "BIN": str(BIN),
        "PGBIN": str(binaries()),
        "DOCKER_HOST": f"unix://{folder}/no-engine.sock",
        "GRIDKEEPER_SANDBOX": "1",
        "GRIDKEEPER_DATABASE__URL": database_url,
        "GRIDKEEPER_COLLECTION__AREAS": "FR",
        "GRIDKEEPER_COLLECTION__ITEMS": "load_actual",
        "GRIDKEEPER_WEB__PORT": "0",
    }


def run(block: str, environment: Environment) -> Done:
    """One block of commands, each of which has to succeed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=environment["PWD"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done


def run_section(name: str, environment: Environment) -> list[Done]:
    return [run(block, environment) for block in sections()[name]]


@contextmanager
def service(environment: Environment) -> Iterator[subprocess.Popen[bytes]]:
    """`gridkeeper serve`; its address becomes part of the environment."""
    log = Path(environment["PWD"]) / "serve.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [BIN / "gridkeeper", "serve"], cwd=environment["PWD"], env=environment, stdout=sink, stderr=sink
        )
        try:
            environment["GRIDKEEPER_WEB__PORT"] = _port(log)
            yield process
        finally:
            process.kill()
            process.wait()


def _port(log: Path) -> str:
    """The port, as soon as the first collection is over."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        text = log.read_text()
        port = re.search(r"http_started.*port=\S*?(\d{4,5})", text)
        if port and re.search(r"job_run.*collect:load_actual", text):
            return port[1]
        time.sleep(0.1)
    raise AssertionError(f"the service did not begin:\n{log.read_text()}")


def test_every_section_with_commands_has_a_test() -> None:
    assert set(sections()) == {
        "What to look at first",
        "The service runs, a job does not",
        "No service runs",
        "The leader hangs",
        "The database is down",
        "Gaps",
        "History",
        "Backup and restore",
    }


def test_every_link_to_a_section_leads_to_one() -> None:
    anchors = {re.sub(r"[^a-z -]", "", name.lower()).replace(" ", "-") for name in sections()}
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors


def test_what_to_look_at_first_is_told_by_an_empty_database_too(environment: Environment) -> None:
    [done] = run_section("What to look at first", environment)
    assert "leader: none" in done.stderr
    assert "ours" in done.stdout


def test_a_service_that_runs_takes_orders(environment: Environment) -> None:
    with service(environment):
        [first, _] = run_section("The service runs, a job does not", environment)
    assert '"status":"ready"' in first.stdout
    assert "the leader, to run collect:load_actual" in first.stderr


def test_without_a_service_the_commands_do_its_work(environment: Environment) -> None:
    [done] = run_section("No service runs", environment)
    assert "collect:load_actual runs in this process" in done.stderr
    assert len((Path(environment["PWD"]) / "load.csv").read_text().splitlines()) > 96


def test_beside_a_frozen_leader_jobs_run_here(environment: Environment) -> None:
    with service(environment) as process:
        process.send_signal(signal.SIGSTOP)
        [done] = run_section("The leader hangs", environment)
    assert '"alive": false' in done.stdout
    assert "collect:load_actual runs in this process" in done.stderr


def test_without_the_database_a_spare_one_takes_the_data(environment: Environment) -> None:
    environment["GRIDKEEPER_DATABASE__URL"] = NOBODY
    refused = subprocess.run(
        ["gridkeeper", "status"], env=environment, capture_output=True, text=True, check=False, cwd=environment["PWD"]
    )
    assert (refused.returncode, "connect" in refused.stderr) == (1, True), refused.stderr
    run_section("The database is down", environment)
    folder = Path(environment["PWD"])
    assert len((folder / "load.csv").read_text().splitlines()) > 96
    deadline = time.monotonic() + 120
    while any(keeper.held(folder / "spare" / "postgresql", name) for name in ("server.lock", "keeper.lock")):
        assert time.monotonic() < deadline, "the spare server still runs"
        time.sleep(0.05)


def test_gaps_are_listed_filled_and_covered(environment: Environment) -> None:
    [first, _] = run_section("Gaps", environment)
    assert '"reason": "ours"' in first.stdout
    again = run("gridkeeper gaps --area FR --item load_actual --from -7d --json", environment)
    assert '"reason": "ours"' not in again.stdout


def test_history_comes_in_by_hand(environment: Environment) -> None:
    [first, second] = run_section("History", environment)
    assert "completed" in first.stdout
    assert "cancelled for good" in second.stderr


def test_a_backup_comes_back_and_what_it_lacks_is_collected(environment: Environment, databases: Databases) -> None:
    run("gridkeeper collect --quiet --from -2d", environment)
    for empty in databases.fresh("template0"):
        [_, restored] = run_section("Backup and restore", environment | {"EMPTY": empty})
        assert "restored schema" in restored.stdout
