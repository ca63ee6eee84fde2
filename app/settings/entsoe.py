"""Access to the ENTSO-E Transparency Platform."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, HttpUrl, SecretStr, ValidationInfo, field_validator

from app.settings.section import SecretFile, Section, one_of, secret_in

_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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
            text = one_of(
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
