"""What options of `gridkeeper websites` say: headers, labels and files."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from app.cli.tables import single_line
from app.errors import ConfigurationError


def header_lines(lines: Sequence[str] | None) -> Mapping[str, str] | None:
    if lines is None:
        return None
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ConfigurationError(f"--header {name!r}: write it as 'Name: value'")
        text = value.strip()
        found[name.strip()] = said_or_file(text) or ""
    return found


def label_pairs(pairs: Sequence[str] | None) -> Mapping[str, str] | None:
    if pairs is None:
        return None
    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise ConfigurationError(f"--label {wrong[0]!r}: write it as name=value")
    return {pair.partition("=")[0]: pair.partition("=")[2] for pair in pairs}


def file_text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None


def pem_file(path: str | None) -> str | None:
    """What a file of a certificate or key holds; nothing where no file is named, so that there is none any more."""
    return file_text(Path(path)) if path else path


def said_or_file(text: str | None) -> str | None:
    """A text as it stands, or for `@FILE` the one of that file: what stands in a file is seen in no list of processes."""
    return (file_text(Path(text[1:])) or "").strip() if text and text.startswith("@") else text


def confirmed(question: str, otherwise: str) -> bool:
    """Whether somebody at a terminal says yes; ConfigurationError in these words where nobody can be asked."""
    if not sys.stdin.isatty():
        raise ConfigurationError(otherwise)
    return typer.confirm(single_line(question), err=True)
