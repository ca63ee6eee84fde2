"""What the change of the clocks explains in series whose stamps do not follow them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.quality.assessment.regular_grid import judge_rows
from app.quality.detectors.detect import detect
from app.quality.detectors.dst import places_on_clocks, resolve_clock_changes, seconds_from_local
from app.quality.models import EvidenceRule, Series, SeriesKind
from app.timeseries.rolling import Values
from tests.support.quality_series import START

CHANGE = 24 * 90 + 1
"""The hour of 31 March 2024 from which clocks show one more."""
STAMPS = START + 3600 * np.arange(24 * 120, dtype=np.int64)


def by_the_clock() -> Values:
    """Load of people who get up by their clocks."""
    hours = np.arange(24 * 120)
    local = hours + np.where(hours >= CHANGE, 2, 1)
    shape = 50_000 + 9000 * np.sin(2 * np.pi * (local - 9) / 24) + 2500 * np.sin(4 * np.pi * (local - 7) / 24)
    values: Values = shape + np.random.default_rng(3).normal(0, 150, len(hours))
    return values


def rules(values: Values, kind: SeriesKind = SeriesKind.LOAD, *, local: bool = False) -> set[str]:
    return set(judge_rows(kind, STAMPS, values, {}, local=local).rule.tolist()) - {EvidenceRule.NONE}


def test_new_clocks_are_no_shift_of_what_people_use() -> None:
    assert rules(by_the_clock()) == set()


def test_the_same_is_a_shift_on_local_stamps_and_of_the_wind() -> None:
    assert EvidenceRule.SHIFT in rules(by_the_clock(), local=True)
    assert EvidenceRule.SHIFT in rules(by_the_clock(), SeriesKind.WIND)


def test_what_clocks_do_not_explain_is_found_beside_their_change() -> None:
    values = by_the_clock()
    values[CHANGE + 24 * 3] += 20_000
    assert rules(values) & {EvidenceRule.STEP, EvidenceRule.FORECAST}


def test_steps_that_do_not_divide_an_hour_keep_their_verdict() -> None:
    series = Series(SeriesKind.LOAD, START, 7200, by_the_clock())
    verdict = detect(series)
    assert resolve_clock_changes(series, verdict) is verdict


def test_places_on_clocks_leave_the_second_run_through_an_hour_out() -> None:
    first = int(datetime(2024, 10, 26, 22, tzinfo=UTC).timestamp())
    starts = first + 3600 * np.arange(6, dtype=np.int64)
    assert places_on_clocks(starts, 3600, ZoneInfo("Europe/Paris")).tolist() == [0, 1, 2, -1, 3, 4]


def test_peers_are_laid_on_the_same_clocks() -> None:
    values = by_the_clock()
    forecast = values + np.random.default_rng(5).normal(0, 300, len(values))
    verdict = judge_rows(SeriesKind.LOAD, STAMPS, values, {"forecast": forecast}, local=False)
    assert not verdict.flags.any()


@pytest.mark.parametrize("hours", [-1, 1])
def test_of_a_series_and_its_forecast_the_one_is_to_blame_that_moved_otherwise_than_the_clocks(hours: int) -> None:
    sound = by_the_clock()
    announced = sound + np.random.default_rng(5).normal(0, 300, len(sound))
    after = slice(CHANGE, CHANGE + 24 * 14)

    def told(values: Values, role: str, other: Values) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        rule = judge_rows(SeriesKind.LOAD, STAMPS, values, {role: other}, local=False).rule
        return np.isin(rule, [EvidenceRule.PEER_SHIFT, EvidenceRule.PEER_LEVEL])

    def moved(values: Values) -> Values:
        spoiled = values.copy()
        spoiled[after] = values[after.start + hours : after.stop + hours]
        return spoiled

    assert not told(sound, "forecast", moved(announced)).any()
    assert told(moved(sound), "forecast", announced)[after].sum() > 100
    assert told(moved(announced), "measurement", sound)[after].sum() > 100


def test_no_stamps_have_no_instants() -> None:
    instants, unknown = seconds_from_local(np.zeros(0, np.int64), ZoneInfo("Europe/Berlin"))
    assert len(instants) == len(unknown) == 0
