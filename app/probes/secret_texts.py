"""Texts of the file of interfaces that may hold `${NAME}` of the environment, and what of them no result may show."""

from __future__ import annotations

import re

from app.kit.yaml.fields import Fields
from app.secrets import read_secret


def entry_text(entry: Fields, name: str, *, required: bool = False) -> str:
    """A text that may hold `${NAME}`, such as the name of a user; empty where it is wrong, which is reported."""
    value = read_secret(entry, name, required=required, literal=True)
    return value.get_secret_value() if value is not None else ""


def entry_texts(entry: Fields, name: str) -> tuple[dict[str, str], list[str]]:
    """Texts by names, and those of them that come from the environment."""
    inner = entry.entry(name)
    found: dict[str, str] = {}
    secrets: list[str] = []
    if inner is None:
        return found, secrets
    for key in inner.names:
        found[key] = entry_text(inner, key, required=True)
        secrets += secrets_in(inner, key, found[key])
    return found, secrets


def secrets_in(entry: Fields, name: str, whole: str) -> list[str]:
    """What `${NAME}` stands for in a field whose value is `whole`, which no result may show."""
    written = entry.written(name, "a text") or ""
    pieces = re.split(r"\$\{[^}]*\}", written)
    if len(pieces) == 1:
        return []
    found, place = [], len(pieces[0])
    for piece in pieces[1:]:
        end = whole.find(piece, place) if piece else len(whole)
        found.append(whole[place : end if end >= 0 else len(whole)])
        place = (end if end >= 0 else len(whole)) + len(piece)
    return found
