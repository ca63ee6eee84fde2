"""The REST API of `serve`: who is let in, and how much one request may ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from app.settings.section import Listed, Networks, Section


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for text in value:
        if not text.startswith(("http://", "https://")) or text.endswith("/") or "*" in text:
            raise ValueError(f"{text!r} is no origin; write https://notebooks.example.org")
    return value


class ApiSettings(Section):
    """The REST API below /api/v1."""

    first_key_file: Annotated[Path | None, BeforeValidator(lambda value: None if value == "" else value)] = Field(
        default=None,
        description="File of a key that `serve` takes as the first, with scope admin, while there is none; made where it is missing.",
    )
    open_reading: bool = Field(
        default=False, description="1: programs on this machine may read without a key also when keys exist."
    )
    hosts: Listed = Field(
        default=(), description="Names by which clients reach the service, beside its own, localhost and addresses."
    )
    origins: Annotated[Listed, AfterValidator(_origins)] = Field(
        default=(), description="Origins whose pages may ask in a browser (CORS), as https://notebooks.example.org."
    )
    proxies: Networks = Field(
        default=(), description="Addresses or networks of proxies whose X-Forwarded-For is believed."
    )
    requests_per_minute: int = Field(
        default=12_000, ge=0, le=10_000_000, description="Requests of one key, or address without one; 0: no limit."
    )
    failures_per_minute: int = Field(
        default=30, ge=1, le=100_000, description="Wrong keys from one address, before it has to wait."
    )
    page_rows: int = Field(default=1000, ge=1, le=100_000, description="Most rows of one page.")
    changes_rows: int = Field(
        default=50_000,
        ge=1,
        le=1_000_000,
        description="Most changes of values in one answer; about 20 MB each 100,000.",
    )
    changes_days: int = Field(
        default=90, ge=1, le=36_500, description="Days for which changes of values can be followed from a cursor."
    )
    events_days: int = Field(
        default=30, ge=1, le=36_500, description="Days for which events can be followed from the id of the last one."
    )
    streams: int = Field(default=50, ge=1, le=10_000, description="Most streams of events of one process at once.")
    streams_per_key: int = Field(
        default=10, ge=1, le=10_000, description="Most streams of events of one key, or address without one, at once."
    )
    range_days: int = Field(
        default=3700, ge=1, le=100_000, description="Longest range of delivery that one request may name."
    )
    places: int = Field(
        default=5000, ge=1, le=1_000_000, description="Most combinations of item and place that one request may name."
    )
    body_bytes: int = Field(default=1_000_000, ge=1000, le=100_000_000, description="Largest body of a request.")
    body_seconds: float = Field(default=15.0, gt=0, le=100, description="Seconds in which a body has to arrive.")
    reader_seconds: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Seconds after which a client that takes nothing of its answer is dropped.",
    )
    file_bytes: int = Field(
        default=32_000_000,
        ge=100_000,
        le=1_000_000_000,
        description="Largest Parquet answer of which parts may be read (HEAD, Range); twice as much is kept in memory.",
    )
    audit_days: int = Field(default=730, ge=1, le=36_500, description="Days for which the record of changes is kept.")
