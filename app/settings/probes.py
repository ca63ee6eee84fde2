"""Checks of websites and HTTP interfaces: where they may connect to, and how a missing network is noticed."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from app.settings.section import Listed, Networks, SecretFile, Section, one_of, secret_in

SHORTEST_KEY = 16
_REFERENCE = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")


_REGION = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,49})?")


def region_name(text: str) -> str:
    """The name of a region, or none; ValueError where it is neither."""
    if not _REGION.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a region; write letters, digits, dots and dashes, as eu-west")
    return text


def _references(value: tuple[str, ...]) -> tuple[str, ...]:
    for text in value:
        if not _REFERENCE.fullmatch(text):
            raise ValueError(f"{text!r} is no address with a port; write 192.0.2.1:443 or example.org:443")
    return value


def _name_servers(value: tuple[str, ...]) -> tuple[str, ...]:
    for text in value:
        name_server(text)
    return value


def name_server(text: str) -> tuple[str, int]:
    """Address and port; ValueError where it is neither `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` nor `[2001:db8::53]:53`."""
    match = re.fullmatch(r"\[(?P<six>[^]]+)\]:(?P<port>\d{1,5})|(?P<four>[\d.]+):(?P<other>\d{1,5})", text)
    address, port = (match["six"] or match["four"], match["port"] or match["other"]) if match else (text, "53")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise ValueError(f"{text!r} is no address of a name server; write 192.0.2.53 or [2001:db8::53]:53") from None
    return address, int(port)


class ProbeSettings(Section):
    """Checks of websites."""

    region: Annotated[str, AfterValidator(region_name)] = Field(
        default="",
        description="Region of this process, as eu-west: it checks the websites that name it, beside those that name none.",
    )
    concurrency: int = Field(default=50, ge=1, le=500, description="Websites that are checked at once.")
    per_host: int = Field(default=4, ge=1, le=50, description="Of these, websites of one host.")
    references: Annotated[Listed, AfterValidator(_references)] = Field(
        default=(),
        description="Addresses, host:port, that are asked when a website cannot be reached: where none of them can either, "
        "this machine has no network. Without them it has none when nothing of three hosts and more can be reached.",
    )
    refuse_private: bool = Field(
        default=False,
        description="1: no check connects to a loopback or private address, for users who are not trusted.",
    )
    refused_networks: Networks = Field(
        default=(), description="Further addresses or networks that are not connected to."
    )
    allowed_networks: Networks = Field(
        default=(), description="Addresses or networks that are connected to though they are private or link-local."
    )
    name_servers: Annotated[Listed, AfterValidator(_name_servers)] = Field(
        default=(), description="Name servers, as 192.0.2.53 or 192.0.2.53:5353, in place of the system's resolver."
    )
    interfaces_file: Path = Field(
        default=Path("config/interfaces.yaml"),
        description="Services whose HTTP interfaces are probed; read again whenever it changes.",
    )
    file: Path = Field(
        default=Path("config/probes.yaml"),
        description="Websites that are checked by a file; it is followed while it is edited.",
    )
    secret_key_file: SecretFile = Field(
        default=None, description="A file that holds the key, in place of the variable."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="Key, of 16 characters and more, by which secret headers and bodies are encrypted in the database; the "
        "same in all processes. Without it, one is made in probes.key of the data folder.",
    )
    checks_days: int = Field(default=90, ge=1, le=3650, description="Days for which results of checks are kept.")
    hourly_days: int = Field(
        default=400, ge=1, le=3650, description="Days for which results added up by hour are kept."
    )
    daily_days: int = Field(
        default=3650, ge=1, le=36_500, description="Days for which results added up by day are kept."
    )

    @field_validator("secret_key", mode="before")
    @classmethod
    def _of_file(cls, value: Any, info: ValidationInfo) -> Any:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        file = info.data.get("secret_key_file")
        if file is not None:
            text = one_of(text, secret_in(file), "GRIDKEEPER_PROBES__SECRET_KEY_FILE")
        if isinstance(text, str) and text and len(text) < SHORTEST_KEY:
            raise ValueError(f"a key has {SHORTEST_KEY} characters and more; `openssl rand -hex 32` makes one")
        return text or None
