"""Secrets of probes as they stand in the database: encrypted and authenticated with a key that does not.

Made of HMAC-SHA256 alone, which the standard library has: as a generator of the key stream (counter mode), and over nonce
and text as the proof that nobody changed them (docs/decisions/0038-secrets-of-websites.md).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from app.errors import ConfigurationError
from app.settings.probes import SHORTEST_KEY

_BEGIN = "sealed1:"
_NONCE, _TAG, _MARK = 16, 16, 4
UNREADABLE = "\x00"
"""Stands for a secret that was kept with another key; nothing that people write holds it."""


class Vault:
    """Seals texts with a key and opens them."""

    def __init__(self, key: bytes) -> None:
        self._stream, self._proof, name = (
            hmac.digest(key, use, "sha256") for use in (b"gridkeeper stream", b"gridkeeper proof", b"gridkeeper name")
        )
        self._mark = name[:_MARK]

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

    def seal(self, text: str) -> str:
        nonce = secrets.token_bytes(_NONCE)
        hidden = self._crossed(nonce, text.encode())
        sealed = self._mark + nonce + self._tag(nonce, hidden) + hidden
        return _BEGIN + base64.b64encode(sealed).decode("ascii")

    def open(self, text: str) -> str:
        """The text that was sealed; `UNREADABLE` where another key sealed it, or somebody changed it.

        One that was never sealed, as an earlier version kept it, is what it is.
        """
        if not text.startswith(_BEGIN):
            return text
        try:
            sealed = base64.b64decode(text[len(_BEGIN) :], validate=True)
        except binascii.Error:
            return UNREADABLE
        mark, rest = sealed[:_MARK], sealed[_MARK:]
        nonce, tag, hidden = rest[:_NONCE], rest[_NONCE : _NONCE + _TAG], rest[_NONCE + _TAG :]
        if mark != self._mark or not hmac.compare_digest(tag, self._tag(nonce, hidden)):
            return UNREADABLE
        return self._crossed(nonce, hidden).decode()

    def _tag(self, nonce: bytes, hidden: bytes) -> bytes:
        return hmac.digest(self._proof, nonce + hidden, "sha256")[:_TAG]

    def _crossed(self, nonce: bytes, content: bytes) -> bytes:
        stream = b"".join(self._blocks(nonce, len(content)))
        return bytes(one ^ two for one, two in zip(content, stream, strict=False))

    def _blocks(self, nonce: bytes, length: int) -> Iterator[bytes]:
        for number in range(-(-length // hashlib.sha256().digest_size)):
            yield hmac.digest(self._stream, nonce + number.to_bytes(8, "big"), "sha256")


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
