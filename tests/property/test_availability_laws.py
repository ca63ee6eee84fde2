"""Availability of websites: the times add up to the range, and a range is the sum of its parts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.probes.websites.availability import availability_of, since_known, split_availability
from app.probes.websites.models import StatusWindow, Website, WebsiteDraft, WindowKind
from app.probes.websites.state import begun

T0 = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@st.composite
def windows(draw: st.DrawFn) -> list[StatusWindow]:
    """Windows that never overlap within a kind; the last of a kind may last."""
    found = []
    for kind in WindowKind:
        cuts = sorted(draw(st.lists(st.integers(-50, 150), unique=True, max_size=9)))
        ends: list[int | None] = [*cuts[1::2], None] if len(cuts) % 2 else [*cuts[1::2]]
        for start, end in zip(cuts[::2], ends, strict=True):
            found.append(StatusWindow(kind, T0 + start * MINUTE, None if end is None else T0 + end * MINUTE))
    return found


@given(windows(), st.integers(0, 100), st.integers(0, 100), st.floats(0, 1))
def test_the_times_add_up_and_ranges_are_the_sum_of_their_parts(
    known: list[StatusWindow], start: int, length: int, objective: float
) -> None:
    begin, end = T0 + start * MINUTE, T0 + (start + length) * MINUTE
    found = availability_of(known, begin, end)
    assert found.up + found.down + found.unknown + found.paused + found.maintenance == end - begin
    half = begin + (end - begin) / 2
    parts = [availability_of(known, begin, half), availability_of(known, half, end)]
    assert split_availability(known, (begin, half, end)) == parts
    both = parts[0] + parts[1]
    assert (both.start, both.end, both.incidents >= found.incidents) == (begin, end, True)
    for name in ("up", "down", "unknown", "paused", "maintenance"):
        assert getattr(both, name) == getattr(found, name)
        assert sum((getattr(part, name) for part in parts), timedelta(0)) == getattr(found, name)
    assert found.share is None or 0 <= found.share <= 1
    assert (found.incidents == 0) == (found.down == timedelta(0))
    assert found.budget(objective) <= found.up + found.down + timedelta(microseconds=1)


def test_figures_of_a_day() -> None:
    known = [
        StatusWindow(WindowKind.DOWN, T0 - MINUTE, T0 + 9 * MINUTE),
        StatusWindow(WindowKind.DOWN, T0 + 60 * MINUTE, T0 + 61 * MINUTE),
        StatusWindow(WindowKind.UNKNOWN, T0 + 8 * MINUTE, T0 + 10 * MINUTE),
        StatusWindow(WindowKind.PAUSED, T0 + 90 * MINUTE),
    ]
    found = availability_of(known, T0, T0 + 100 * MINUTE)
    assert (found.up, found.down, found.unknown, found.paused) == (79 * MINUTE, 9 * MINUTE, 2 * MINUTE, 10 * MINUTE)
    assert (found.incidents, found.share, found.budget(0.5)) == (2, 79 / 88, 44 * MINUTE)
    assert (found.time_to_recover, found.time_between_failures) == (4.5 * MINUTE, 39.5 * MINUTE)
    planned = availability_of(
        [*known, StatusWindow(WindowKind.MAINTENANCE, T0 + 5 * MINUTE, T0 + 9 * MINUTE)], T0, T0 + 100 * MINUTE
    )
    assert (planned.down, planned.maintenance, planned.unknown) == (6 * MINUTE, 4 * MINUTE, MINUTE)
    nothing = availability_of([], T0, T0 - MINUTE)
    assert (nothing.share, nothing.time_to_recover, nothing.time_between_failures) == (None, None, None)


def test_what_nobody_has_looked_at_since_is_unknown() -> None:
    state = replace(begun(T0, enabled=True).state, unknown=False, known_until=T0)
    website = Website(1, WebsiteDraft("https://a.example", "A"), T0, T0, state)
    assert since_known(website, T0 + MINUTE) == [StatusWindow(WindowKind.UNKNOWN, T0)]
    assert since_known(website, T0) == []
    assert since_known(replace(website, draft=replace(website.draft, enabled=False)), T0 + MINUTE) == []
