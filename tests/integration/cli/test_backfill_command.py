"""The commands of backfills as functions, on a real database and sandbox; the wiring of options is another test's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from app.cli.backfill import commands as backfill
from app.errors import ConfigurationError, NotFound
from app.settings import variables

RANGE = {"start": "2026-01-01", "end": "2026-06-01"}


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> Iterator[None]:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    monkeypatch.chdir(tmp_path)
    yield
    structlog.reset_defaults()


def plan(**changes: Any) -> int:
    options: dict[str, Any] = {"reprocess": "missing", "oldest_first": False, "sandbox": True, "as_json": False}
    return backfill.plan_command(["DE_LU", "NL"], ["price_day_ahead"], **{**RANGE, **options, **changes})


def start(**changes: Any) -> int:
    options: dict[str, Any] = {"reprocess": "missing", "oldest_first": False, "concurrency": None, "follow": False}
    return backfill.start_command(
        ["DE_LU", "NL"], ["price_day_ahead"], **{**RANGE, **options, "sandbox": True, **changes}
    )


def status(capsys: pytest.CaptureFixture[str], backfill_id: int) -> dict[str, Any]:
    capsys.readouterr()
    assert backfill.status_command(backfill_id, as_json=True) == 0
    (found,) = json.loads(capsys.readouterr().out)["backfills"]
    return dict(found)


def test_a_plan_names_windows_requests_and_duration_and_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan() == 0
    assert "8 windows, about 8 requests: 1 s at the token's rate (360 requests a minute)" in capsys.readouterr().err
    assert plan(as_json=True) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (len(shown["windows"]), shown["requests"], shown["windows"][0]["area"]) == (8, 8, "DE_LU")
    assert backfill.status_command(None, as_json=False) == 0
    assert "there is no backfill yet" in capsys.readouterr().err


def test_a_followed_start_does_everything_and_leaves_nothing_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert start(follow=True) == 0
    captured = capsys.readouterr()
    assert "completed" in captured.out
    assert "left at the token's rate" in captured.err
    found = status(capsys, 1)
    assert (found["state"], found["windows"]["stored"], found["seconds_left"]) == ("completed", 8, 0)
    assert start() == 0
    assert "nothing to do" in capsys.readouterr().err


def test_a_start_that_is_not_followed_says_who_works_on_it_and_may_be_followed_later(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert start() == 0
    captured = capsys.readouterr()
    assert captured.out == "1\n"
    assert "gridkeeper serve" in captured.err
    assert status(capsys, 1)["windows"]["pending"] == 8
    assert plan() == 0
    assert "queued in another backfill already: 8" in capsys.readouterr().err
    assert backfill.resume_command(1, follow=True, sandbox=True) == 0
    assert status(capsys, 1)["state"] == "completed"


def test_pause_resume_and_cancel_change_the_state(capsys: pytest.CaptureFixture[str]) -> None:
    start(reprocess="all", oldest_first=True, concurrency=2)
    assert backfill.pause_command(1) == 0
    assert status(capsys, 1)["state"] == "paused"
    assert backfill.resume_command(1, follow=False, sandbox=True) == 0
    found = status(capsys, 1)
    assert (found["state"], found["concurrency"], found["newest_first"]) == ("running", 2, False)
    assert backfill.cancel_command(1) == 0
    assert "8 windows are given up" in capsys.readouterr().err
    assert status(capsys, 1)["state"] == "cancelled"


def test_failed_windows_are_listed_and_tried_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "wrong.xml").write_text("<Surprise/>")
    from app.sandbox import settings as sandbox_settings

    class Replaying(sandbox_settings.SandboxSettings):
        def __init__(self) -> None:
            super().__init__(replay=tmp_path / "wrong.xml")

    with monkeypatch.context() as patched:
        patched.setattr(sandbox_settings, "SandboxSettings", Replaying)
        assert start(follow=True) == 3
    captured = capsys.readouterr()
    assert "8 windows failed" in captured.err
    assert backfill.status_command(1, as_json=False) == 0
    listed = capsys.readouterr().out
    assert "reason" in listed
    assert "wrong.xml" in listed or "Surprise" in listed, listed
    monkeypatch.setattr("app.cli.backfill.view.FAILURES_SHOWN", 2)
    assert backfill.status_command(1, as_json=False) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "and more; --json lists them all"
    assert backfill.status_command(1, as_json=True) == 0
    assert len(json.loads(capsys.readouterr().out)["failures"]) == 8
    assert backfill.retry_failed_command(1, follow=True, sandbox=True) == 0
    assert status(capsys, 1)["windows"]["stored"] == 8
    for follow in (False, True):
        assert backfill.retry_failed_command(1, follow=follow, sandbox=True) == 0
        assert capsys.readouterr().err == "backfill 1 has no failed window; nothing is queued\n"


@pytest.mark.parametrize(
    ("changes", "named"), [({"reprocess": "some"}, "--reprocess 'some'"), ({"concurrency": 0}, "--concurrency 0")]
)
def test_a_wrong_option_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        start(**changes)


@pytest.mark.parametrize("command", [backfill.pause_command, backfill.cancel_command])
def test_an_unknown_backfill_is_named(command: Callable[[int], int]) -> None:
    with pytest.raises(NotFound, match="there is no backfill 7"):
        command(7)


def test_a_plan_for_a_time_before_the_area_says_why_it_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(start="2018-01-01", end="2018-02-01") == 0
    assert "left out: price_day_ahead for DE_LU: nothing in this range, DE_LU begins on 2018-10-01" in (
        capsys.readouterr().err
    )


def test_a_plan_for_what_is_not_published_yet_says_when_it_will_be(capsys: pytest.CaptureFixture[str]) -> None:
    tomorrows = {"start": "+20d", "end": "+30d"}
    assert plan(**tomorrows) == 0
    told = capsys.readouterr().err
    assert "0 windows, about 0 requests" in told
    assert "left out: windows that lack only what is not published yet, public from 2" in told
    assert start(**tomorrows) == 0
    assert "nothing to do" in capsys.readouterr().err


def test_the_status_says_whether_anybody_works_on_a_backfill(capsys: pytest.CaptureFixture[str]) -> None:
    start()
    assert backfill.status_command(None, as_json=False) == 0
    shown = capsys.readouterr().out
    assert "waiting for a worker: a running `gridkeeper serve` takes" in shown
    assert "where none runs, start it, or `gridkeeper backfill resume 1 --follow`" in shown
    found = status(capsys, 1)
    assert (found["waiting"], found["workers"], found["last_ended_at"]) == (True, [], None)
    backfill.pause_command(1)
    paused = status(capsys, 1)
    assert (paused["waiting"], paused["seconds_left"], paused["reason"]) == (False, None, "paused by hand")


def test_a_backfill_that_brought_nothing_says_so_and_its_exit_code_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert start(start="2030-01-01", end="2030-02-01", reprocess="all", follow=True) == 5
    assert "completed, 2 windows empty: the source had nothing for them" in capsys.readouterr().err
    found = status(capsys, 1)
    assert (found["state"], found["reason"]) == ("completed", "completed, 2 windows empty")
