"""Digests of passwords: argon2id, made in a thread, a few at once, so that guesses take neither all memory nor the loop."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

AT_ONCE = 2
"""Each takes 64 MB and some tens of milliseconds of a processor."""
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$2MBJPbw18JWRIOmCVPtQKA$1i5UkKCwvFxYeMVTN+MRoFnQ5EzgH5j44SSXLq+x+Bc"
"""What the password of an unknown user is compared with, for as long as that of a known one takes."""


class Passwords:
    """Makes and checks digests."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)

    @cached_property
    def _hasher(self) -> PasswordHasher:
        """Loaded with the first password: a service without users needs none of it."""
        from argon2 import PasswordHasher

        return PasswordHasher()

    async def digest(self, password: str) -> str:
        async with self._room:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, digest: str, password: str) -> bool:
        """Whether this is the password; one that cannot match takes as long."""
        async with self._room:
            return await asyncio.to_thread(self._verify, digest, password)

    def outdated(self, digest: str) -> bool:
        """Whether it was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(digest)

    def _verify(self, digest: str, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            self._hasher.verify(digest or NOBODY, password)
        except (VerificationError, InvalidHashError):
            return False
        return bool(digest)
