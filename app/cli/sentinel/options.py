"""The options that the commands of SQL Sentinel share, by the names and variables of the original."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.alerting.sqlsentinel.models import SentinelFile

USUAL_STATE = "sqlite:///sqlsentinel.db"
_PARAMETER = re.compile(r"(?i)([?&][^=&]*(?:password|pwd|token|secret|key)=)[^&]*")
_PASSWORD = re.compile(r"(?<=://)([^:/@]*):[^/]*@(?=[^@]*$)")


class OutputKind(StrEnum):
    """How a command writes."""

    TEXT = "text"
    JSON = "json"


Config = Annotated[Path, typer.Argument(help="The file of alerts.", metavar="CONFIG")]
StateDb = Annotated[
    str | None,
    typer.Option("--state-db", help=f"URL of the database of states; default: STATE_DB_URL, else {USUAL_STATE}."),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url", help="URL of the database that is asked; default: as the file says, else DATABASE_URL."
    ),
]
OutputForm = Annotated[OutputKind, typer.Option("--output", help="How it is written: text or json.")]
Zone = Annotated[str, typer.Option("--timezone", help="Zone of the schedules, where the file names none.")]


def begin_log(level: str = "error", form: str = "console") -> None:
    """What is logged goes to standard error; these commands read no settings of the service."""
    from app.logging import configure_logging
    from app.settings.log import LogSettings

    configure_logging(LogSettings.model_validate({"level": level.lower(), "format": form}))


def load_file(path: Path, zone: str = "UTC") -> SentinelFile:
    """The file as it is now; ConfigurationError or FileProblems where it cannot be used."""
    from app.alerting.sqlsentinel.files.reading import read_sentinel_file
    from app.kit.files import read_stream
    from app.market.moments import parse_zone

    parsed: ZoneInfo = parse_zone(zone, name="--timezone")
    return read_sentinel_file(read_stream(path), str(path), os.environ, parsed)


def database_of(file: SentinelFile, option: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The URL of the option, of the file, or of the environment."""
    from app.alerting.sqlsentinel.files.environment import setting

    url = option or (file.database_url.get_secret_value() if file.database_url else "")
    url = url or setting("DATABASE_URL", environment)
    if not url:
        raise ConfigurationError(
            f"{file.name} names no database; add database: {{url: sqlite:///data.db}}, or set DATABASE_URL"
        )
    return url


def state_of(option: str | None, environment: Mapping[str, str] = os.environ) -> str:
    from app.alerting.sqlsentinel.files.environment import setting

    return option or setting("STATE_DB_URL", environment) or USUAL_STATE


def without_password(url: str) -> str:
    return _PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))
