"""What the sections share: their base, lists, and secrets that stand in files."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_settings import NoDecode

from app.market.text import listed


class Section(BaseModel):
    """One concern's settings; a name it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _split(value: Any) -> Any:
    return listed(value) if isinstance(value, str) else value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


def _readable(path: Path | None) -> Path | None:
    if path is not None:
        secret_in(path)
    return path


SecretFile = Annotated[
    Path | None, BeforeValidator(lambda value: None if value == "" else value), AfterValidator(_readable)
]
"""A file that holds a secret, as containers hand them over; it stands before the field that it fills."""


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for text in value:
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise ValueError(f"{text!r} is no address or network; write 10.0.0.7 or 10.0.0.0/24") from None
    return value


Networks = Annotated[Listed, AfterValidator(_networks)]
"""Addresses and networks."""
Folder = Annotated[Path | None, BeforeValidator(lambda value: None if value == "" else value)]


def secret_in(path: Path) -> str:
    """The content of a secret's file without the end of its line; ValueError that says how to mend it."""
    try:
        text = path.expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text; write the secret into it as one line") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"cannot read {path} ({reason}); create it, and let user {os.getuid()} read it") from None
    if not text.strip():
        raise ValueError(f"{path} is empty; write the secret into it")
    return text


def one_of(value: str | None, from_file: str, name: str) -> str:
    """What a file holds; ValueError where a variable says something else."""
    if value and value != from_file:
        raise ValueError(f"what it says differs from what {name} holds; leave one of them out")
    return from_file
