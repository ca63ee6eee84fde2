"""What of the service's state is wrong, and how it is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.cli.service.health_view import health_lines, size
from app.cli.tables import single_line
from app.market.time import Interval
from app.monitoring.health import Health
from app.monitoring.models import Lateness, Objective, RunTotals, Sample
from app.monitoring.overview import (
    Analysed,
    DisabledChannel,
    FiringAlert,
    GapCount,
    JobsState,
    Leader,
    OpenBackfill,
    Overview,
)
from app.monitoring.queries import Served, _bounds
from app.monitoring.replica import resources
from app.monitoring.schemas import HealthResource
from app.monitoring.service import availability
from app.schemas import jsonable

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
GOOD = Objective(0.95, 99, 100)
TALLY = RunTotals(runs=100, failed=1, new=5, response_seconds=50.0, store_seconds=1.0, p50=0.5, p95=0.9, p99=1.2)
LEADER = Leader(3, "host:1", NOW - timedelta(seconds=1), NOW - timedelta(minutes=1), alive=True)
SAMPLE = Sample(
    NOW, "host:1", leader=True, cpu_cores=0.1, resident_bytes=10**8, memory_available_bytes=10**10,
    memory_total_bytes=2 * 10**10, disk_free_bytes=10**11, disk_total_bytes=2 * 10**11, loop_lag_seconds=0.01,
    pool_used=1, pool_size=5, probe_seconds=0.001,
)  # fmt: skip


def health(overview: Overview | None = None, **changes: Any) -> Health:
    values: dict[str, Any] = {
        "at": NOW,
        "overview": overview or Overview(leader=LEADER),
        "replicas": (SAMPLE,),
        "collection": {"1h": TALLY, "24h": TALLY, "30d": TALLY},
        "availability": GOOD,
        "reliability": GOOD,
        "lateness": (),
        "requests_per_minute": 360,
    }
    return Health(**values | changes)


def of(**changes: Any) -> Overview:
    return Overview(**{"leader": LEADER} | changes)


def alert(**changes: Any) -> FiringAlert:
    values: dict[str, Any] = {
        "alert_id": 1, "rule": "platform_down", "labels": {"area": "FR"}, "severity": "critical", "since": NOW,
        "acknowledged": False, "suppressed": "",
    }  # fmt: skip
    return FiringAlert(**values | changes)


OURS = GapCount("ours", 3, 12, NOW - timedelta(hours=4), 2)
POOR = replace(TALLY, failed=10)
WRONG: dict[str, tuple[Health, str]] = {
    "a leader that vanished": (
        health(of(leader=replace(LEADER, heartbeat_at=NOW - timedelta(seconds=11), alive=False))),
        "no replica leads: the last sign of host:1",
    ),
    "a failing job": (health(of(jobs=JobsState(3, failing=("a", "b")))), "jobs that failed: a, b"),
    "a late job": (health(of(jobs=JobsState(3, late=("a",)))), "jobs that are late: a"),
    "an unreadable job": (health(of(jobs=JobsState(3, unreadable=("a",)))), "jobs that cannot be read: a"),
    "a full disk": (health(replicas=(replace(SAMPLE, disk_free_bytes=10**9),)), "disk of host:1 is short"),
    "little memory": (health(replicas=(replace(SAMPLE, memory_available_bytes=10**8),)), "memory of host:1 is short"),
    "a blocked token": (health(of(blocked_until=NOW)), "wait until 12:00:00 UTC"),
    "little availability": (health(availability=Objective(0.95, 9, 10)), "availability over 30 days is 90.00%"),
    "failed windows": (health(collection={"24h": POOR}), "10 of 100 windows failed in 24 h: 90.0% succeeded"),
    "an unreliable month": (health(reliability=Objective(0.95, 90, 100)), "over 30 days 90.00% of windows"),
    "gaps that stay ours": (health(of(gaps=(OURS,))), "2 gaps are ours for more than an hour"),
    "a disabled channel": (
        health(of(disabled_channels=(DisabledChannel("ops", NOW, "403 Forbidden", 2, 1, NOW - timedelta(hours=1)),))),
        "(403 Forbidden): 2 messages wait for it since 2026-03-10 11:00 UTC, 1 failed; mend it, then `gridkeeper alerts",
    ),
    "a disabled channel for which nothing waits": (
        health(of(disabled_channels=(DisabledChannel("ops", NOW, "403\x1b[2J\n  no"),))),
        "(403\x1b[2J no): 0 messages wait for it; mend it",
    ),
    "an alert": (health(of(alerts=(alert(), alert()))), "2 alerts fire: platform_down"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str) -> None:
    state, problem = WRONG[name]
    [found] = state.problems
    assert problem in found
    assert f"wrong     {single_line(found)}" in list(health_lines(state))


def test_nothing_is_wrong_where_everything_is_as_it_should_be() -> None:
    few = replace(TALLY, runs=10, failed=10)
    fine = of(gaps=(replace(OURS, lasting=0), GapCount("late", 9, 9, NOW, 9)), alerts=(alert(suppressed="silence 1"),))
    unknown = replace(SAMPLE, memory_available_bytes=None, memory_total_bytes=None, disk_free_bytes=None)
    state = health(fine, collection={"24h": few}, reliability=Objective(0.95, 0, 10), replicas=(unknown,))
    assert state.problems == ()


def test_a_leader_that_fell_silent_leads_no_more_and_the_screen_says_since_when() -> None:
    silent = replace(LEADER, heartbeat_at=NOW - timedelta(seconds=11), alive=False)
    [line] = [line for line in health_lines(health(of(leader=silent))) if line.startswith("service")]
    assert "nobody leads since 2026-03-10 11:59:49 UTC, the last was host:1" in line
    assert line.endswith(", 1 replica")
    [line] = [line for line in health_lines(health()) if line.startswith("service")]
    assert "host:1 leads (term 3, sign of life 1 s ago" in line
    assert HealthResource.of(health(of(leader=silent))).service.leads is False


def test_a_service_that_was_stopped_in_order_is_judged_by_its_alerts_and_channels_alone() -> None:
    stopped = of(leader=Leader(3, "host:1"), jobs=JobsState(1, failing=("a",)))
    assert health(stopped).problems == ()
    assert len(health(replace(stopped, alerts=(alert(),))).problems) == 1
    disabled = (DisabledChannel("ops", NOW, "403"),)
    assert len(health(replace(stopped, disabled_channels=disabled)).problems) == 1
    assert "service   stopped" in list(health_lines(health(stopped)))
    never = health(Overview(), collection={"1h": RunTotals(), "24h": RunTotals(), "30d": RunTotals()}, replicas=())
    assert "service   never started; `gridkeeper serve` keeps the data complete" in list(health_lines(never))


def test_the_screen_names_the_worst_and_counts_the_rest() -> None:
    late = tuple(Lateness("load_actual", f"A{n}", NOW, "PT60M", NOW, timedelta(minutes=10 * n)) for n in range(8))
    state = health(
        of(
            jobs=JobsState(9, paused=tuple("abcdefg")),
            backfills=(OpenBackfill(4, "x", paused=True, windows=10, done=3),),
            alerts=tuple(alert(alert_id=n) for n in range(6)),
            blocked_until=NOW,
        ),
        lateness=late,
    )
    lines = {line[:10].strip(): line[10:] for line in health_lines(state)}
    assert lines["late"].startswith("7 of 8: load_actual A7 70 min, load_actual A6 60 min")
    assert lines["late"].endswith("and 2 more")
    assert lines["jobs"] == "9, 7 paused (a, b, c, d, e and 2 more)"
    assert lines["backfill"] == "4: 3/10 paused"
    assert lines["alerts"].endswith("and 1 more")
    assert "blocked until 12:00:00" in lines["budget"]


def test_a_process_says_how_it_reads() -> None:
    for sample, said in (
        (
            replace(SAMPLE, read_replica_lag_seconds=0.26, read_replica_away_seconds=0),
            "read replica 0.3 s behind",
        ),
        (replace(SAMPLE, read_replica_away_seconds=71.2), "without the read replica for 71 s"),
        (SAMPLE, "query 1.0 ms"),
    ):
        [line] = [line for line in health_lines(health(replicas=(sample,))) if "host:1: cpu" in line]
        assert line.endswith(said)


def test_the_document_says_the_same_and_is_json() -> None:
    state = health(of(alerts=(alert(),), gaps=(OURS,)), lateness=(Lateness("i", "a", NOW, "PT60M", NOW, timedelta(1)),))
    found = json.loads(json.dumps(jsonable(HealthResource.of(state))))
    assert list(found) == [
        "at", "healthy", "problems", "service", "jobs", "collection", "objectives", "late", "gaps", "backfills",
        "budget", "alerts", "disabled_channels",
    ]  # fmt: skip
    assert found["healthy"] is False
    assert found["objectives"]["reliability_30d"]["budget_left"] == pytest.approx(0.8)
    assert found["collection"]["24h"]["success_rate"] == 0.99
    assert found["late"][0]["late_seconds"] == 86400


def test_the_first_minute_of_a_service_is_served() -> None:
    begun = NOW - timedelta(seconds=20)
    found = availability(Served(1, begun), Interval(NOW - timedelta(days=30), NOW), 0.95)
    assert (found.good, found.total) == (1, 1)
    half = availability(Served(60, NOW - timedelta(hours=2)), Interval(NOW - timedelta(days=30), NOW), 0.95)
    assert (half.share, half.met) == (0.5, False)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (NOW, NOW + timedelta(hours=1), 0),
        (NOW - timedelta(days=1), NOW, 0),
        (NOW - timedelta(days=3), NOW + timedelta(seconds=1), 2),
        (NOW.replace(hour=0), NOW.replace(hour=0) + timedelta(days=2), 2),
    ],
)
def test_a_period_is_whole_hours_around_whole_days(start: datetime, end: datetime, days: int) -> None:
    first_hour, last_hour, first_day, last_day = _bounds(Interval(start, end))
    assert first_hour <= start < first_hour + timedelta(hours=1)
    assert last_hour - timedelta(hours=1) < end <= last_hour
    assert (last_day - first_day).days == days
    assert not days or first_hour <= first_day <= last_day <= last_hour


def test_an_objective_without_anything_to_judge_is_neither_missed_nor_used_up() -> None:
    nothing = Objective(0.95, 0, 0)
    assert (nothing.share, nothing.met, nothing.budget_left) == (None, True, None)


def test_a_container_has_the_memory_of_its_limit(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 4000 kB\nMemFree: 1 kB\nMemAvailable: 3000 kB\nHugePages:\n")
    assert resources.memory(tmp_path, tmp_path) == (3_072_000, 4_096_000)
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 300000\n")
    assert resources.memory(tmp_path, tmp_path) == (400_000, 1_000_000)
    (tmp_path / "memory.max").write_text("max\n")
    assert resources.memory(tmp_path, tmp_path) == (3_072_000, 4_096_000)


LIMITED = {"memory.max": "1000000\n", "memory.current": "900000\n", "memory.stat": "inactive_file 300000\n"}
FIRST = {
    "memory.limit_in_bytes": "1000000",
    "memory.usage_in_bytes": "900000",
    "memory.stat": "total_inactive_file 300000",
}
OPEN = {"memory.max": "max", "memory.limit_in_bytes": "9223372036854771712", "memory.usage_in_bytes": "5"}


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        pytest.param("0::/\n", {"": LIMITED}, id="a container"),
        pytest.param("0::/../other\n", {"": LIMITED}, id="a container entered from outside"),
        pytest.param("0::/system.slice/grid.service\n", {"system.slice/grid.service": LIMITED}, id="a unit of systemd"),
        pytest.param("0::/a/b\n", {"a": LIMITED, "a/b": OPEN}, id="a limit further up"),
        pytest.param("4:memory:/docker/c6c3\n0::/docker/c6c3\n", {"memory": FIRST}, id="a container, first version"),
        pytest.param(
            "11:cpu,memory:/x/y\n0::/\n", {"memory/x": FIRST, "memory/x/y": OPEN}, id="first version, further up"
        ),
    ],
)
def test_the_least_limit_around_the_process_counts(
    tmp_path: Path, groups: str, files: dict[str, dict[str, str]]
) -> None:
    proc, cgroup = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 4000 kB\nMemAvailable: 3000 kB\n")
    (proc / "self" / "cgroup").write_text(groups)
    for folder, contents in files.items():
        (cgroup / folder).mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            (cgroup / folder / name).write_text(text)
    assert resources.memory(proc, cgroup) == (400_000, 1_000_000)


def test_a_disk_that_is_not_known_is_not_shown_as_fine() -> None:
    unknown = health(replicas=(replace(SAMPLE, disk_free_bytes=None, disk_total_bytes=None),))
    assert "disk of the data unknown: GRIDKEEPER_DATABASE__DATA_FOLDER" in "\n".join(health_lines(unknown))


def test_a_machine_that_tells_nothing_leaves_its_figures_open(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert resources.resident_bytes(nowhere) is None
    assert resources.memory(nowhere, nowhere) == (None, None)
    assert resources.descriptors(nowhere)[0] is None


def test_bytes_are_written_in_the_unit_that_a_person_would_name() -> None:
    assert [size(count) for count in (None, 12, 1500, 2_000_000, 3_100_000_000)] == [
        "unknown", "12 B", "1.5 kB", "2.0 MB", "3.1 GB",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("analysed", "gaps", "said"),
    [
        (Analysed(), (), "not known yet: nothing has been collected"),
        (
            Analysed(next_at=NOW),
            (),
            "not known yet: nothing has been collected; the first look at all of it is due at 12:00 UTC",
        ),
        (
            Analysed(None, NOW, 3),
            (),
            "none so far, in what was asked for of 3 items and areas; the first look at all of it is due at 12:00 UTC",
        ),
        (Analysed(None, None, 1), (OURS,), "3 ours so far, in what was asked for of 1 item and area"),
        (Analysed(NOW - timedelta(hours=3), NOW, 3), (), "none; all looked over 3 h ago"),
        (
            Analysed(NOW - timedelta(hours=3), NOW, 3),
            (OURS, GapCount("not_due", 40, 40, NOW, 0)),
            "3 ours; all looked over 3 h ago",
        ),
    ],
)
def test_the_gaps_are_told_with_what_was_looked_over(analysed: Analysed, gaps: tuple[GapCount, ...], said: str) -> None:
    [line] = [one for one in health_lines(health(of(analysed=analysed, gaps=gaps))) if one.startswith("gaps")]
    assert line == f"gaps      {said}"
