"""Secrets as they are kept: opened with the same key alone, and only as they were sealed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.errors import ConfigurationError
from app.probes.vault import UNREADABLE, Vault

VAULT = Vault(b"a key of sixteen")


@given(st.text(max_size=200), st.integers(0, 400))
def test_a_secret_opens_as_it_was_and_not_after_a_change(secret: str, place: int) -> None:
    sealed = VAULT.seal(secret)
    assert (VAULT.open(sealed), VAULT.open(secret)) == (secret, secret)
    assert VAULT.seal(secret) != sealed
    assert Vault(b"another key").open(sealed) == UNREADABLE
    at = len("sealed1:") + place % (len(sealed) - len("sealed1:"))
    other = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
    assert VAULT.open(other) in {UNREADABLE, secret}  # the last digit of base64 has bits that say nothing
    assert VAULT.open(sealed[:at]) == UNREADABLE


def test_the_key_is_that_of_the_settings_or_of_a_file_for_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "probes.key"
    sealed = Vault.of(None, file).seal("s3cret")
    assert (Vault.of(None, file).open(sealed), file.stat().st_mode & 0o777) == ("s3cret", 0o600)
    assert Vault.of(SecretStr(file.read_text()), tmp_path / "none").open(sealed) == "s3cret"
    assert [path.name for path in file.parent.iterdir()] == ["probes.key"]
    file.write_text("short")
    for wrong in (file, Path("/proc/nowhere/probes.key")):
        with pytest.raises(ConfigurationError, match=r"probes\.key"):
            Vault.of(None, wrong)
