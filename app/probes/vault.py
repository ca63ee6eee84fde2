"""Secrets of probes as they stand in the database: encrypted and authenticated with a key that does not."""

from __future__ import annotations

import base64
import os
import secrets
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import SecretStr

from app.errors import ConfigurationError
from app.settings import Settings
from app.settings.probes import SHORTEST_KEY

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_BEGIN = "sealed1:"
UNREADABLE = "\x00"
"""Stands for a secret that was kept with another key; nothing that people write holds it."""


class Vault:
    """Seals texts with a key and opens them (Fernet: AES-128 in CBC mode under HMAC-SHA256)."""

    def __init__(self, key: bytes) -> None:
        self._key = base64.urlsafe_b64encode(sha256(b"gridkeeper vault" + key).digest())

    @cached_property
    def _fernet(self) -> Fernet:
        """Loaded with the first secret: the library takes 6 MB, and most services keep none."""
        from cryptography.fernet import Fernet

        return Fernet(self._key)

    @classmethod
    def of(cls, key: SecretStr | None, file: Path) -> Self:
        """With the key of the settings, else with the one of a file, which is made where there is none."""
        if key is not None:
            return cls(key.get_secret_value().encode())
        try:
            return cls(_key_of(file))
        except OSError as error:
            raise ConfigurationError(
                f"{file}, the key of websites' secrets, cannot be used: {error.strerror or error}. "
                "Set GRIDKEEPER_PROBES__SECRET_KEY in place of it"
            ) from error

    @classmethod
    def by(cls, settings: Settings) -> Self:
        """With the key of the settings, else with that of the data folder."""
        return cls.of(settings.probes.secret_key, settings.data_dir / "probes.key")

    def seal(self, text: str) -> str:
        return _BEGIN + self._fernet.encrypt(text.encode()).decode("ascii")

    def open(self, text: str) -> str:
        """The text that was sealed; `UNREADABLE` where another key sealed it, or somebody changed it.

        One that was never sealed, as an earlier version kept it, is what it is.
        """
        if not text.startswith(_BEGIN):
            return text
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(text[len(_BEGIN) :]).decode()
        except InvalidToken:
            return UNREADABLE


def _key_of(file: Path) -> bytes:
    """The key in a file that only its owner reads; of two processes that make it at once, one does."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        made = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
        made.touch(mode=0o600, exist_ok=False)
        made.write_text(secrets.token_hex(32), encoding="ascii")
        with suppress(FileExistsError):
            os.link(made, file)
        made.unlink()
    key = file.read_bytes().strip()
    if len(key) < SHORTEST_KEY:
        raise ConfigurationError(
            f"{file} holds no key: it has fewer than {SHORTEST_KEY} characters; remove it or mend it"
        )
    return key
