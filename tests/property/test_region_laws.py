"""Whatever the regions of a website see: nobody is overruled by fewer than the quorum, and windows never overlap."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.probes.regions.models import RegionView, needed
from app.probes.regions.vote import after_vote, decided
from app.probes.websites import state as machine
from app.probes.websites.models import OURS, WebsiteStatus, WindowKind
from app.probes.websites.state import CheckPolicy
from tests.property.test_website_laws import T0, Kept, holds, shows

POLICY = CheckPolicy(timedelta(seconds=60), timedelta(seconds=30), 2, 2, timedelta(seconds=20), 0.5)
EVENTS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["", "", "timeout", "timeout", OURS]), st.floats(-100, 200)),
    max_size=60,
)


@given(st.integers(1, 4), st.data(), EVENTS)
def test_only_a_quorum_says_down_and_windows_say_what_the_state_says(
    regions: int, data: st.DataObject, events: list[tuple[int, str, float]]
) -> None:
    quorum = needed(data.draw(st.integers(0, regions)), regions)
    first = machine.begun(T0, enabled=True)
    views = dict.fromkeys(range(regions), first.state)
    kept, now = Kept(first.state), T0
    kept.take(first)
    for region, reason, seconds in events:
        now += timedelta(seconds=seconds)  # the clock goes back too
        number, before = region % regions, kept.state.status
        step = machine.after_check(views[number], POLICY, now, reason, now=now)
        views[number] = step.state
        seen = [RegionView(str(one), found) for one, found in views.items()]
        kept.take(after_vote(kept.state, seen, quorum, step.state.latest_at, now=now))
        holds(kept)
        votes = [view.status(now) for view in seen]
        downs, ups = votes.count(WebsiteStatus.DOWN), votes.count(WebsiteStatus.UP)
        status = kept.state.status
        shows(kept, max(now, kept.state.latest_at))
        assert kept.state.unknown == (downs + ups < quorum or status is WebsiteStatus.UNKNOWN)
        if downs >= quorum:
            assert status is WebsiteStatus.DOWN
        elif before is not WebsiteStatus.DOWN:
            assert status is not WebsiteStatus.DOWN, "fewer than the quorum open no downtime"
        elif ups >= quorum:
            assert status is WebsiteStatus.UP
        # A region that no process has should have looked long ago, and is not what is waited for.
        dues = [one.due_at for one in views.values()]
        assert kept.state.due_at == min([due for due in dues if due > now] or dues)


@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, 8), st.integers(1, 8), st.sampled_from(WebsiteStatus))
def test_one_more_down_vote_never_ends_a_downtime(
    ups: int, downs: int, silent: int, quorum: int, before: WebsiteStatus
) -> None:
    found = decided(before, ups, downs, silent, quorum)
    more = decided(before, ups, downs + 1, silent, quorum)
    if found is WebsiteStatus.DOWN:
        assert more is WebsiteStatus.DOWN
    if ups + downs < quorum:
        assert found is None
    if silent == 0 and ups + downs >= quorum:
        assert found is (WebsiteStatus.DOWN if downs >= quorum else WebsiteStatus.UP), "all have a vote: it is decided"


def test_a_downtime_begins_when_the_quorum_failed_and_ends_when_it_is_lost() -> None:
    kept = Kept(machine.begun(T0, enabled=True).state)
    kept.take(machine.begun(T0, enabled=True))
    views = dict.fromkeys("abc", kept.state)

    def check(region: str, seconds: int, reason: str) -> None:
        at = T0 + timedelta(seconds=seconds)
        views[region] = machine.after_check(views[region], POLICY, at, reason, now=at).state
        seen = [RegionView(name, found) for name, found in views.items()]
        kept.take(after_vote(kept.state, seen, 2, at, now=at))

    for second, reason in ((1, ""), (60, "timeout"), (80, "timeout")):
        for index, region in enumerate("abc"):
            if region != "c" or second < 60:
                check(region, second + index, reason if region != "c" else "")
    assert kept.state.status is WebsiteStatus.DOWN
    check("b", 100, "")
    assert kept.state.status is WebsiteStatus.DOWN, "a good check does not confirm the end"
    check("b", 120, "")
    [down] = [one for one in kept.windows if one.kind is WindowKind.DOWN]
    assert (down.start, down.end) == (T0 + timedelta(seconds=61), T0 + timedelta(seconds=100))
    assert (kept.state.status, kept.state.changed_at, down.reason) == (WebsiteStatus.UP, down.end, "timeout")
    views = {name: replace(found, unknown=True, reason=OURS) for name, found in views.items()}
    step = after_vote(
        kept.state,
        [RegionView(name, found) for name, found in views.items()],
        2,
        T0 + timedelta(seconds=130),
        now=T0 + timedelta(seconds=130),
    )
    assert (step.state.unknown, step.state.reason, step.state.status) == (True, OURS, WebsiteStatus.UP)
