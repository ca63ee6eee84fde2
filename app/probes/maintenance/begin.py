"""When a maintenance begins, as people write it. Pure."""

from __future__ import annotations

from datetime import datetime

from app.market.moments import parse_instant, parse_moment, parse_zone


def parse_begin(text: str, zone: str | None, now: datetime, *, names: tuple[str, str]) -> datetime:
    """The instant that the text means in the zone that was said; ConfigurationError naming the begin or the zone.

    A text with a zone of its own, as `31.12.2026 22:00 Europe/Berlin`, is read in that. Where no zone was said, a time
    of the day needs its offset: nobody may have meant UTC by it.
    """
    begin, place = names
    local, _, own = text.strip().rpartition(" ")
    if local and ("/" in own or own == "UTC"):
        return parse_moment(local, parse_zone(own, name=begin), now, name=begin)
    if zone is None and ":" in text:
        return parse_instant(text, name=begin)
    return parse_moment(text, parse_zone("UTC" if zone is None else zone, name=place), now, name=begin)
