"""Silences and maintenance windows as people write them: how long, from when, until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.alerting.administration import NewWindow
from app.alerting.state.silences import Matcher, Silence, Window, parse_matchers
from app.errors import ConfigurationError
from app.kit.durations import parse_duration
from app.market.moments import EARLIEST, as_iso, parse_instant
from app.market.slots import parse_cron
from app.market.time import from_local, iso

FARTHEST = timedelta(days=366)
"""So far ahead a silence may begin, and twice as far end."""
LONGEST_WINDOW = timedelta(days=31)


def planned_silence(
    matchers: tuple[Matcher, ...],
    now: datetime,
    lasts: str | None,
    start: str | None,
    until: str | None,
    *,
    by: str,
    comment: str,
    names: tuple[str, str, str] = ("--for", "--from", "--until"),
) -> Silence:
    """The silence that the options of these names mean; ConfigurationError naming the option otherwise."""
    length, begin, end = names
    if (lasts is None) == (until is None):
        raise ConfigurationError(f"say how long it lasts: {length} 2h, or {end} 2024-01-01T18:00+01:00, one of them")
    starts_at = zoned_instant(start, name=begin) if start else now
    if starts_at.date() < EARLIEST:
        raise ConfigurationError(f"{begin} {start!r} lies outside {EARLIEST} to {(now + FARTHEST).date()}")
    if starts_at > now + FARTHEST:
        raise ConfigurationError(
            f"{begin} {start!r} is further away than {FARTHEST.days} days; choose an earlier begin"
        )
    ends_at = zoned_instant(until, name=end) if until else starts_at + duration_of(lasts or "", name=length)
    said = f"{end} {until!r}" if until else f"{length} {lasts!r}"
    if ends_at <= max(starts_at, now):
        raise ConfigurationError(f"{said} is over before it begins: it ends at {iso(ends_at)}; choose a later end")
    if ends_at > now + 2 * FARTHEST:
        raise ConfigurationError(
            f"{said} ends at {iso(ends_at)}: nobody remembers a silence so long; end it within {2 * FARTHEST.days} days, or "
            "take the rule out of the book"
        )
    return Silence(matchers, starts_at, ends_at, by, comment)


def duration_of(text: str, *, name: str) -> timedelta:
    """The length of time that an option names; ConfigurationError naming the option where it is none."""
    try:
        length = parse_duration(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name} {error}") from None
    if not length:
        raise ConfigurationError(f"{name} {text!r} is no time at all: write it as 30m, 2h or 3d")
    return length


def zoned_instant(text: str, *, name: str) -> datetime:
    """An instant with an offset, or a local time and its zone: `2024-07-01T22:00 Europe/Berlin`."""
    local, _, zone = text.strip().rpartition(" ")
    if not local or "/" not in zone:
        return parse_instant(text, name=name)
    try:
        naive = datetime.fromisoformat(as_iso(local))
        if naive.tzinfo is None:
            return from_local(naive, ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError, ZoneInfoNotFoundError):
        pass  # the same words for everything that is wrong with it
    raise ConfigurationError(
        f"{name} {text!r} is no instant: write 2024-07-01T22:00+02:00 or 2024-07-01T22:00 Europe/Berlin"
    )


def planned_window(
    matchers: Sequence[str],
    cron: str | None,
    lasts: str,
    zone: str,
    *,
    names: tuple[str, str, str] = ("--for", "--cron", "--zone"),
) -> tuple[NewWindow, Window]:
    """The maintenance that the options of these names mean, to be stored and to be shown; ConfigurationError otherwise."""
    length, begin, place_name = names
    if cron is None:
        raise ConfigurationError(f"say when it begins: {begin} '0 3 * * 0' for Sundays at 03:00")
    try:
        place = ZoneInfo(zone)
    except (ValueError, ZoneInfoNotFoundError):
        raise ConfigurationError(f"{place_name} {zone!r} is no time zone: write Europe/Brussels or UTC") from None
    try:
        schedule = parse_cron(cron, place)
    except ConfigurationError as error:
        raise ConfigurationError(f"{begin} {error}") from None
    duration = duration_of(lasts, name=length)
    if duration > LONGEST_WINDOW:
        raise ConfigurationError(f"{length} {lasts!r} is longer than {LONGEST_WINDOW.days} days; choose a shorter time")
    new = NewWindow(parse_matchers(matchers), schedule.expression, zone, duration)
    return new, Window(new.matchers, schedule, new.duration)
