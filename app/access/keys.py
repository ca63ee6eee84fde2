"""What a new key may be called and read, and when it ends, as people write it; only decisions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from app.access.tokens import is_token
from app.errors import ConfigurationError
from app.kit.durations import parse_duration
from app.market.areas import find_place
from app.market.moments import parse_moment
from app.market.series import find_item

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,59}$"
_UTC = ZoneInfo("UTC")


def checked_name(name: str, of: str = "key") -> str:
    """The name of a key, user or picture; ConfigurationError where it cannot be one."""
    if is_token(name):
        raise ConfigurationError("this is a key itself; give the new one a name that people may read")
    if not re.fullmatch(NAME, name):
        raise ConfigurationError(
            f"{name[:60]!r} cannot name a {of}: take up to 60 letters, digits, '.', '-', '_' or '@', the first a letter or digit"
        )
    return name


def limited_to(areas: Sequence[str], items: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The EICs and items of these names, each once."""
    places = dict.fromkeys(find_place(text).eic for text in areas)
    return tuple(places), tuple(dict.fromkeys(find_item(text).value for text in items))


def ends_at(text: str | None, now: datetime, *, name: str = "--expires") -> datetime | None:
    """When a key ends: an instant, a date, or a length of time from now on (`90d`); None: never."""
    if text is None:
        return None
    try:
        end = (now + parse_duration(text)).astimezone(UTC)
    except ConfigurationError as error:
        if re.fullmatch(r"\s*\d+\s*[a-z]+\s*", text.lower()):
            raise ConfigurationError(f"{name} {error}") from None
        end = parse_moment(text, _UTC, now, name=name)
    if end <= now:
        raise ConfigurationError(f"{name} {text!r} is over already; name a later end")
    return end
