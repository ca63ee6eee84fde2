"""All settings together: read from the environment and `.env`, validated, explained where they are wrong."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from app.errors import ConfigurationError
from app.kit.suggest import did_you_mean
from app.mistakes import mistake_said
from app.settings.alerting import AlertingSettings
from app.settings.api import ApiSettings
from app.settings.collection import BackfillSettings, CollectionSettings, GapSettings
from app.settings.database import DatabaseSettings, RetentionSettings
from app.settings.entsoe import EntsoeSettings
from app.settings.log import LogSettings
from app.settings.monitoring import MonitoringSettings
from app.settings.notifications import NotificationSettings
from app.settings.probes import ProbeSettings
from app.settings.quality import QualitySettings
from app.settings.scheduler import SchedulerSettings, TaskSettings
from app.settings.section import Section
from app.settings.web import SignInSettings, WebSettings

if TYPE_CHECKING:
    from dotenv.parser import Original

PREFIX = "GRIDKEEPER_"
OF_THE_CLIENT = "GRIDKEEPER_CLIENT__"
"""What clients/python reads; it may be set where the service is run, too."""


class Origin(StrEnum):
    """Where the data of a database come from; one database holds one origin."""

    PLATFORM = "platform"
    SANDBOX = "sandbox"


class Settings(BaseSettings):
    """All settings of the program."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=".env",
        env_file_encoding="utf-8-sig",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Field(default=Path(".gridkeeper"), description="Where the embedded database and its log live.")
    instance: str = Field(
        default="",
        max_length=60,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Name of this installation in messages and reports; empty: the name of the host.",
    )
    sandbox: bool = Field(
        default=False, description="1: collect synthetic data from the built-in stand-in instead of the platform."
    )
    entsoe: EntsoeSettings = EntsoeSettings()
    database: DatabaseSettings = DatabaseSettings()
    collection: CollectionSettings = CollectionSettings()
    gaps: GapSettings = GapSettings()
    backfill: BackfillSettings = BackfillSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    tasks: TaskSettings = TaskSettings()
    retention: RetentionSettings = RetentionSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    alerting: AlertingSettings = AlertingSettings()
    notifications: NotificationSettings = NotificationSettings()
    probes: ProbeSettings = ProbeSettings()
    quality: QualitySettings = QualitySettings()
    web: WebSettings = WebSettings()
    api: ApiSettings = ApiSettings()
    sign_in: SignInSettings = SignInSettings()
    log: LogSettings = LogSettings()

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @model_validator(mode="after")
    def _header_of_a_proxy(self) -> Self:
        if self.sign_in.user_header and not self.api.proxies:
            raise ValueError(
                f"{PREFIX}SIGN_IN__USER_HEADER: a header is believed of a known proxy only; name it in {PREFIX}API__PROXIES"
            )
        return self

    @property
    def instance_name(self) -> str:
        return self.instance.strip() or socket.gethostname()

    @property
    def url(self) -> str:
        """Where people reach the pages of `serve`; empty where nobody can say: port 0 is any."""
        if self.web.base_url or not self.web.port:
            return self.web.base_url
        host = socket.gethostname() if self.web.host in {"0.0.0.0", "::"} else self.web.host  # noqa: S104  compared
        return f"http://{f'[{host}]' if ':' in host else host}:{self.web.port}"

    @property
    def origin(self) -> Origin:
        return Origin.SANDBOX if self.sandbox else Origin.PLATFORM


def load_settings(**overrides: Any) -> Settings:
    """The validated settings; ConfigurationError that names each wrong variable and its remedy."""
    wrong = list(_unknown_variables())
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        # What no section has is named already, with the name that was meant.
        wrong += [_explain(detail) for detail in error.errors() if not (wrong and detail["type"] == "extra_forbidden")]
    except SettingsError as error:
        wrong.append(f"the settings cannot be read: {error}")
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    return settings


def variables() -> dict[str, FieldInfo]:
    """Every variable with its field."""
    found: dict[str, FieldInfo] = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            for inner, inner_field in field.annotation.model_fields.items():
                found[f"{PREFIX}{name}__{inner}".upper()] = inner_field
        else:
            found[f"{PREFIX}{name}".upper()] = field
    return found


def _unknown_variables() -> Iterator[str]:
    given = {*os.environ, *names_in_env_file()}
    known = variables()
    for name in sorted(given):
        ours = name.upper().startswith(PREFIX) and not name.upper().startswith(OF_THE_CLIENT)
        if ours and name.upper() not in known:
            remedy = "; .env.example lists them all"
            # A field that another section has is meant rather than one that is spelled alike in this one.
            elsewhere = [one for one in known if one.rpartition("__")[2] == name.upper().rpartition("__")[2]]
            hint = did_you_mean(name.upper(), elsewhere or known, otherwise=remedy, most=1, cutoff=0.6, lead="; ")
            yield f"{name} is no setting of this program{hint}"


def names_in_env_file() -> list[str]:
    """The names in `.env`; ConfigurationError where it is no file of text, or has a line that sets nothing."""
    from dotenv.parser import parse_stream

    file = Path(str(Settings.model_config.get("env_file")))
    if not file.exists():
        return []
    if file.is_dir():
        raise ConfigurationError(f"{file} is a folder; it must be a file of lines NAME=value, or not be there")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{file}, line {line}: this is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read ({error.strerror}); let user {os.getuid()} read it, or remove it"
        ) from None
    bindings = list(parse_stream(io.StringIO(text)))
    if lines := [str(_first_line(one.original)) for one in bindings if one.error]:
        raise ConfigurationError(
            f"{file}, line {', '.join(lines)}: this is no NAME=value; mend it, or make it a comment with # before it"
        )
    return [one.key for one in bindings if one.key is not None]


def _first_line(original: Original) -> int:
    """The line of its first letter: what is read begins with the empty lines before it."""
    blank = len(original.string) - len(original.string.lstrip())
    return original.line + original.string[:blank].count("\n")


def _explain(detail: ErrorDetails) -> str:
    path = [str(part) for part in detail["loc"] if isinstance(part, str)]
    message = mistake_said(detail)
    if path and message[1:2].islower():
        message = message[0].lower() + message[1:]
    return f"{PREFIX}{'__'.join(path).upper()}: {message}" if path else message
