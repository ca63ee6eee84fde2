"""Jobs, runs and backfills on the pages: what is shown, who may change what, and that nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from app.access.models import AccessScope
from app.collection.backfill.models import WindowAttempt
from app.collection.models import Outcome
from app.scheduling.store import encode
from app.tasks.shared.models import WorkerCounts, WorkerRole
from app.web.pages.forms import AGAIN
from tests.support.api_factory import ServedApi, served_api
from tests.support.page_factory import HOSTILE
from tests.support.page_person import page_person
from tests.support.store_factory import block

RANGE = {"area": "FR", "item": "load_actual", "from": "2021-01-01", "to": "2024-03-01"}
QUERY = "&".join(f"{name}={value}" for name, value in RANGE.items())


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    async with served_api(database_url) as served:
        await served.container.storage().time_series().store([block([1.0] * 24)])
        async with served.container.database().connection() as connection:
            await connection.execute(
                "insert into scheduler_jobs (id, next_run_time, job_state) values ('housekeeping', 0, $1)",
                encode("housekeeping", "daily 02:00 UTC", {}),
            )
        yield served


async def audit(api: ServedApi) -> list[tuple[str, int | None, str]]:
    entries = await api.access.audit(before=None, actor=None, limit=20)
    return [(one.action, one.status, one.target) for one in reversed(entries) if one.action != "create_key"]


async def test_a_developer_runs_pauses_and_resumes_a_job_and_each_is_in_the_record(api: ServedApi) -> None:
    async with page_person(api, AccessScope.OPERATE) as person:
        page = await person.do("/work", "/work/jobs/housekeeping/run")
        assert "A run of housekeeping is asked for." in page
        assert "A run of housekeeping is asked for." not in await person.page("/work"), "a notice is said once"
        assert "Nobody leads" in page
        [run] = await api.container.storage().job_runs().history()
        assert (run.job, run.trigger) == ("housekeeping", "api")
        assert "housekeeping is paused." in await person.do("/work", "/work/jobs/housekeeping/pause")
        assert 'formaction="work/jobs/housekeeping/resume"' in await person.page("/work")
        assert "housekeeping goes on." in await person.do("/work", "/work/jobs/housekeeping/resume")
        never = await person.send("/work", "/work/jobs/gap_analysis/pause")
        assert (never.status_code, "This cannot be done now" in never.text) == (409, True)
        assert "did you mean housekeeping" in (await person.send("/work", "/work/jobs/housekeping/run")).text
    assert await audit(api) == [
        ("run_job", 303, "/work/jobs/housekeeping/run"),
        ("pause_job", 303, "/work/jobs/housekeeping/pause"),
        ("resume_job", 303, "/work/jobs/housekeeping/resume"),
        ("pause_job", 409, "/work/jobs/gap_analysis/pause"),
        ("run_job", 404, "/work/jobs/housekeping/run"),
    ]


async def test_a_form_that_is_sent_twice_does_its_work_once(api: ServedApi) -> None:
    async with page_person(api, AccessScope.OPERATE) as person:
        fields = await person.hidden("/work")
        both = await asyncio.gather(*(person.send_again("/work/jobs/housekeeping/run", fields) for _ in range(2)))
        again = await person.send_again("/work/jobs/housekeeping/run", fields)
        assert [one.status_code for one in (*both, again)] == [303] * 3
        assert {one.headers["location"] for one in (*both, again)} == {"../../../work"}
        assert AGAIN.partition("%")[0] in await person.page("/work")
        # The same form with another button is another request.
        assert (await person.send_again("/work/jobs/housekeeping/pause", fields)).status_code == 303
        refused = await person.send_again("/work/jobs/nobody/run", fields)
        assert [refused.status_code, (await person.send_again("/work/jobs/nobody/run", fields)).status_code] == [
            404
        ] * 2
    assert len(await api.container.storage().job_runs().history()) == 1
    assert [action for action, _, _ in await audit(api)] == ["run_job", "pause_job", "run_job", "run_job"]


async def test_two_windows_with_different_rights_show_and_refuse_what_they_should(api: ServedApi) -> None:
    async with page_person(api, AccessScope.READ) as reader, page_person(api, AccessScope.OPERATE) as operator:
        assert "Run now" in await operator.page("/work")
        page = await reader.page("/work")
        assert "Run now" not in page
        assert "sign in</a> with scope <strong>operate" in page
        for path in ("/work/jobs/housekeeping/run", "/work/backfills", "/work/backfills/1/cancel"):
            answer = await reader.send("/sign-in", path)
            assert (answer.status_code, "needs a key of scope operate" in answer.text) == (403, True), path
            assert "You may not do that" in answer.text
        assert "needs a key of scope operate" in await reader.page("/work/backfills/1/cancel", 403)
        foreign = await reader.send_again("/work/jobs/housekeeping/run", {"form": "x"})
        assert (foreign.status_code, "This form was not accepted" in foreign.text) == (403, True)
        null = await operator.send("/work", "/work/backfills", description="\0")
        assert (null.status_code, "null character" in null.text) == (422, True)
    assert await api.container.storage().job_runs().history() == []


async def test_whoever_has_no_key_is_led_to_one(database_url: str) -> None:
    async with served_api(database_url) as api, page_person(api, None) as person:
        assert "Run now" not in await person.page("/work")
        answer = await person.send("/sign-in", "/work/jobs/housekeeping/run")
        assert (answer.status_code, "Sign in for that" in answer.text) == (403, True)
        assert "gridkeeper users add NAME --scope operate" in answer.text
        assert ">Sign in</a>" in answer.text


async def test_a_backfill_is_planned_confirmed_paused_retried_and_cancelled(api: ServedApi) -> None:
    service = api.container.collection().backfills()
    async with page_person(api, AccessScope.OPERATE) as person:
        assert "The plan" not in await person.page("/work/backfills/new")
        plan = await person.page(f"/work/backfills/new?{QUERY}")
        assert "Windows to ask for" in plan
        assert "Start this backfill" in plan
        assert await service.newest() == [], "a plan starts nothing"
        page = await person.do(f"/work/backfills/new?{QUERY}", "/work/backfills", **RANGE, description=HOSTILE)
        [row] = await service.newest()
        path = f"/work/backfills/{row.backfill_id}"
        assert f"Backfill {row.backfill_id} of {row.planned} window" in page
        assert row.description == HOSTILE
        assert "is paused" in await person.do(path, f"{path}/pause")
        await _fail_a_window(api, row.backfill_id)
        page = await person.page(path)
        assert "Resume" in page
        assert ">rests<" in page
        assert " 1 failed," in page[page.index('id="window-table"') :]
        assert f"Hostile: {HOSTILE}" in page
        assert f"{HOSTILE}" in await person.page(f"{path}?state=failed&after=0")
        assert "goes on" in await person.do(path, f"{path}/resume")
        assert "queued again" in await person.do(path, f"{path}/retry-failed")
        assert "cannot be resumed" in await person.page(f"{path}/cancel")
        assert "is cancelled" in await person.do(f"{path}/cancel", f"{path}/cancel")
        assert (await person.send(path, f"{path}/resume")).status_code == 409
        assert "/pause" not in await person.page(path)
        queued = await person.do(f"/work/backfills/new?{QUERY}", "/work/backfills", **RANGE, reprocess="missing")
        assert "is queued" in queued
        nothing = await person.do(f"/work/backfills/new?{QUERY}", "/work/backfills", **RANGE)
        assert "Nothing lacks in this range by now" in nothing
        for wrong in ("area=XX&from=2024-01-01", "from=soon", "from=2024-01-01&reprocess=some", "from=1991-01-01"):
            assert 'role="alert"' in await person.page(f"/work/backfills/new?{wrong}", 422), wrong
        refused = await person.send("/work/backfills/new", "/work/backfills", **(RANGE | {"from": "soon"}))
        assert (refused.status_code, 'value="soon"' in refused.text) == (422, True)
        assert "there is no backfill 99" in await person.page("/work/backfills/99", 404)
    assert ("start_backfill", 303, "/work/backfills") in await audit(api)


async def _fail_a_window(api: ServedApi, backfill_id: int) -> None:
    repository = api.container.collection().backfill_rows()
    await repository.resume(backfill_id)
    window = await repository.claim(backfill_id, "test")
    assert window is not None
    await repository.end(window, WindowAttempt(Outcome.FAILED, error_class="Hostile", error_message=HOSTILE))
    await repository.pause(backfill_id, "paused by hand")


async def test_runs_are_found_by_job_and_outcome_page_by_page_and_each_has_a_page(api: ServedApi) -> None:
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    async with api.container.database().connection() as connection:
        await connection.execute(
            "insert into job_runs (job, scheduled_for, trigger, kind, outcome, error, started_at, finished_at, skipped) "
            "select $1::text || ':' || n % 2, $2::timestamptz - n * interval '1 minute', 'cron', 'collect', "
            "case when n = 7 then 'failed' else 'succeeded' end, $1, $2, $2, array[$1]::text[] from generate_series(0, 119) as n",
            HOSTILE, at,
        )  # fmt: skip
    async with page_person(api, AccessScope.READ) as person:
        path, seen = "/work", 0
        while path:
            page = await person.page(path)
            seen += page.count('href="work/run?') - page.partition('id="run-table"')[0].count('href="work/run?')
            following = page.partition('rel="next" href="')[2].partition('"')[0]
            path = f"/{following}" if following else ""
        assert seen == 120
        failed = await person.page(f"/work?outcome=failed&job={quote(f'{HOSTILE}:1')}")
        assert failed.partition('id="run-table"')[2].count('href="work/run?') == 1
        assert "No such run" in await person.page(f"/work?outcome=failed&job={quote(f'{HOSTILE}:0')}")
        run = await person.page(f"/work/run?job={quote(f'{HOSTILE}:0')}&at=2026-01-01T12:00:00Z")
        assert "Left undone" in run
        for wrong, status in (
            ("/work?outcome=none", 422),
            ("/work?before=x", 422),
            ("/work/run?job=x&at=2026-01-01T12:00:00", 404),
            ("/work/run?job=x&at=2026-01-01T12:00:00Z", 404),
            ("/work/run?job=x&at=9999-12-31T23:59-10:00", 404),
            ("/work/run?job=x", 422),
            ("/work/nothing", 404),
        ):
            await person.page(wrong, status)


async def test_workers_and_queues_are_shown_where_work_is_shared_and_one_is_asked_to_end(database_url: str) -> None:
    async with (
        served_api(database_url, tasks={"backend": "procrastinate"}) as api,
        page_person(api, AccessScope.OPERATE) as person,
    ):
        assert "No process runs shared tasks" in await person.page("/work")
        registry = api.container.tasks().registry()
        await registry.beat(WorkerRole("one/two", ("gap", "backfill"), 8, HOSTILE), WorkerCounts(3, 70, 1, 12.0))
        page = (await person._client.get("/work")).text
        assert "3 of 8" in page
        assert "<img src=x" not in page
        assert page.count('<th scope="row">live</th>') == 1
        told = await person.do("/work", "/work/workers/one/two/drain")
        assert "one/two takes no further task" in told
        assert "draining" in told
        assert "/work/workers/one/two/drain" not in told
        assert (await person.send("/work", "/work/workers/three/drain")).status_code == 404
        async with api.container.database().connection() as connection:
            await connection.execute("update workers set heartbeat_at = heartbeat_at - interval '1 hour'")
        assert ">silent<" in await person.page("/work")
        assert "was silent and is forgotten" in await person.do("/work", "/work/workers/one/two/drain")
        assert "No process runs shared tasks" in await person.page("/work")
    async with served_api(database_url) as alone, page_person(alone, AccessScope.READ) as visitor:
        assert "Workers" not in await visitor.page("/work")
