"""How results change what is known of a website: confirmation, windows, and the pause of checks that keep failing. Pure.

A result is placed after everything that is known already, so that windows keep their order when the clock goes back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from app.probes.websites.models import OURS, CheckState, WebsiteDraft, WebsiteStatus, WindowChange, WindowKind

TICK = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BREAK_AFTER = 5
"""Failures in a row after which checks pause."""
BREAK_FIRST, BREAK_LONGEST = timedelta(minutes=5), timedelta(minutes=30)
BREAK_JITTER = 0.1
"""A pause is so much longer at most, as a share: websites of one host come back at different moments."""


@dataclass(frozen=True, slots=True)
class CheckPolicy:
    """How a website is checked and what confirms a change of its status."""

    interval: timedelta
    timeout: timedelta
    failures: int
    successes: int
    retry: timedelta
    """Between checks while a change waits for its confirmation."""
    phase: float
    """Where in the interval the checks of the website are, from 0 up to 1."""

    @property
    def grace(self) -> timedelta:
        """How late a check may be before its website counts as unknown."""
        return self.interval + self.timeout


@dataclass(frozen=True, slots=True)
class StateStep:
    """The state after an event, and what becomes of the windows, in order."""

    state: CheckState
    changes: tuple[WindowChange, ...] = ()


def begun(at: datetime, *, enabled: bool) -> StateStep:
    """A new website: unknown until its first result, which is due at once; paused where it is not enabled."""
    kind = WindowKind.UNKNOWN if enabled else WindowKind.PAUSED
    state = CheckState(WebsiteStatus.UNKNOWN, at, at, at, unknown=enabled)
    return StateStep(state, (WindowChange(kind, at),))


def paused(state: CheckState, at: datetime) -> StateStep:
    """Nobody looks any more: what is open ends; when it was checked last stays known."""
    at = _after(state, at)
    changes = [*_ended(state, at), WindowChange(WindowKind.PAUSED, at)]
    return StateStep(replace(_anew(state, at, unknown=False), checked_at=state.checked_at), tuple(changes))


def resumed(state: CheckState, at: datetime) -> StateStep:
    """Unknown until the next result, which is due at once."""
    at = _after(state, at)
    changes = (WindowChange(WindowKind.PAUSED, None, at), WindowChange(WindowKind.UNKNOWN, at))
    return StateStep(replace(_anew(state, at, unknown=True), checked_at=state.checked_at), changes)


def restarted(state: CheckState, at: datetime) -> StateStep:
    """The website leads elsewhere now: what was known of the other address says nothing of this one."""
    at = _after(state, at)
    changes = [*_ended(state, at), WindowChange(WindowKind.UNKNOWN, at)]
    return StateStep(_anew(state, at, unknown=True), tuple(changes))


def edited(state: CheckState, before: WebsiteDraft, draft: WebsiteDraft, at: datetime) -> StateStep:
    """What an edit makes of the state: another question is due at once, and so is one that is asked more often now."""
    if before.enabled != draft.enabled:
        return resumed(state, at) if draft.enabled else paused(state, at)
    if not draft.enabled:
        return StateStep(replace(state, version=state.version + 1))
    if before.url != draft.url:
        return restarted(state, at)
    if before.regions != draft.regions:
        # What several regions made of it is no run of failures or successes of whoever checks it now.
        state = replace(
            state, failures=0, first_failed_at=None, successes=0, first_succeeded_at=None, breaks=0, break_until=None
        )
    wider = draft.check_interval > before.check_interval
    due = state.due_at if wider or _same_question(before, draft) else min(at, state.due_at)
    return StateStep(replace(state, due_at=due, version=state.version + 1))


def _same_question(before: WebsiteDraft, draft: WebsiteDraft) -> bool:
    """Whether only names differ, or how many answers confirm a change."""
    renamed = replace(before, name=draft.name, note=draft.note, labels=draft.labels)
    return replace(renamed, failures=draft.failures, successes=draft.successes) == draft


def _anew(state: CheckState, at: datetime, *, unknown: bool) -> CheckState:
    return CheckState(WebsiteStatus.UNKNOWN, at, at, at, unknown=unknown, version=state.version + 1)


def _ended(state: CheckState, at: datetime) -> list[WindowChange]:
    """The ends of the windows that are open, and the time behind the last result in which nobody knew."""
    changes = [] if state.unknown else _missed(state, at)
    if state.unknown:
        changes.append(WindowChange(WindowKind.UNKNOWN, None, at))
    if state.status is WebsiteStatus.DOWN:
        changes.append(WindowChange(WindowKind.DOWN, None, at))
    return changes


def after_check(
    state: CheckState, policy: CheckPolicy, at: datetime, reason: str, *, now: datetime, jitter: float = 0.0
) -> StateStep:
    """What a check shows that began `at` and ended `now`; an empty reason says that it was good.

    `jitter`, from 0 up to 1, lengthens a pause of the checks.
    """
    placed = _after(state, at)
    if reason == OURS:
        return _blind(state, policy, placed, now)
    before = state
    if _looked_away(state, policy, placed):
        # What was not confirmed before nobody looked is too old to be half of a confirmation.
        if state.status is WebsiteStatus.DOWN:
            state = replace(state, successes=0, first_succeeded_at=None)
        else:
            state = replace(state, failures=0, first_failed_at=None, breaks=0, break_until=None)
    state = replace(state, checked_at=placed, latest_at=placed, reason=reason, version=state.version + 1)
    if reason:
        state, change = _failed(state, policy, placed, reason)
        state = _broken(state, now, jitter)
    else:
        state, change = _succeeded(state, policy, placed)
    state = replace(state, unknown=state.status is WebsiteStatus.UNKNOWN)
    due = next_due(state, policy, now)
    known_until = None if state.unknown else max(placed, due) + policy.grace
    changes = _known_again(before, state, placed)
    return StateStep(replace(state, due_at=due, known_until=known_until), (*changes, *change))


def _looked_away(state: CheckState, policy: CheckPolicy, at: datetime) -> bool:
    """Whether nobody looked, or saw anything, between the last check and this one."""
    if state.status is WebsiteStatus.UNKNOWN:
        return state.reason == OURS or at > state.due_at + policy.grace
    return state.unknown or bool(_missed(state, at))


def _known_again(before: CheckState, state: CheckState, at: datetime) -> list[WindowChange]:
    """The end of the time in which nobody knew: what was never up is down since its first failed check."""
    if not before.unknown:
        lasting = [WindowChange(WindowKind.UNKNOWN, at)] if state.unknown else []
        return [*_missed(before, at), *lasting]
    if state.unknown:
        return []
    never = before.status is WebsiteStatus.UNKNOWN and state.status is WebsiteStatus.DOWN
    return [WindowChange(WindowKind.UNKNOWN, None, state.changed_at if never else at)]


def _after(state: CheckState, at: datetime) -> datetime:
    return max(at, state.latest_at + TICK)


def _missed(state: CheckState, at: datetime) -> list[WindowChange]:
    """The time between what the last result speaks for and now, where there is some."""
    if state.known_until is None or state.known_until >= at:
        return []
    return [WindowChange(WindowKind.UNKNOWN, state.known_until, at)]


def _blind(state: CheckState, policy: CheckPolicy, at: datetime, now: datetime) -> StateStep:
    """This machine saw nothing: neither a confirmation nor a failure, and nobody knows how the website is."""
    changes: tuple[WindowChange, ...] = ()
    known_until = state.known_until
    if not state.unknown:
        known_until = at if known_until is None else min(at, known_until)
        changes = (WindowChange(WindowKind.UNKNOWN, known_until, reason=OURS),)
    due = now + min(policy.interval, policy.retry * 3)
    # A website whose checks pause is not asked more often because of us.
    if state.break_until is not None and state.break_until <= now + BREAK_LONGEST * (1 + BREAK_JITTER):
        due = max(due, state.break_until)
    return StateStep(
        replace(
            state, unknown=True, known_until=known_until, checked_at=at, latest_at=at, due_at=due, reason=OURS,
            version=state.version + 1,
        ),
        changes,
    )  # fmt: skip


def _failed(
    state: CheckState, policy: CheckPolicy, at: datetime, reason: str
) -> tuple[CheckState, tuple[WindowChange, ...]]:
    first = state.first_failed_at or at
    state = replace(state, failures=state.failures + 1, first_failed_at=first, successes=0, first_succeeded_at=None)
    if state.status is WebsiteStatus.DOWN or state.failures < policy.failures:
        return state, ()
    return replace(state, status=WebsiteStatus.DOWN, changed_at=first), (
        WindowChange(WindowKind.DOWN, first, reason=reason),
    )


def _succeeded(state: CheckState, policy: CheckPolicy, at: datetime) -> tuple[CheckState, tuple[WindowChange, ...]]:
    state = replace(state, failures=0, first_failed_at=None, breaks=0, break_until=None)
    if state.status is not WebsiteStatus.DOWN:
        changed_at = state.changed_at if state.status is WebsiteStatus.UP else at
        return replace(state, status=WebsiteStatus.UP, changed_at=changed_at), ()
    first = state.first_succeeded_at or at
    state = replace(state, successes=state.successes + 1, first_succeeded_at=first)
    if state.successes < policy.successes:
        return state, ()
    state = replace(state, status=WebsiteStatus.UP, changed_at=first, successes=0, first_succeeded_at=None)
    return state, (WindowChange(WindowKind.DOWN, None, first),)


def _broken(state: CheckState, now: datetime, jitter: float) -> CheckState:
    """The checks pause after so many failures, and longer each time the one after a pause fails too."""
    if state.failures < BREAK_AFTER:
        return state
    if state.break_until is not None and now < state.break_until <= now + BREAK_LONGEST * (1 + BREAK_JITTER):
        return state  # somebody asked for this check
    pause = min(BREAK_FIRST * 2 ** min(state.breaks, 10), BREAK_LONGEST) * (1 + BREAK_JITTER * jitter)
    return replace(state, breaks=state.breaks + 1, break_until=now + pause)


def next_due(state: CheckState, policy: CheckPolicy, now: datetime) -> datetime:
    """When the website is to be checked again: soon while a change is unconfirmed, else at the next slot of its phase."""
    slot = next_slot(policy, now)
    if state.break_until is not None and state.break_until > now:
        return max(state.break_until, slot) if policy.interval > BREAK_FIRST else state.break_until
    down = state.status is WebsiteStatus.DOWN
    if (state.successes if down else state.failures) > 0:
        return min(slot, now + policy.retry)
    return slot


def next_slot(policy: CheckPolicy, now: datetime) -> datetime:
    """The next moment of the website's phase that is not just about to come."""
    interval = policy.interval.total_seconds()
    earliest = (now - EPOCH).total_seconds() + interval / 10
    number = math.floor(earliest / interval - policy.phase) + 1
    return EPOCH + timedelta(seconds=(number + policy.phase) * interval)
