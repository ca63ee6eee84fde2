"""Settings as people may see them: without logins, without the values of what is secret, and with what set each of them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.settings.loading import PREFIX, Settings, names_in_env_file, variables

OF_A_FILE = "_FILE"


class SettingSource(StrEnum):
    """What said the value that is in force."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    ENV_FILE = ".env"
    SECRET_FILE = "secret file"  # noqa: S105  where one stands, not what it is
    COMMAND = "command line"


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """A variable, its value without secrets, what it is without being set, and what said so."""

    name: str
    value: str
    default: str
    source: SettingSource
    description: str

    @property
    def section(self) -> str:
        """The part of the program that it is about; "" for the program as a whole."""
        section, mark, _ = self.name.removeprefix(PREFIX).partition("__")
        return section.lower().replace("_", " ") if mark else ""


def settings_in_force(settings: Settings) -> list[SettingInForce]:
    """Every setting; `.env` is read as it stands now, the values are those that the process began with."""
    in_file = {name.upper() for name in names_in_env_file()}
    environment = {name.upper() for name in os.environ}
    return [
        SettingInForce(
            name,
            shown_setting(settings, name),
            _default(field),
            source_of(name, given=_given(settings, name), environment=environment, in_file=in_file),
            field.description or "",
        )
        for name, field in variables().items()
    ]


def source_of(name: str, *, given: bool, environment: Collection[str], in_file: Collection[str]) -> SettingSource:
    """What said the value of a variable; `given` is whether anything did."""
    if not given:
        return SettingSource.DEFAULT
    for names, source in ((environment, SettingSource.ENVIRONMENT), (in_file, SettingSource.ENV_FILE)):
        if name in names:
            return source
    if any(f"{name}{OF_A_FILE}" in names for names in (environment, in_file)):
        return SettingSource.SECRET_FILE
    return SettingSource.COMMAND


def _given(settings: Settings, name: str) -> bool:
    *path, last = name.removeprefix(PREFIX).lower().split("__")
    held: Any = getattr(settings, path[0]) if path else settings
    return last in held.model_fields_set or f"{last}{OF_A_FILE}".lower() in held.model_fields_set


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None or (isinstance(value, SecretStr | Path) and not str(value)) else str(value)


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
