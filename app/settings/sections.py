"""The settings, one model per concern; a setting is one field."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, unquote

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from app.errors import ConfigurationError
from app.market.areas import find_place
from app.market.series import find_item
from app.market.text import listed

_BASE_URL = re.compile(r"https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/[\w.~%/-]*)?")

_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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


Folder = Annotated[Path | None, BeforeValidator(lambda value: None if value == "" else value)]


class Section(BaseModel):
    """One concern's settings; a name it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class EntsoeSettings(Section):
    """Access to the ENTSO-E Transparency Platform."""

    token_file: SecretFile = Field(default=None, description="A file that holds the token, in place of the variable.")
    token: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="Security token of your Transparency Platform account (My Account Settings, Web API Security Token).",
    )
    base_url: HttpUrl = Field(
        default=HttpUrl("https://web-api.tp.entsoe.eu/api"), description="The whole endpoint of the platform's API."
    )
    requests_per_minute: int = Field(
        default=360,
        ge=1,
        le=370,
        description="Most requests in any 60 seconds, shared by all processes; above 380 the platform bans the token.",
    )
    burst: int = Field(default=15, ge=1, le=60, description="Of these, requests that may start at the same moment.")
    concurrency: int = Field(default=8, ge=1, le=64, description="Requests under way at once.")
    attempts: int = Field(default=6, ge=6, le=20, description="Attempts before a window is given up.")
    connect_timeout: float = Field(default=10.0, gt=0, le=120, description="Seconds until a connection must stand.")
    read_timeout: float = Field(
        default=60.0, gt=0, le=600, description="Seconds without a byte before a request fails."
    )
    max_answer_bytes: int = Field(
        default=256_000_000, ge=1_000_000, description="Largest answer accepted, after decompression."
    )
    backoff: float = Field(
        default=1.0, gt=0, le=60, description="Seconds before the second attempt; doubled each time."
    )

    @field_validator("token", mode="before")
    @classmethod
    def _clean_token(cls, value: Any, info: ValidationInfo) -> Any:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        file = info.data.get("token_file")
        if file is not None:
            text = _one_of(
                text.strip() if isinstance(text, str) else text,
                secret_in(file).strip(),
                "GRIDKEEPER_ENTSOE__TOKEN_FILE",
            )
        if not isinstance(text, str):
            return value
        text = text.strip()
        if not all("!" <= character <= "~" for character in text):
            raise ValueError("a token has only visible ASCII characters; copy it again from your account")
        return text or None

    @property
    def doubt(self) -> str | None:
        """Why the platform will refuse the token, as far as its form says; the platform issues UUIDs."""
        if self.token is None or "base_url" in self.model_fields_set or _UUID.fullmatch(self.token.get_secret_value()):
            return None
        return (
            "GRIDKEEPER_ENTSOE__TOKEN does not have the form of a token of the platform (five groups of 8, 4, 4, 4 and 12 "
            "characters 0-9, a-f, parted by -); copy it again from your account"
        )


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
    data_folder: Folder = Field(
        default=None,
        description="A folder on the disk that holds the server's data, where this process cannot find it by itself, as in "
        "a container; how much is left there is watched.",
    )
    pool_size: int = Field(default=5, ge=2, le=100, description="Connections kept open.")
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
        if not text.startswith(("postgresql://", "postgres://", "postgresql+asyncpg://")):
            raise ValueError("write it as postgresql://user:password@host:5432/name")
        return value if file is None else SecretStr(_with_password(text, secret_in(file)))


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


def _one_of(value: str | None, from_file: str, name: str) -> str:
    if value and value != from_file:
        raise ValueError(f"what it says differs from what {name} holds; leave one of them out")
    return from_file


def _with_password(url: str, password: str) -> str:
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    login, _, hosts = authority.rpartition("@")
    user, _, given = login.partition(":")
    if not user:
        raise ValueError("it names no user for the password file; write it as postgresql://user@host:5432/name")
    _one_of(unquote(given), password, "GRIDKEEPER_DATABASE__PASSWORD_FILE")
    return f"{scheme}://{user}:{quote(password, safe='')}@{hosts}{slash}{path}"


class CollectionSettings(Section):
    """What is collected when a command does not say."""

    areas: Listed = Field(default=("DE_LU", "FR", "NL"), description="Areas by code or EIC, borders as FR>DE_LU.")
    items: Listed = Field(
        default=(
            "load_actual",
            "load_forecast_day_ahead",
            "load_forecast_week_ahead",
            "price_day_ahead",
            "generation_actual",
            "flow_physical",
            "imbalance_price",
        ),
        description="Data items; `gridkeeper items` lists them.",
    )

    @field_validator("areas")
    @classmethod
    def _known_areas(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                find_place(text)
            except ConfigurationError as error:
                raise ValueError(str(error)) from error
        return value

    @field_validator("items")
    @classmethod
    def _known_items(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                find_item(text)
            except ConfigurationError as error:
                raise ValueError(str(error)) from error
        return value


class SchedulerSettings(Section):
    """When work runs, how often it is tried, and how leadership is kept; what runs stands in the plan's file."""

    plan_file: Path = Field(
        default=Path("config/collection.yaml"),
        description="The plan: areas, items and intervals; read again whenever it changes.",
    )
    profile: Literal["normal", "cautious"] = Field(
        default="normal", description="cautious: a cycle of 120 minutes and no backfill, for a first week."
    )
    persistence: bool = Field(
        default=True,
        description="0: a new leader forgets next run times and pauses, and plans from the start.",
    )
    max_instances: int = Field(default=1, ge=1, le=8, description="Runs of one job under way at once.")
    concurrent_runs: int = Field(default=32, ge=1, le=256, description="Runs of all jobs under way at once.")
    misfire_grace: float = Field(
        default=86_400.0, ge=1, le=2_592_000, description="Seconds after which a late run is recorded as missed."
    )
    retry_limit: int = Field(default=3, ge=0, le=20, description="Further attempts after a run that failed.")
    backoff: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds before the first further attempt; doubled each time."
    )
    drain_seconds: float = Field(
        default=20.0, ge=0, le=600, description="Seconds that running work may take to finish when the service stops."
    )
    heartbeat: float = Field(default=2.0, ge=0.2, le=5, description="Seconds between two signs of life of the leader.")
    takeover_after: float = Field(
        default=6.0, ge=1, le=120, description="Seconds without a sign of life after which a leader is replaced."
    )
    tick: float = Field(
        default=5.0, ge=0.1, le=10, description="Most seconds between two looks at the jobs, whatever the clock does."
    )
    stalled_after: float = Field(
        default=60.0,
        ge=5,
        le=3600,
        description="Seconds without a look at the jobs after which the service counts as dead.",
    )
    history_days: int = Field(default=90, ge=1, le=3650, description="Days for which runs of jobs are kept.")
    recent_days: int = Field(
        default=7, ge=1, le=60, description="Days back in which a collection job looks for missing values."
    )
    analysis_days: int = Field(
        default=45, ge=1, le=400, description="Days back that the gap analysis looks at; short gaps are filled at once."
    )
    backfill_days: int = Field(
        default=365, ge=1, le=7300, description="Days back that the daily backfill analysis keeps complete."
    )

    @model_validator(mode="after")
    def _room_for_heartbeats(self) -> Self:
        if self.takeover_after < 2 * self.heartbeat:
            raise ValueError("takeover_after must be at least twice the heartbeat")
        return self


class BackfillSettings(Section):
    """How backfills are worked on; live collection and gaps go first."""

    concurrency: int = Field(
        default=96,
        ge=1,
        le=96,
        description="Most windows of one backfill under way at once, over all processes; how many there are follows what they take.",
    )
    share: float = Field(
        default=0.2,
        ge=0.01,
        le=0.4,
        description="Part of the request budget that backfill gets even while live collection wants all of it.",
    )
    lease_seconds: float = Field(
        default=60.0, ge=3, le=3600, description="Seconds after which a window of a dead process is taken over."
    )
    attempts: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Attempts at a window the source does not answer, before it counts as failed.",
    )
    retry_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds before the second attempt at a window; doubled each time."
    )
    poll_seconds: float = Field(
        default=2.0, ge=0.1, le=60, description="Seconds between two looks for windows of other processes."
    )
    memory_mb: int = Field(
        default=1024, ge=128, description="Megabytes the process may hold before backfill is cut down to one window."
    )
    history_days: int = Field(
        default=90, ge=1, le=3650, description="Days for which backfills that have ended are kept; open ones always."
    )


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


class WebSettings(Section):
    """The HTTP side of `serve`: health and metrics."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 lets other machines in."
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one and logs it.")
    base_url: str = Field(
        default="",
        description="Address at which people reach this service, for links in messages; empty: http://HOST:PORT.",
    )
    max_connections: int = Field(
        default=200,
        ge=10,
        le=10_000,
        description="Open connections; of more, those that are idle for longest are closed.",
    )
    check_timeout: float = Field(
        default=2.0,
        gt=0,
        le=30,
        description="Seconds that each check of /health/ready may take before it counts as failed.",
    )
    shutdown_seconds: int = Field(
        default=3, ge=0, le=60, description="Seconds that answers under way may take when the service stops."
    )

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        text = value.strip().rstrip("/")
        if text and not _BASE_URL.fullmatch(text):
            raise ValueError("write it as https://gridkeeper.example.org, without user, query and fragment")
        return text


class LogSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is shown."
    )
    format: Literal["console", "json"] = Field(default="console", description="Lines for people, or JSON for machines.")
