"""Secrets of the alerting files, wrapped as soon as they are read."""

from __future__ import annotations

from pydantic import SecretStr

from app.kit.yaml.fields import Fields


def read_secret(
    entry: Fields, name: str, *, required: bool = False, literal: bool = False, example: str = "secret"
) -> SecretStr | None:
    """The field as a secret that shows nowhere; None where it is absent or was reported as wrong."""
    value = entry.secret(name, required=required, literal=literal, example=example)
    return None if value is None else SecretStr(value)
