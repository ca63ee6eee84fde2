"""Websites in a file: of JSON as programs exchange it, or of YAML as `config/probes.yaml` has it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import fields
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from app.errors import ConfigurationError
from app.kit.files import read_bytes
from app.kit.yaml.tree import FileProblems
from app.probes.configured.reading import read_probes
from app.probes.websites.models import WebsiteDraft, is_secret_header
from app.probes.websites.schemas import WebsiteBody, checked_model

LARGEST_FILE = 50_000_000


def read_drafts(file: Path) -> list[WebsiteDraft]:
    """The websites of a file, as `gridkeeper websites export` writes them; ConfigurationError that names a wrong one."""
    if file.suffix.lower() in {".yaml", ".yml"}:
        reading = read_probes(read_bytes(file, most=LARGEST_FILE), str(file))
        if reading.problems:
            raise FileProblems(reading.problems)
        return list(reading.drafts)
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


def yaml_of(drafts: Sequence[WebsiteDraft]) -> str:
    """The websites as `config/probes.yaml` names them; secrets are `${NAME}` of the environment, to be set by whoever uses it."""
    entries: dict[str, dict[str, Any]] = {}
    taken, variables = {draft.name for draft in drafts}, set[str]()
    for draft in drafts:
        usual = WebsiteDraft(draft.url, draft.name)
        said = {
            field.name: getattr(draft, field.name)
            for field in fields(draft)
            if field.name != "name"
            and (field.name == "url" or getattr(draft, field.name) != getattr(usual, field.name))
        }
        name = draft.name if draft.name not in entries else _free(draft.name, taken, " ")
        taken.add(name)
        said |= {key: list(value) for key, value in said.items() if isinstance(value, tuple)}
        if draft.headers:
            said["headers"] = {
                header: f"${{{_variable(variables, name, header)}}}" if is_secret_header(header) else value
                for header, value in draft.headers.items()
            }
        whole = ("client_certificate", "client_key", *(["proxy"] if "@" in draft.proxy else []))
        said |= {field: f"${{{_variable(variables, name, field)}}}" for field in whole if field in said}
        if draft.labels:
            said["labels"] = dict(draft.labels)
        entries[name] = said
    text: str = yaml.safe_dump({"websites": entries}, sort_keys=False, allow_unicode=True, width=120)
    return text


def _free(name: str, taken: set[str], between: str) -> str:
    """The name with the first number that nothing has."""
    return next(made for number in count(2) if (made := f"{name}{between}{number}") not in taken)


def _variable(taken: set[str], *parts: str) -> str:
    """A variable of its own for each secret, whatever signs the names have in place of letters."""
    name = re.sub(r"[^A-Z0-9]+", "_", "_".join(parts).upper()).strip("_")
    name = f"_{name}" if name[:1].isdigit() else name
    found = _free(name, taken, "_") if name in taken else name
    taken.add(found)
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
