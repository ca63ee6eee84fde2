"""Websites in a file of JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.errors import ConfigurationError
from app.probes.websites.models import WebsiteDraft
from app.probes.websites.schemas import WebsiteBody, checked_model

LARGEST_FILE = 50_000_000


def read_drafts(file: Path) -> list[WebsiteDraft]:
    """The websites of a file, as `gridkeeper websites export` writes them; ConfigurationError that names a wrong one."""
    entries = _entries(file)
    found = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise ConfigurationError(f"{file}: entry {number + 1} is no object")
        try:
            found.append(checked_model(WebsiteBody, entry).draft())
        except ConfigurationError as error:
            raise ConfigurationError(f"{file}: entry {number + 1} ({entry.get('name', '')!r}): {error}") from None
    return found


def _entries(file: Path) -> list[Any]:
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(LARGEST_FILE + 1)
        found = json.loads(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{file} cannot be read as JSON: {error}") from None
    if not isinstance(found, list):
        raise ConfigurationError(f"{file} holds no list; `gridkeeper websites export` writes one")
    return found
