"""Settings as people may see them: without logins, and without the values of what is secret."""

from __future__ import annotations

import re

from app.settings.loading import PREFIX, Settings


def shown_setting(settings: Settings, name: str) -> str:
    """The value of a variable as text; of a secret only that there is one."""
    value: object = settings
    for part in name.removeprefix(PREFIX).lower().split("__"):
        value = getattr(value, part)
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else _without_login(str(value))


def _without_login(text: str) -> str:
    """An address without the login and the values of its query: what is printed here ends up in tickets."""
    text = re.sub(r"(?<=://)[^/@\s]+@", "***@", text)
    if "://" not in text:
        return text
    address, mark, query = text.partition("?")
    return address + mark + re.sub(r"=[^&#]+", "=***", query)
