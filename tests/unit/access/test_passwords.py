"""Digests of passwords with the parameters that the service uses."""

from __future__ import annotations

from argon2 import PasswordHasher, extract_parameters

from app.access.users.passwords import NOBODY, Passwords


async def test_a_digest_fits_its_password_alone_and_nobody_takes_as_long() -> None:
    passwords = Passwords()
    digest = await passwords.digest("a long walk by the river")
    assert digest.startswith("$argon2id$")
    assert await passwords.matches(digest, "a long walk by the river")
    assert not await passwords.matches(digest, "a long walk by the rive")
    assert not await passwords.matches("", "")
    assert not await passwords.matches("no digest", "x")
    assert extract_parameters(NOBODY) == extract_parameters(digest)
    assert not passwords.outdated(digest)
    assert passwords.outdated(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x"))
