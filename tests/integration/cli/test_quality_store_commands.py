"""`gridkeeper quality scan`, `score` and `findings` on a real database, and the nightly job."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.cli import run
from app.clock import FixedClock
from app.errors import JobFailed
from app.scheduling.jobs.quality import NightlyQuality
from app.scheduling.models import JobOutcome, RunTrigger, Ticket
from tests.support.quality_series import load
from tests.support.quality_world import at, quality_world

DAYS = 60
END = int(datetime.now(UTC).timestamp()) // 86_400 * 86_400
"""Commands look back from the present; the last whole UTC day is never in doubt."""


@pytest.fixture
def commands(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    monkeypatch.setenv("GRIDKEEPER_LOG__LEVEL", "warning")
    asyncio.run(fill(database_url))


async def fill(url: str) -> None:
    """Two months of load, one value of which is negative."""
    series = replace(load(DAYS), start=END - DAYS * 86_400)
    series.values[-50] = -5.0
    async with quality_world(url) as world:
        await world.store(series, learned=at(END))


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(["quality", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_scan_scores_finds_and_then_has_nothing_to_do(commands: None, capsys: pytest.CaptureFixture[str]) -> None:
    first = told(capsys, "scan")
    assert (first["series"], first["examined"]) == (1, 1)
    assert first["findings_written"] >= 1
    assert told(capsys, "scan") == {"series": 1, "examined": 0, "scores_written": 0, "findings_written": 0}
    assert run(["quality", "scan", "--area", "NL"]) == 0
    assert "0 series" in capsys.readouterr().err


def test_scores_come_with_their_counts(commands: None, capsys: pytest.CaptureFixture[str]) -> None:
    rows = told(capsys, "score", "--area", "FR", "--item", "load_actual", "--from", "-5d", "--to", "yesterday")
    assert [row["area"] for row in rows] == ["FR"] * len(rows)
    assert len(rows) >= 3
    assert sum(row["violating"] for row in rows) == 1
    for row in rows:
        assert row["validity"] == 100 * (row["checked"] - row["violating"]) / row["checked"]
        assert row["weights"] == [40.0, 20.0, 20.0, 20.0]
    assert run(["quality", "score", "--from", "-5d"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:4] == ["item", "area", "series", "day"]
    assert len(lines) >= 4


def test_findings_are_listed_accepted_and_looked_at_again(commands: None, capsys: pytest.CaptureFixture[str]) -> None:
    run(["quality", "scan"])
    found = told(capsys, "findings")
    [finding] = [one for one in found if one["rule"] == "impossible_sign"]
    assert (finding["state"], finding["severity"], finding["affected"]) == ("open", "error", 1)
    assert finding["evidence"]["value"] == -5.0
    assert run(["quality", "findings", "accept", str(finding["id"]), "--note", "a test"]) == 0
    assert "is accepted" in capsys.readouterr().err
    [accepted] = told(capsys, "findings", "--state", "accepted", "--item", "load_actual", "--area", "FR")
    assert (accepted["id"], accepted["note"], accepted["noted_by"] != "") == (finding["id"], "a test", True)
    assert sum(row["violating"] for row in told(capsys, "score")) == 0
    assert run(["quality", "findings"]) == 0
    assert "a test" in capsys.readouterr().out
    assert told(capsys, "findings", "recheck", str(finding["id"])) == {"accepted": 1}
    assert run(["quality", "findings", "recheck"]) == 0
    assert "1 accepted" in capsys.readouterr().err
    [again] = [told(capsys, "findings", "accept", str(finding["id"]), "--note", "another")]
    assert again["note"] == "another"


@pytest.fixture
def no_rows(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)


def test_nothing_stored_is_no_failure(no_rows: None, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["score"], "nothing is stored"),
        (["findings"], "no findings"),
        (["findings", "recheck"], "no finding to look at"),
    ):
        assert run(["quality", *arguments]) == 0
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["findings", "accept", "7", "--note", "x"], 1, "no finding 7"),
        (["findings", "recheck", "7"], 1, "no finding 7"),
        (["accept", "7", "--note", "x"], 1, "no finding 7"),
        (["recheck", "7"], 1, "no finding 7"),
        (["findings", "accept", "7", "--note", " "], 2, "--note is empty"),
        (["findings", "--state", "bad"], 2, "one of open"),
        (["score", "--from", "soon"], 2, "soon"),
        (["scan", "--nightly", "--area", "FR"], 2, "--nightly scans everything"),
        (["scan", "--area", "XX"], 2, "unknown area"),
        (["scan", "--item", "load"], 2, "unknown item"),
    ],
)
def test_wrong_usage_is_explained(
    no_rows: None, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert run(["quality", *arguments]) == code
    assert said in capsys.readouterr().err


@dataclass(frozen=True)
class Nothing:
    anything: bool = False


class CountedRepairs:
    """Counts how often it was asked to repair."""

    def __init__(self) -> None:
        self.runs = 0

    async def run(self, now: datetime) -> Nothing:
        self.runs += 1
        return Nothing()


def nightly(repairs: CountedRepairs, *command: str, timeout: float = 300) -> NightlyQuality:
    clock = FixedClock(at(END))
    if not command:
        return NightlyQuality(repairs, clock, timeout=timeout)
    return NightlyQuality(repairs, clock, timeout=timeout, command=command)


TICKET = Ticket("quality", "quality", {}, at(END), RunTrigger.CRON)


@pytest.fixture
def repairs() -> CountedRepairs:
    return CountedRepairs()


@pytest.mark.long
def test_the_nightly_job_scans_in_a_process_of_its_own(
    commands: None, database_url: str, repairs: CountedRepairs
) -> None:
    report = asyncio.run(nightly(repairs).run(TICKET))
    assert report.outcome is JobOutcome.SUCCEEDED
    assert report.summary.startswith("1 series, 1 examined")
    assert repairs.runs == 1

    async def scores() -> int:
        async with quality_world(database_url) as world:
            return len(await world.rows("select 1 from quality_scores"))

    assert asyncio.run(scores()) >= DAYS - 1


async def test_a_scan_that_fails_or_takes_too_long_fails_the_job(repairs: CountedRepairs) -> None:
    failing = nightly(repairs, sys.executable, "-c", "import sys; sys.exit('the database is away')")
    with pytest.raises(JobFailed, match="code 1: the database is away"):
        await failing.run(TICKET)
    with pytest.raises(JobFailed, match="ended with code 3: it said nothing"):
        await nightly(repairs, sys.executable, "-c", "import os; os._exit(3)").run(TICKET)
    endless = nightly(repairs, sys.executable, "-c", "import time; time.sleep(60)", timeout=0.1)
    with pytest.raises(JobFailed, match="GRIDKEEPER_QUALITY__SCAN_TIMEOUT"):
        await endless.run(TICKET)
    assert repairs.runs == 0


async def test_the_scan_ends_with_the_job(repairs: CountedRepairs, tmp_path: Any) -> None:
    number = tmp_path / "pid"
    script = f"import os, time; open({str(number)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    job = asyncio.create_task(nightly(repairs, sys.executable, "-c", script).run(TICKET))
    async with asyncio.timeout(60):
        while not (number.exists() and number.read_text()):  # noqa: ASYNC110  another process writes it
            await asyncio.sleep(0.01)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    with pytest.raises(ProcessLookupError):
        os.kill(int(number.read_text()), 0)
