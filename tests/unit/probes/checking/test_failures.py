"""Errors of the system, of TLS and of sockets become reasons of a closed set."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from app.probes.checking.failures import CheckStopped, connect_failed, exchange_failed, handshake_failed, lookup_failed
from app.probes.models import CheckFailure


@pytest.mark.parametrize(
    ("stopped", "failure", "detail", "repeatable"),
    [
        (lookup_failed("a", socket.gaierror(socket.EAI_FAIL, "broken")), CheckFailure.DNS, "a: broken", True),
        (lookup_failed("a", UnicodeError("label too long")), CheckFailure.DNS, "a: label too long", True),
        (lookup_failed("a", OSError(errno.EMFILE, "")), CheckFailure.OURS, "too many open files", False),
        (connect_failed("a:1", OSError(errno.EMFILE, "")), CheckFailure.OURS, "too many open files", False),
        (connect_failed("a:1", OSError(errno.EADDRNOTAVAIL, "")), CheckFailure.OURS, "cannot assign", False),
        (connect_failed("a:1", OSError(errno.EHOSTUNREACH, "")), CheckFailure.CONNECT, "no route to host", True),
        (connect_failed("a:1", TimeoutError(errno.ETIMEDOUT, "")), CheckFailure.TIMEOUT, "does not answer", True),
        (connect_failed("a:1", ConnectionRefusedError()), CheckFailure.REFUSED, "a:1 refuses connections", True),
        (handshake_failed("a:1", ConnectionResetError()), CheckFailure.TLS, "closed the connection", True),
        (handshake_failed("a:1", ssl.SSLError(1, "odd")), CheckFailure.TLS, "no TLS with a:1", True),
        (exchange_failed("a", ssl.SSLError(1, "odd"), begun=False), CheckFailure.TLS, "no TLS with a", True),
        (
            exchange_failed("a", BrokenPipeError(errno.EPIPE, ""), begun=True),
            CheckFailure.PROTOCOL,
            "within the resp",
            False,
        ),
    ],
)
def test_reasons(stopped: CheckStopped, failure: CheckFailure, detail: str, repeatable: bool) -> None:
    assert (stopped.failure, stopped.repeatable) == (failure, repeatable)
    assert detail in stopped.detail
