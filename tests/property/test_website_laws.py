"""Whatever happens to a website: windows never overlap, the state says what the windows say, and pauses are bounded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.probes.websites import state as machine
from app.probes.websites.availability import availability_of, since_known
from app.probes.websites.models import (
    OURS,
    CheckState,
    StatusWindow,
    Website,
    WebsiteDraft,
    WebsiteStatus,
    WindowKind,
)
from app.probes.websites.state import BREAK_JITTER, BREAK_LONGEST, CheckPolicy, StateStep

T0 = datetime(2026, 3, 1, tzinfo=UTC)
DRAFT = WebsiteDraft("https://example.com", "Example")
POLICIES = st.builds(
    CheckPolicy,
    interval=st.sampled_from([timedelta(seconds=seconds) for seconds in (60, 300, 3600)]),
    timeout=st.just(timedelta(seconds=30)),
    failures=st.integers(1, 4),
    successes=st.integers(1, 4),
    retry=st.just(timedelta(seconds=20)),
    phase=st.floats(0, 1, exclude_max=True),
)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["", "timeout", "status", OURS]), st.floats(0, 1)),
        st.tuples(st.sampled_from(["pause", "resume", "move", "edit"]), st.just(0.0)),
    ),
    max_size=40,
)
STEPS = st.floats(-7200, 7200)


@dataclass
class Kept:
    """What a database would hold."""

    state: CheckState
    draft: WebsiteDraft = DRAFT
    windows: list[StatusWindow] = field(default_factory=list)

    def take(self, step: StateStep) -> None:
        assert step.state.version == self.state.version + 1 or not self.windows
        self.state = step.state
        for change in step.changes:
            if change.start is not None:
                self.windows.append(StatusWindow(change.kind, change.start, change.end, change.reason))
                continue
            open_ones = [one for one in self.windows if one.kind is change.kind and one.end is None]
            assert len(open_ones) == 1
            self.windows.remove(open_ones[0])
            # One that would end where it began never was.
            assert change.end is not None
            if change.end > open_ones[0].start:
                self.windows.append(replace(open_ones[0], end=change.end))

    def edit(self, draft: WebsiteDraft, at: datetime) -> None:
        self.take(machine.edited(self.state, self.draft, draft, at))
        self.draft = draft


def holds(kept: Kept) -> None:
    for kind in WindowKind:
        own = sorted((one for one in kept.windows if one.kind is kind), key=lambda one: one.start)
        assert all(one.end is None or one.end > one.start for one in own)
        assert all(one.end is not None and one.end <= two.start for one, two in pairwise(own))
    lasting = {one.kind for one in kept.windows if one.end is None}
    assert (WindowKind.PAUSED in lasting) == (not kept.draft.enabled)
    assert (WindowKind.UNKNOWN in lasting) == kept.state.unknown
    assert (WindowKind.DOWN in lasting) == (kept.state.status is WebsiteStatus.DOWN)


def shows(kept: Kept, now: datetime) -> None:
    """What people are shown is what the windows say, since when they say it; and the times add up."""
    website = Website(1, kept.draft, T0, T0, kept.state)
    windows = [*kept.windows, *since_known(website, now)]
    lasting = {one.kind: one.start for one in windows if one.start <= now and (one.end is None or one.end > now)}
    kinds = (WindowKind.PAUSED, WindowKind.UNKNOWN, WindowKind.DOWN)
    expected = next((WebsiteStatus(kind) for kind in kinds if kind in lasting), WebsiteStatus.UP)
    assert website.status(now) is expected
    if expected is WebsiteStatus.UP:
        started = website.since(now)
        assert not any(
            one.kind in {WindowKind.DOWN, WindowKind.PAUSED} and (one.end is None or one.end > started)
            for one in windows
        )
    else:
        assert website.since(now) == lasting[WindowKind(expected)]
    found = availability_of(windows, T0, now)
    assert found.up + found.down + found.unknown + found.paused + found.maintenance == now - T0


@given(POLICIES, EVENTS, st.lists(STEPS, min_size=40, max_size=40))
def test_windows_never_overlap_and_say_what_the_state_says(
    policy: CheckPolicy, events: list[tuple[str, float]], steps: list[float]
) -> None:
    first = machine.begun(T0, enabled=True)
    kept, now = Kept(first.state), T0
    kept.take(first)
    for (event, jitter), seconds in zip(events, steps, strict=False):
        now += timedelta(seconds=seconds)  # the clock goes back too
        match event:
            case "pause":
                kept.edit(replace(kept.draft, enabled=False), now)
            case "resume":
                kept.edit(replace(kept.draft, enabled=True), now)
            case "move":
                kept.edit(replace(kept.draft, url=f"{kept.draft.url}/a"), now)
            case "edit":
                kept.edit(replace(kept.draft, name="Other", method="HEAD"), now)
            case reason if kept.draft.enabled:
                end = now + timedelta(seconds=1)
                kept.take(machine.after_check(kept.state, policy, now, reason, now=end, jitter=jitter))
                assert kept.state.due_at > end
                assert kept.state.due_at <= end + max(policy.interval * 1.1, BREAK_LONGEST * (1 + BREAK_JITTER)) * 2
        holds(kept)
        for later in (timedelta(0), timedelta(seconds=30), timedelta(hours=5)):
            shows(kept, max(now + timedelta(seconds=1), kept.state.latest_at) + later)


@given(POLICIES, st.lists(st.sampled_from(["timeout", OURS, OURS]), max_size=12))
def test_a_website_that_never_answered_is_unknown_until_its_failures_are_confirmed(
    policy: CheckPolicy, reasons: list[str]
) -> None:
    first = machine.begun(T0, enabled=True)
    kept, at, in_a_row, failed_at = Kept(first.state), T0, 0, T0
    kept.take(first)
    for reason in reasons:
        at += timedelta(seconds=20)
        kept.take(machine.after_check(kept.state, policy, at, reason, now=at))
        failed_at = at if reason != OURS and not in_a_row else failed_at
        in_a_row = 0 if reason == OURS else in_a_row + 1
        if in_a_row >= policy.failures:
            break
        assert Website(1, DRAFT, T0, T0, kept.state).status(at) is WebsiteStatus.UNKNOWN
        assert [(one.kind, one.start, one.end) for one in kept.windows] == [(WindowKind.UNKNOWN, T0, None)]
        shows(kept, at)
    else:
        return
    shows(kept, at)
    assert [(one.kind, one.start, one.end) for one in kept.windows] == [
        (WindowKind.UNKNOWN, T0, failed_at),
        (WindowKind.DOWN, failed_at, None),
    ]


@given(POLICIES, st.integers(1, 12))
def test_a_run_of_failures_is_down_since_its_first_and_ends_with_the_first_good_one(
    policy: CheckPolicy, good: int
) -> None:
    kept = Kept(machine.begun(T0, enabled=True).state)
    kept.take(machine.begun(T0, enabled=True))
    at, firsts = T0, list[datetime]()
    for reason in ["", *["refused"] * policy.failures, *[""] * (policy.successes + good)]:
        at += timedelta(seconds=20)
        firsts.append(at)
        kept.take(machine.after_check(kept.state, policy, at, reason, now=at))
    down = [one for one in kept.windows if one.kind is WindowKind.DOWN]
    assert [(one.start, one.end, one.reason) for one in down] == [(firsts[1], firsts[1 + policy.failures], "refused")]
    assert (kept.state.status, kept.state.changed_at) == (WebsiteStatus.UP, firsts[1 + policy.failures])


@given(POLICIES, st.lists(st.sampled_from(["timeout", OURS]), max_size=20))
def test_our_own_failures_open_no_downtime_and_confirm_none(policy: CheckPolicy, reasons: list[str]) -> None:
    step = machine.begun(T0, enabled=True)
    at, in_a_row = T0, 0
    for reason in reasons:
        at += timedelta(seconds=20)
        before = step.state
        step = machine.after_check(before, policy, at, reason, now=at)
        in_a_row = 0 if reason == OURS else in_a_row + 1
        opened = any(change.kind is WindowKind.DOWN for change in step.changes)
        assert opened == (before.status is not WebsiteStatus.DOWN and in_a_row == policy.failures)
