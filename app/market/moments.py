"""How people write moments: dates, instants, and distances from now."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.errors import ConfigurationError
from app.market.time import Interval, from_local, iso, local_day, midnight

_DISTANCE = re.compile(r"([+-])(\d{1,18})([hdw])")
_FORMS = (
    "write a date (2024-01-01, midnight of the area), an instant (2024-01-01T00:00Z) or a distance (-7d, -12h, today)"
)
_DOTTED = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?:,? +(\d{2}:\d{2}.*))?")
"""A day as German has it, with or without a time; a form shows days like that."""
_WORDS = {"yesterday": -1, "today": 0, "tomorrow": 1}
EARLIEST = date(1990, 1, 1)
LATEST = date(2100, 1, 1)


def parse_moment(text: str, zone: ZoneInfo, now: datetime, *, name: str) -> datetime:
    """The instant that the text means for an area in `zone`; ConfigurationError naming the option otherwise.

    A date, a number of days or weeks and the words today, tomorrow and yesterday mean local midnights, hours count
    from the last full hour, a time without an offset is local time.
    """
    try:
        moment = _moment(text.strip(), zone, now, name)
        inside = EARLIEST <= local_day(moment, zone) <= LATEST
    except OverflowError:  # the first and last day of all have no midnight in every zone
        inside = False
    if not inside:
        raise ConfigurationError(f"{name} {text!r} lies outside {EARLIEST} to {LATEST}")
    return moment


def parse_known_at(text: str, zone: ZoneInfo, now: datetime, *, name: str) -> datetime:
    """An instant with its offset, however late, or a moment as `parse_moment` reads it: when something was known."""
    try:
        instant = datetime.fromisoformat(as_iso(text))
    except ValueError:
        instant = None
    if instant is not None and instant.tzinfo is not None:
        return _in_utc(instant, text, name)
    return parse_moment(text, zone, now, name=name)


def parse_month(text: str, *, name: str) -> date:
    """The first day of a month that is written as 2024-03; ConfigurationError naming the parameter otherwise."""
    try:
        first = date.fromisoformat(_month_first(text))
    except ValueError:
        raise ConfigurationError(f"{name} {text!r} is no month; write it as 2024-03") from None
    if not EARLIEST <= first < LATEST:
        raise ConfigurationError(f"{name} {text!r} lies outside {EARLIEST} to {LATEST}")
    return first


def as_iso(text: str) -> str:
    """The text, a day such as 31.12.2026 in it as ISO 8601 writes it."""
    found = _DOTTED.fullmatch(text.strip())
    if found is None:
        return text.strip()
    day, month, year, clock = found.groups()
    return f"{year}-{month:0>2}-{day:0>2}{f'T{clock}' if clock else ''}"


def _month_first(text: str) -> str:
    found = re.fullmatch(r"(\d{4})-(\d{2})|(\d{1,2})\.(\d{4})", text.strip())
    if found is None:
        raise ValueError("no month")
    return f"{found[1] or found[4]}-{found[2] or found[3].zfill(2)}-01"


def parse_zone(text: str, *, name: str = "") -> ZoneInfo:
    """A time zone by its name in the tz database; ConfigurationError, naming the option where one is given."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if name:
            raise ConfigurationError(f"{name} {text!r} is no time zone: write it as Europe/Berlin or UTC") from None
        raise ConfigurationError(f"unknown time zone {text!r}; write it as UTC or Europe/Berlin") from None


def _moment(written: str, zone: ZoneInfo, now: datetime, name: str) -> datetime:
    today, text = local_day(now, zone), as_iso(written)
    if text == "now":
        return now
    if text in _WORDS:
        return midnight(today + timedelta(days=_WORDS[text]), zone)
    if match := _DISTANCE.fullmatch(text):
        count = int(match[2]) * (-1 if match[1] == "-" else 1)
        return _distance(count, match[3], zone, now)
    try:
        if "T" not in text and " " not in text:
            return midnight(date.fromisoformat(text), zone)
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{name} {written!r} is no moment: {_FORMS}") from None
    return instant.astimezone(UTC) if instant.tzinfo else from_local(instant, zone)


def _distance(count: int, unit: str, zone: ZoneInfo, now: datetime) -> datetime:
    if unit == "h":
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=count)
    return midnight(local_day(now, zone) + timedelta(days=count * (7 if unit == "w" else 1)), zone)


def parse_interval(
    start: str, end: str | None, zone: ZoneInfo, now: datetime, *, names: tuple[str, str] = ("--from", "--to")
) -> Interval:
    """The interval between two moments; without an end it lasts to the end of the local day of `now`."""
    begins, ends = names
    first = parse_moment(start, zone, now, name=begins)
    last = parse_moment(end, zone, now, name=ends) if end else midnight(local_day(now, zone) + timedelta(days=1), zone)
    if first >= last:
        said = f"{ends} {end!r}" if end else f"the end of today ({iso(last)})"
        raise ConfigurationError(f"{begins} {start!r} is not before {said}: nothing lies between them")
    return Interval(first, last)


def parse_instant(text: str, *, name: str) -> datetime:
    """An instant with an offset; a date alone means midnight UTC."""
    try:
        instant = datetime.fromisoformat(as_iso(text))
    except ValueError:
        raise ConfigurationError(f"{name} {text!r} is no instant: write it as 2024-01-01T00:00:00Z") from None
    if instant.tzinfo is None:
        if instant.time() != time(0) or "T" in as_iso(text):
            raise ConfigurationError(f"{name} {text!r} lacks its offset: write it as {as_iso(text)}Z for UTC")
        instant = instant.replace(tzinfo=UTC)
    return _in_utc(instant, text, name)


def _in_utc(instant: datetime, text: str, name: str) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ConfigurationError(f"{name} {text!r} lies outside the years 1 to 9999") from None
