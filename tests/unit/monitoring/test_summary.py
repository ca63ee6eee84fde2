"""How things are in a sentence, and how fresh each item is in each area."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.monitoring.health import Health
from app.monitoring.models import Lateness, Objective, RunTotals, Sample
from app.monitoring.overview import DisabledChannel, FiringAlert, GapCount, Leader, OpenBackfill, Overview
from app.monitoring.summary import Standing, freshness, summary_of, up_to
from app.monitoring.trends.queries import Trends
from app.monitoring.zones.queries import ZoneScore
from app.web.pages.overview.filters import OverviewFilter
from app.web.pages.overview.sparkline import Sparkline, trend_line
from app.web.pages.overview.tiles import tiles_of

NOW = datetime(2026, 3, 1, 19, 50, tzinfo=UTC)


def pair(item: str = "load_actual", area: str = "FR", late: float = 0, **changes: Any) -> Lateness:
    """A quarter-hourly pair, late by so many minutes."""
    values: dict[str, Any] = {
        "newest_start": NOW - timedelta(minutes=20),
        "resolution": "PT15M",
        "due_at": NOW - timedelta(minutes=late) if late else NOW + timedelta(minutes=5),
        "late": timedelta(minutes=late),
    }
    return Lateness(item, area, **values | changes)


def health(*lateness: Lateness, **overview: Any) -> Health:
    leader = Leader(3, "grid:1", NOW, NOW, alive=True)
    runs = RunTotals(runs=100, failed=0)
    return Health(
        NOW,
        Overview(**{"leader": leader} | overview),
        (),
        dict.fromkeys(("1h", "24h", "30d"), runs),
        Objective(0.99, 100, 100),
        Objective(0.99, 100, 100),
        lateness,
        360,
    )


def alert(severity: str = "warning", suppressed: str = "") -> FiringAlert:
    return FiringAlert(1, "collection_failing", {}, severity, NOW, acknowledged=False, suppressed=suppressed)


def gap(reason: str = "ours", lasting: int = 2) -> GapCount:
    return GapCount(reason, 3, 40, NOW, lasting)


@pytest.mark.parametrize(
    ("state", "condition", "text"),
    [
        (
            health(pair(), pair(area="NL")),
            Standing.GOOD,
            "All 2 pairs of item and area are up to date; no alert fires.",
        ),
        (health(), Standing.IDLE, "The first values have just been collected; no alert fires."),
        (
            health(pair(), pair(area="NL", late=20), alerts=(alert(), alert())),
            Standing.WARN,
            "1 of 2 pairs of item and area is late; 2 alerts fire.",
        ),
        (
            health(pair(late=90), alerts=(alert("critical"),), gaps=(gap(),)),
            Standing.BAD,
            "2 gaps are ours for more than an hour; 1 of 1 pairs of item and area is late; 1 alert fires.",
        ),
        (
            health(pair(), alerts=(alert(suppressed="silence 3"),), gaps=(gap("late"), gap(lasting=0))),
            Standing.GOOD,
            "All 1 pairs of item and area are up to date; no alert fires.",
        ),
        (
            health(pair(), leader=Leader(3, "grid:1", NOW, NOW), disabled_channels=(DisabledChannel("mail", NOW, ""),)),
            Standing.BAD,
            (
                "No replica leads since grid:1 fell silent; 1 channel is disabled; all 1 pairs of item and area are up "
                "to date; no alert fires."
            ),
        ),
    ],
)
def test_the_sentence_tells_the_worst_first(state: Health, condition: Standing, text: str) -> None:
    found = summary_of(state)
    assert (found.condition, found.text) == (condition, text)


def test_areas_come_worst_first_and_a_border_counts_for_both_ends_that_have_values_of_their_own() -> None:
    found = freshness(
        [
            pair(area="FR"),
            pair("load_actual", "NL", late=20),
            pair("flow_physical", "FR>NL", late=90),
            pair("flow_physical", "CH>FR"),
            pair("flow_physical", "AT>CH", due_at=None),
        ]
    )
    assert [(one.area, one.condition, one.late_pairs, one.pairs) for one in found] == [
        ("NL", Standing.BAD, 2, 2),
        ("FR", Standing.BAD, 1, 3),
        ("AT>CH", Standing.IDLE, 0, 1),
    ]
    flows = found[1].cells["flow_physical"]
    assert (flows.leading.area, flows.late, flows.late_pairs) == ("FR>NL", timedelta(minutes=90), 1)
    assert found[1].newest == NOW - timedelta(minutes=20)


def test_values_reach_the_end_of_the_newest_unit_that_is_over() -> None:
    ahead = pair("price_day_ahead", newest_start=NOW + timedelta(hours=20))
    assert up_to([pair(), ahead], NOW) == NOW - timedelta(minutes=5)
    assert up_to([ahead], NOW) is None


def test_bad_tiles_come_first_and_say_why() -> None:
    state = health(
        pair(late=90),
        alerts=(alert("critical"), alert(suppressed="silence 1")),
        gaps=(gap(), gap("late")),
        backfills=(OpenBackfill(1, "", paused=True, windows=10, done=4),),
        blocked_until=NOW + timedelta(seconds=90),
    )
    state = replace(state, collection={**state.collection, "24h": RunTotals(runs=100, failed=30)})
    found = {tile.name: tile for tile in tiles_of(state, [], Trends(success=[None, 1, 0.5], gaps=[1, 1]))}
    assert {tile.name for tile in list(found.values())[:4]} == {"Collection", "Freshness", "Alerts", "Request budget"}
    assert (found["Collection"].figure, found["Collection"].condition) == ("70.00 %", Standing.BAD)
    assert (found["Freshness"].figure, found["Freshness"].condition) == ("0 of 1", Standing.BAD)
    assert found["Alerts"].notes == ("collection_failing", "1 held back")
    assert found["Backfills"].notes == ("4 of 10 windows", "1 paused")
    assert found["Request budget"].notes == ("blocked for 1 min",)
    assert found["Quality"].condition is Standing.IDLE
    assert found["Gaps"].notes == ("not looked for yet",)
    assert found["Replicas"].condition is Standing.GOOD
    state = replace(state, replicas=(Sample(NOW, "a:1", leader=True, read_replica_away_seconds=3),))
    [replicas] = [tile for tile in tiles_of(state, [], Trends()) if tile.name == "Replicas"]
    assert (replicas.condition, replicas.notes[-1]) == (
        Standing.WARN, "a:1 reads from the primary, not from the replica",
    )  # fmt: skip
    assert found["Gaps"].trend == Sparkline(
        ("2.0,2.0 118.0,2.0",), "Gaps by day, the last 14 days: between 1 and 1, at last 1"
    )
    assert found["Collection"].trend is not None
    assert found["Collection"].trend.words.endswith("between 50% and 100%, at last 50%")
    assert found["Quality"].trend is None
    scores = [ZoneScore("FR", NOW.date(), 80, 1, 1), ZoneScore("NL", NOW.date(), 98, 2, 0)]
    [quality] = [tile for tile in tiles_of(state, scores, Trends()) if tile.name == "Quality"]
    assert (quality.figure, quality.notes) == ("92.0", ("mean score of 2026-03-01", "1 of 3 series below 90"))


def test_a_filter_says_what_of_it_names_nothing() -> None:
    rows = freshness([pair(), pair(area="NL", late=90)])
    chosen = OverviewFilter.of(["NL", ""], [], ["bad"])
    assert ([one.area for one in chosen.rows(rows, chosen.columns(["load_actual"]))], chosen.narrow) == (["NL"], True)
    assert list(chosen.problems(["NL"], [])) == []
    wrong = OverviewFilter.of(["XX", "DE_L", "BE"], ["load_actul"], ["foo"])
    assert list(wrong.problems(["NL"], ["load_actual"])) == [
        "There is no area 'XX'.",
        "There is no area 'DE_L', did you mean DE_LU or DE_AT_LU or DE?",
        "Nothing of the area BE has been collected in the last day.",
        "There is no item 'load_actul', did you mean load_actual?",
        "There is no state 'foo'; there are bad, warn, idle, good.",
    ]


def test_a_trend_is_drawn_with_its_holes() -> None:
    drawn = trend_line([1, 3, None, 2], "Hours")
    assert drawn == Sparkline(("2.0,22.0 40.7,2.0", "118.0,12.0 118.0,12.0"), "Hours: between 1 and 3, at last 2")
    flat = trend_line([5, 5], "Hours")
    assert flat is not None
    assert flat.lines == ("2.0,12.0 118.0,12.0",)
    assert trend_line([None, 4], "Hours") is None
