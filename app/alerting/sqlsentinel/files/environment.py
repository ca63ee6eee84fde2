"""Variables of the environment in a file of SQL Sentinel, and those that its documents name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from app.errors import ConfigurationError
from app.kit.files import read_bytes

_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})", re.ASCII)


def expand_variables(text: str, environment: Mapping[str, str]) -> str:
    """`$NAME` and `${NAME}` replaced wherever they stand; what is not set stays as it is written."""

    def value(match: re.Match[str]) -> str:
        found = variable(match[1].strip("{}"), environment)
        return match[0] if found is None else found

    return _VARIABLE.sub(value, text)


def variable(name: str, environment: Mapping[str, str]) -> str | None:
    """The value of a variable; where it is not set, the content of the file that NAME_FILE names."""
    if name in environment:
        return environment[name]
    file = environment.get(f"{name}_FILE")
    if not file or not name:
        return None
    try:
        return read_bytes(Path(file)).decode().strip("\r\n")
    except UnicodeDecodeError:
        raise ConfigurationError(f"the file that {name}_FILE names is no text") from None


def setting(name: str, environment: Mapping[str, str]) -> str:
    """A variable that counts as not set where it is empty."""
    return (variable(name, environment) or "").strip()
