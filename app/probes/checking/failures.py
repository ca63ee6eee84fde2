"""Why an attempt ends, read from the errors of sockets, TLS and HTTP."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from dataclasses import dataclass

from app.probes.models import CheckFailure

_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""This machine has no descriptor, buffer or port left."""
_UNKNOWN_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_VERIFY_TEXT = {
    10: "it has expired", 9: "it is not valid yet", 18: "it is self-signed", 19: "its chain ends in an unknown authority",
    20: "its issuer is not known, or the server does not send the chain to it", 21: "its chain is incomplete",
    62: "it is for another host", 64: "it is for another address",
}  # fmt: skip

_CLIENT_REFUSED = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "asks for a client certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "does not trust the issuer of the client certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "refuses the client certificate: it has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "refuses the client certificate: it is revoked",
    "SSLV3_ALERT_BAD_CERTIFICATE": "refuses the client certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "refuses the client certificate",
}
"""Alerts of a server that wants to know who is there, by the names that OpenSSL gives them."""


@dataclass
class CheckStopped(Exception):
    """The attempt is over; `repeatable`: the connection failed before a response, another may succeed."""

    failure: CheckFailure
    detail: str
    repeatable: bool = False


def lookup_failed(host: str, error: Exception) -> CheckStopped:
    if _is_ours(error):
        return _ours(error)
    known = isinstance(error, socket.gaierror) and error.errno in _UNKNOWN_NAME
    reason = "the name is not known" if known else _system_text(error)
    return CheckStopped(CheckFailure.DNS, f"{host}: {reason}", repeatable=not known)


def connect_failed(name: str, error: OSError) -> CheckStopped:
    if _is_ours(error):
        return _ours(error)
    if isinstance(error, ConnectionRefusedError):
        return CheckStopped(CheckFailure.REFUSED, f"{name} refuses connections", repeatable=True)
    if isinstance(error, TimeoutError):
        return CheckStopped(CheckFailure.TIMEOUT, f"{name} does not answer: {_system_text(error)}", repeatable=True)
    return CheckStopped(CheckFailure.CONNECT, f"no connection to {name}: {_system_text(error)}", repeatable=True)


def handshake_failed(name: str, error: OSError) -> CheckStopped:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = _VERIFY_TEXT.get(error.verify_code, error.verify_message)
        return CheckStopped(CheckFailure.CERTIFICATE, f"the certificate of {name} is not trusted: {reason}")
    if isinstance(error, ssl.SSLEOFError | ConnectionError):
        return CheckStopped(CheckFailure.TLS, f"{name} closed the connection during the handshake", repeatable=True)
    said = getattr(error, "reason", None)
    if said in _CLIENT_REFUSED:
        return CheckStopped(CheckFailure.TLS, f"{name} {_CLIENT_REFUSED[said]}")
    text = said.lower().replace("_", " ") if said else _system_text(error)
    return CheckStopped(CheckFailure.TLS, f"no TLS with {name}: {text}", repeatable=True)


def exchange_failed(name: str, error: OSError, *, begun: bool) -> CheckStopped:
    """`begun`: some of the response came before."""
    if isinstance(error, ssl.SSLError):
        return handshake_failed(name, error)
    where = "within the response" if begun else "before a response"
    return CheckStopped(
        CheckFailure.PROTOCOL, f"the connection to {name} broke {where}: {_system_text(error)}", repeatable=not begun
    )


def _is_ours(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in _OURS and not isinstance(error, socket.gaierror)


def _ours(error: Exception) -> CheckStopped:
    return CheckStopped(CheckFailure.OURS, f"this machine cannot open a connection: {_system_text(error)}")


def _system_text(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return str(error.strerror or error)
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__
