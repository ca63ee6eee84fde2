"""Fields of channels.yaml that several channels have."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import SecretStr

from app.kit.yaml.fields import Fields
from app.secrets import read_secret

_UNSET = SecretStr("http://unset.invalid")
"""In place of a URL that was reported as wrong: the file is not used then."""


def secret_url(entry: Fields, name: str, *, literal: bool = False) -> SecretStr:
    """A URL that is itself a secret; reported where it is missing or no http address."""
    value = read_secret(entry, name, required=True, literal=literal, example="https://secret.invalid/secret")
    if value is None:
        return _UNSET
    text = value.get_secret_value().strip()
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(not "!" <= character <= "~" for character in text):
        entry.wrong("this is no address; it must be https://host/path, or http:// within your own network", name)
        return _UNSET
    return SecretStr(text)
