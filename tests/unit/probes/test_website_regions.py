"""Regions of a website: what fits together, where it lies, and how votes of several make one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.errors import ConfigurationError
from app.probes.regions.models import RegionView, check_regions, needed
from app.probes.regions.shares import check_part, check_parts, split
from app.probes.regions.vote import after_vote
from app.probes.sharing.shares import SHARDS
from app.probes.websites.models import CheckState, Website, WebsiteDraft, WebsiteStatus
from app.probes.websites.state import begun, edited
from app.probes.websites.state_rows import STATE_COLUMNS, state_lists, state_of, state_values

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STATE = begun(NOW, enabled=True).state


def draft(*regions: str, quorum: int = 0) -> WebsiteDraft:
    return WebsiteDraft("https://a.example", "A", regions=regions, quorum=quorum)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (draft("eu", "eu"), "twice"),
        (draft("eu west"), "no name of a region"),
        (draft(*(f"r{number}" for number in range(17))), "more than 16"),
        (draft("eu", "us", quorum=3), "because 2 regions are named"),
        (draft(quorum=1), "because no region is named"),
    ],
)
def test_regions_that_do_not_fit_are_refused(wrong: WebsiteDraft, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        check_regions(wrong)


def test_more_than_half_are_the_quorum_where_none_is_said() -> None:
    check_regions(draft("eu", "us", quorum=2))
    assert [needed(0, regions) for regions in (1, 2, 3, 4)] == [1, 2, 2, 3]
    assert needed(1, 3) == 1


def test_websites_with_regions_lie_in_shards_of_their_own() -> None:
    common, regional = (Website(70, one, NOW, NOW, STATE) for one in (draft(), draft("eu")))
    assert {check_part(common), check_part(regional)} == check_parts(70) == {6, SHARDS + 6}
    assert split({6, SHARDS + 6}) == ([6], [6])


def test_a_state_comes_back_from_its_row() -> None:
    row = {f"state_{name}": value for name, value in zip(STATE_COLUMNS, state_values(STATE), strict=True)}
    assert state_of(row, "state_") == STATE
    assert [column[0] for column in state_lists([STATE])] == list(state_values(STATE))


def test_other_regions_begin_to_count_anew() -> None:
    counted = CheckState(WebsiteStatus.DOWN, NOW, NOW, NOW, unknown=False, failures=7, breaks=2, break_until=NOW)
    step = edited(counted, draft("eu", "us"), draft("eu"), NOW)
    assert (step.state.status, step.state.failures, step.state.break_until) == (WebsiteStatus.DOWN, 0, None)


def test_checks_pause_where_they_pause_in_every_region() -> None:
    later = NOW + timedelta(minutes=5)
    resting = CheckState(
        WebsiteStatus.DOWN, NOW, NOW, later, unknown=False, known_until=later, failures=5, break_until=later,
        reason="refused",
    )  # fmt: skip
    views = [RegionView("eu", resting), RegionView("us", STATE)]
    one = after_vote(STATE, views, 1, NOW, now=NOW).state
    assert (one.break_until, one.failures, one.reason, one.status) == (None, 5, "refused", WebsiteStatus.DOWN)
    assert one.due_at == later, "what a silent region missed is no next check"
    assert after_vote(STATE, [RegionView("eu", resting)], 1, NOW, now=NOW).state.break_until == later
    silent = after_vote(
        one, [RegionView("eu", STATE), RegionView("us", STATE)], 1, later, now=later + timedelta(hours=1)
    )
    assert (silent.state.unknown, silent.state.status) == (True, WebsiteStatus.DOWN)
