"""How the views of several regions make one status and its windows: by a quorum. Pure.

A region votes with what it has confirmed itself. One that is silent, or saw nothing because of its own machine, has no vote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.probes.regions.models import RegionView
from app.probes.websites.models import OURS, CheckState, WebsiteStatus, WindowChange, WindowKind
from app.probes.websites.state import TICK, StateStep

UP, DOWN, UNKNOWN = WebsiteStatus.UP, WebsiteStatus.DOWN, WebsiteStatus.UNKNOWN


def decided(before: WebsiteStatus, ups: int, downs: int, silent: int, quorum: int) -> WebsiteStatus | None:
    """The status by so many votes; None where fewer than the quorum vote, so that nobody can know, or nothing was decided yet.

    Once so many say down, it is. It is up when those without a vote could not make it down either, or when as many as the
    quorum say up; between the two it stays as it was, so that a region that falls silent ends no downtime.
    """
    if ups + downs < quorum:
        return None
    if downs >= quorum:
        return DOWN
    if downs + silent < quorum or ups >= quorum:
        return UP
    return None if before is UNKNOWN else before


def after_vote(
    state: CheckState, views: Sequence[RegionView], quorum: int, at: datetime, *, now: datetime
) -> StateStep:
    """What the regions of a website make of its state, after a check of one of them that began `at` and ended `now`."""
    placed = max(at, state.latest_at + TICK)
    votes = [(view.status(now), view.state) for view in views]
    ups = [found for status, found in votes if status is UP]
    downs = [found for status, found in votes if status is DOWN]
    status = decided(state.status, len(ups), len(downs), len(views) - len(ups) - len(downs), quorum)
    blind = status is None
    changes, unknown_since = _knowledge(state, placed, blind=blind)
    seen = replace(
        state,
        version=state.version + 1,
        latest_at=placed,
        checked_at=placed,
        unknown=blind,
        due_at=_next_due(views, now),
        failures=max(view.state.failures for view in views),
        break_until=_break(views),
        reason=_reason(downs if status is DOWN else [view.state for view in views] if blind else []),
        known_until=unknown_since if blind else max(placed, _spoken_until([*ups, *downs], quorum)),
    )
    if status is None or status is state.status:
        return StateStep(seen, tuple(changes))
    if status is DOWN:
        began = min(max(sorted(one.changed_at for one in downs)[quorum - 1], state.changed_at), placed)
        if state.unknown and state.status is UNKNOWN:
            # What was never up is down since as many failed, and not since it was known.
            changes = [WindowChange(WindowKind.UNKNOWN, None, began)]
        changes.append(WindowChange(WindowKind.DOWN, began, reason=seen.reason))
        return StateStep(replace(seen, status=DOWN, changed_at=began), tuple(changes))
    if state.status is not DOWN:
        return StateStep(replace(seen, status=UP, changed_at=placed), tuple(changes))
    last = max((one.changed_at for one in ups), default=placed)
    ended = min(last if last > state.changed_at else placed, placed)
    changes.append(WindowChange(WindowKind.DOWN, None, ended))
    return StateStep(replace(seen, status=UP, changed_at=ended), tuple(changes))


def _knowledge(state: CheckState, placed: datetime, *, blind: bool) -> tuple[list[WindowChange], datetime | None]:
    """The windows in which nobody knew how it was, and since when nobody knows, where the results of before say it."""
    until = state.known_until
    if state.unknown:
        return [] if blind else [WindowChange(WindowKind.UNKNOWN, None, placed)], until
    if blind:
        since = placed if until is None else min(placed, until)
        return [WindowChange(WindowKind.UNKNOWN, since, reason=OURS)], since
    return [] if until is None or until >= placed else [WindowChange(WindowKind.UNKNOWN, until, placed)], None


def _next_due(views: Sequence[RegionView], now: datetime) -> datetime:
    """When the next region looks; one that should have long ago may be one that no process has."""
    dues = [view.state.due_at for view in views]
    return min([due for due in dues if due > now] or dues)


def _spoken_until(voters: Sequence[CheckState], quorum: int) -> datetime:
    """How long as many as the quorum have a vote, without a further check."""
    return sorted((one.known_until for one in voters if one.known_until is not None), reverse=True)[quorum - 1]


def _break(views: Sequence[RegionView]) -> datetime | None:
    """Until when the checks pause in every region."""
    breaks = [view.state.break_until for view in views if view.state.break_until is not None]
    return min(breaks) if len(breaks) == len(views) else None


def _reason(states: Sequence[CheckState]) -> str:
    """The one that most regions give."""
    reasons = Counter(one.reason for one in states if one.reason)
    return min(reasons, key=lambda reason: (-reasons[reason], reason)) if reasons else ""
