"""The service on the embedded server: its database is killed under it, and it goes on by itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.db.embedded import keeper
from app.lifecycle import serve
from app.settings import BackfillSettings, CollectionSettings, SchedulerSettings, Settings
from app.wiring.container import Container
from tests.support.scheduler_factory import rows, runs_until, until

JOB = "collect:load_actual"


def postmaster(data_dir: Path) -> int:
    told = keeper.postmaster(data_dir / "postgresql")
    assert told
    return told[0]


@pytest.mark.long
async def test_a_killed_database_is_started_again_and_the_service_leads_again(make_folder: Callable[[], Path]) -> None:
    folder = make_folder()
    settings = Settings(
        data_dir=folder,
        sandbox=True,
        collection=CollectionSettings(areas=("FR",), items=("load_actual",)),
        scheduler=SchedulerSettings(plan_file=folder / "plan.yaml", heartbeat=0.5, takeover_after=2, tick=0.2),
        backfill=BackfillSettings(poll_seconds=0.1),
    )
    (folder / "plan.yaml").write_text("jobs: {}\n")
    stop = asyncio.Event()

    async def kill(container: Container, _stop: asyncio.Event) -> None:
        scheduler, database = container.scheduling().scheduler(), container.database()
        await until(lambda: container.scheduling().cycle().done)
        epoch, killed = scheduler.status().epoch, postmaster(folder)
        os.kill(killed, signal.SIGKILL)
        await until(lambda: scheduler.status().role == "standby")
        assert scheduler.status().alive, "a process that waits for its database is not dead"
        await until(lambda: scheduler.status().ready and scheduler.status().role == "leader", seconds=40)
        assert scheduler.status().epoch != epoch
        assert postmaster(folder) != killed
        await rows(database, "update scheduler_jobs set next_run_time = 0 where id = 'housekeeping'")
        await runs_until(database, lambda found: any(run.job == "housekeeping" and run.finished_at for run in found))
        stop.set()

    with capture_logs() as logs:
        await serve(settings, lambda _text: None, stop, (kill,))
    events = [log["event"] for log in logs]
    assert events.count("embedded_database_died") == events.count("embedded_database_started_again") == 1
    assert events.count("backfill_database_failed") == events.count("backfill_database_recovered") == 1
    assert events.count("leader_election_failed") <= 1
    assert events.count("scheduler_round_failed") <= 1
    assert events.index("first_cycle_started") < events.index("first_cycle_finished")
