"""Certificates are read from their DER, and clocks and stamps of the kernel are believed within reason."""

from __future__ import annotations

import socket
import struct
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.probes.checking.certificates import read_certificate
from app.probes.checking.wire import _unread
from tests.support.certificate_authority import CertificateAuthority


def test_name_issuer_and_end_are_read(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path, "Some authority")
    for days in (30, 30_000):
        der = authority.issue("site.test", "192.0.2.1", "2001:db8::1", days=days).certificate
        read = read_certificate(der)
        assert (read.subject, read.names) == ("CN=site.test", ("site.test", "192.0.2.1", "2001:db8::1"))
        assert (read.fingerprint, read.begins < datetime.now(UTC)) == (sha256(der).hexdigest(), True)
        assert (read.name, read.issuer) == ("site.test", "Some authority")
        assert abs(read.ends - datetime.now(UTC) - timedelta(days=days)) < timedelta(hours=1)


@given(st.binary(max_size=60))
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no certificate"):
        read_certificate(data)


def stamped(age: float) -> list[tuple[int, int, bytes]]:
    received = time.time_ns() - int(age * 1e9)
    return [(socket.SOL_SOCKET, 35, struct.pack("@ll", *divmod(received, 1_000_000_000)))]


def test_what_lay_unread_is_told_by_the_stamp_unless_the_clock_was_set() -> None:
    assert _unread(stamped(20)) >= 20
    assert _unread(stamped(3600)) == 0
    assert _unread(stamped(-3600)) == 0
    assert _unread([]) == 0
    assert _unread([(socket.SOL_SOCKET, 35, b"")]) == 0
