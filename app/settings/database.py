"""The database, and what it erases by itself."""

from __future__ import annotations

import math
from typing import Annotated, Self
from urllib.parse import quote, unquote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from app.settings.section import Folder, SecretFile, Section, one_of, secret_in

_SCHEMES = ("postgresql://", "postgres://", "postgresql+asyncpg://")


class DatabaseSettings(Section):
    """The database; without a URL an embedded PostgreSQL runs below the data directory."""

    password_file: SecretFile = Field(
        default=None, description="A file that holds the password of the user whom the URL names."
    )
    rules_password_file: SecretFile = Field(
        default=None,
        description="A file that holds the password of gridkeeper_rules, the login of alert rules on the URL's server; "
        "the embedded one needs none.",
    )
    url: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="postgresql://user:password@host:5432/name of a PostgreSQL 16 or newer; empty for the embedded one.",
    )
    read_url: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="postgresql://user@host:5432/name of a streaming replica of that server: values, coverage, quality and "
        "reports are read there for API and pages while it is fresh enough; empty: from the server itself.",
    )
    read_max_lag: float = Field(
        default=30.0,
        ge=1,
        le=3600,
        description="Seconds by which the replica may be behind; one that is more so, or away, answers nothing.",
    )
    port: Annotated[int | None, BeforeValidator(lambda value: None if value == "" else value)] = Field(
        default=None,
        validate_default=True,
        ge=1,
        le=65535,
        description="Port of 127.0.0.1 on which the embedded PostgreSQL also takes connections, with a password that "
        "`gridkeeper database url` tells; empty: on none.",
    )
    data_folder: Folder = Field(
        default=None,
        description="A folder on the disk that holds the server's data, where this process cannot find it by itself, as in "
        "a container; how much is left there is watched.",
    )
    pool_size: int = Field(
        default=5,
        ge=2,
        le=100,
        description="Most connections of the pool; of a worker 3 unless this is set.",
    )
    connect_timeout: float = Field(default=10.0, gt=0, le=120, description="Seconds until a connection must stand.")
    statement_timeout: float = Field(
        default=300.0, gt=0, description="Seconds after which the server ends a statement."
    )

    @field_validator("url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        text = value.get_secret_value().strip() if value else ""
        file = info.data.get("password_file")
        if not text:
            if file is not None or info.data.get("rules_password_file") is not None:
                raise ValueError("a password file needs it; write it as postgresql://user@host:5432/name")
            return None
        if not text.startswith(_SCHEMES):
            raise ValueError("write it as postgresql://user:password@host:5432/name")
        return value if file is None else SecretStr(_with_password(text, secret_in(file)))

    @field_validator("read_url")
    @classmethod
    def _replica(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        text = value.get_secret_value().strip() if value else ""
        if not text:
            return None
        if info.data.get("url") is None:
            raise ValueError("it names a replica of the server of GRIDKEEPER_DATABASE__URL, which is not set")
        if not text.startswith(_SCHEMES):
            raise ValueError("write it as postgresql://user:password@host:5432/name")
        file = info.data.get("password_file")
        if file is None or urlsplit(text).password is not None:
            return value
        return SecretStr(_with_password(text, secret_in(file)))

    @field_validator("port")
    @classmethod
    def _embedded(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("url") is not None:
            raise ValueError("it is for the embedded PostgreSQL; leave it out where GRIDKEEPER_DATABASE__URL is set")
        return value


RetentionDays = Annotated[int | None, BeforeValidator(lambda value: None if value == "" else value)]


class RetentionSettings(Section):
    """What is erased when it is old, on TimescaleDB's community edition; nothing unless a number of days is set."""

    observations_days: RetentionDays = Field(
        default=None,
        ge=90,
        description="Days after their delivery for which values are kept, hourly and daily sums for ever; empty: all.",
    )
    revisions_days: RetentionDays = Field(
        default=None,
        ge=90,
        description="Days after their delivery for which replaced values are kept; never fewer than of values; empty: all.",
    )
    backtest_days: int = Field(
        default=1096, ge=0, description="Days back for which backtests must find every value; neither may be shorter."
    )

    @model_validator(mode="after")
    def _keeps_what_is_needed(self) -> Self:
        for name, days in (("observations_days", self.observations_days), ("revisions_days", self.revisions_days)):
            if days is not None and days < self.backtest_days:
                raise ValueError(
                    f"{name} must be at least backtest_days ({self.backtest_days}); lower that or raise it"
                )
        # Without the value before, an as-of read would find none at all where the present one came later.
        if self.revisions_days is not None and self.revisions_days < (self.observations_days or math.inf):
            raise ValueError("revisions_days must be at least observations_days; raise it or leave it empty")
        return self


def _with_password(url: str, password: str) -> str:
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    login, _, hosts = authority.rpartition("@")
    user, _, given = login.partition(":")
    if not user:
        raise ValueError("it names no user for the password file; write it as postgresql://user@host:5432/name")
    one_of(unquote(given), password, "GRIDKEEPER_DATABASE__PASSWORD_FILE")
    return f"{scheme}://{user}:{quote(password, safe='')}@{hosts}{slash}{path}"
