"""The silences and maintenance windows that options mean, and the alerts that they meet."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.alerting.administration import AlertAdministration, NewWindow
from app.alerting.models import Alert, Phase
from app.alerting.rules.schedules import parse_cron
from app.alerting.state.silences import Matcher, Silence, Window, described, parse_matchers
from app.errors import ConfigurationError
from app.kit.durations import parse_duration
from app.market.moments import parse_instant
from app.market.text import counted
from app.market.time import from_local, iso

MOST_COUNTED = 100_000


async def added(records: AlertAdministration, adding: Awaitable[int], matchers: tuple[Matcher, ...]) -> tuple[int, str]:
    """The number of what was added, and how many alerts its matchers meet now."""
    number = await adding
    views = await records.alerts([Phase.FIRING, Phase.PENDING], limit=MOST_COUNTED)
    met = [view.alert for view in views if _meets(matchers, view.alert)]
    if not met:
        return (
            number,
            f"no alert matches now, of {counted(len(views), 'open one')}; `gridkeeper alerts list` shows labels",
        )
    firing = sum(alert.phase is Phase.FIRING for alert in met)
    return (
        number,
        f"{counted(len(met), 'alert')} {'matches' if len(met) == 1 else 'match'} now, {firing} of them firing",
    )


def _meets(matchers: tuple[Matcher, ...], alert: Alert) -> bool:
    labels = described(alert.labels, alert.severity, alert.rule)
    return all(matcher.matches(labels) for matcher in matchers)


def planned_silence(
    matchers: tuple[Matcher, ...],
    now: datetime,
    lasts: str | None,
    start: str | None,
    until: str | None,
    *,
    by: str,
    comment: str,
) -> Silence:
    """The silence that the options mean; ConfigurationError naming the option otherwise."""
    if (lasts is None) == (until is None):
        raise ConfigurationError("say how long it lasts: --for 2h, or --until 2024-01-01T18:00+01:00, one of them")
    starts_at = zoned_instant(start, name="--from") if start else now
    ends_at = zoned_instant(until, name="--until") if until else starts_at + duration_of(lasts or "", name="--for")
    if ends_at <= max(starts_at, now):
        raise ConfigurationError(f"it would be over before it begins: it ends at {iso(ends_at)}; choose a later end")
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
        naive = datetime.fromisoformat(local)
        if naive.tzinfo is None:
            return from_local(naive, ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError, ZoneInfoNotFoundError):
        pass  # the same words for everything that is wrong with it
    raise ConfigurationError(
        f"{name} {text!r} is no instant: write 2024-07-01T22:00+02:00 or 2024-07-01T22:00 Europe/Berlin"
    )


def planned_window(matchers: Sequence[str], cron: str | None, lasts: str, zone: str) -> tuple[NewWindow, Window]:
    """The maintenance that the options mean, to be stored and to be shown; ConfigurationError naming the option otherwise."""
    if cron is None:
        raise ConfigurationError("say when it begins: --cron '0 3 * * 0' for Sundays at 03:00")
    try:
        place = ZoneInfo(zone)
    except (ValueError, ZoneInfoNotFoundError):
        raise ConfigurationError(f"--zone {zone!r} is no time zone: write Europe/Brussels or UTC") from None
    schedule = parse_cron(cron, place)
    new = NewWindow(parse_matchers(matchers), schedule.expression, zone, duration_of(lasts, name="--for"))
    return new, Window(new.matchers, schedule, new.duration)


def window_spans(window: Window, now: datetime) -> str:
    """When it is in force: at present, where it is, and next."""
    began, coming = window.began(now), window.slots.next_slot(now)
    active = f"active now, until {iso(began + window.duration)}, " if began else ""
    return f"{active}next from {iso(coming)} to {iso(coming + window.duration)}"
