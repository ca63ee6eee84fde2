"""Answers that are cut, from the platform to the exit code: every value is there, or the window is named."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from app.cli import run
from tests.support.cut_platform import CutPlatform, cut_platform

HALF_DAY = timedelta(hours=12)


def collected(
    platform: CutPlatform, item: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, Any], set[str]]:
    """Exit code and answer of `collect` for forty days, and the reasons that `gaps` then tells."""
    with cut_platform(platform) as url:
        monkeypatch.setenv("GRIDKEEPER_ENTSOE__BASE_URL", url)
        asked = ["--area", "FR", "--item", item, "--from", "2024-01-02", "--to", "2024-02-11", "--json"]
        code = run(["collect", *asked])
        answer = json.loads(capsys.readouterr().out)
        run(["gaps", *asked])
        return code, answer, {gap["reason"] for gap in json.loads(capsys.readouterr().out)["gaps"]}


@pytest.fixture(autouse=True)
def platform_settings(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    monkeypatch.setenv("GRIDKEEPER_LOG__LEVEL", "error")
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__TOKEN", "00000000-0000-4000-8000-000000000000")
    monkeypatch.setenv("GRIDKEEPER_ENTSOE__REQUESTS_PER_MINUTE", "350")


@pytest.mark.parametrize(
    ("item", "platform", "values"),
    [
        ("price_day_ahead", CutPlatform(sequences=3, most=100), 2_880),
        ("load_actual", CutPlatform(longest=timedelta(days=20)), 960),
    ],
    ids=["paging without effect", "an answer that stops after 20 of 40 days"],
)
def test_a_cut_answer_is_completed(
    item: str,
    platform: CutPlatform,
    values: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, answer, reasons = collected(platform, item, monkeypatch, capsys)
    assert (code, sum(one["new"] for one in answer["summary"]), reasons) == (0, values, set())


@pytest.mark.parametrize(
    ("item", "platform"),
    [
        ("price_day_ahead", CutPlatform(sequences=120, most=100)),
    ],
    ids=["paging without effect within a day"],
)
def test_what_cannot_be_completed_is_a_failure_and_ours(
    item: str, platform: CutPlatform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer, reasons = collected(platform, item, monkeypatch, capsys)
    assert (code, reasons) == (3, {"ours"})
    assert "the answer is cut" in answer["failures"][0]["reason"]
