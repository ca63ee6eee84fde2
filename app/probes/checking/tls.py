"""Contexts of TLS, built once, and what a handshake shows of the server's certificate."""

from __future__ import annotations

import os
import ssl
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import httpx

from app.errors import ConfigurationError
from app.probes.checking.certificates import CertificateText, read_certificate
from app.probes.models import ServerCertificate, TlsOptions


def tls_context(options: TlsOptions) -> ssl.SSLContext:
    """ConfigurationError where a file of the options cannot be used. A file that was replaced is read again."""
    files = (options.ca_file, options.client_certificate, options.client_key)
    return _context(options, tuple(_written(file) for file in files if file is not None))


def _written(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=256)
def _context(options: TlsOptions, _written_at: tuple[int, ...]) -> ssl.SSLContext:
    """Building one takes longer than a check."""
    try:
        if options.ca_file is not None:
            context = ssl.create_default_context(cafile=str(options.ca_file))
        else:
            context = httpx.create_ssl_context(trust_env=True)
        if options.client_certificate is not None:
            context.load_cert_chain(options.client_certificate, options.client_key, password="")
        if options.client_pem:
            _load_identity(context, options.client_pem)
    except (OSError, ValueError) as error:
        files = (options.ca_file, options.client_certificate, options.client_key)
        named = ", ".join(str(file) for file in files if file is not None) or "SSL_CERT_FILE or SSL_CERT_DIR"
        raise ConfigurationError(f"the certificates of {named} cannot be used: {error}") from error
    if not options.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


def _load_identity(context: ssl.SSLContext, pem: str) -> None:
    """OpenSSL reads certificates and keys from files only, so they lie in one that has no name and is in no folder."""
    with _nameless_file() as file:
        file.write(pem.encode())
        file.seek(0)
        try:
            context.load_cert_chain(f"/dev/fd/{file.fileno()}", password="")
        except (OSError, ValueError) as error:
            raise ConfigurationError(_wrong_identity(error, pem)) from None


def _nameless_file() -> IO[bytes]:
    """In memory, where the system has such files."""
    return os.fdopen(os.memfd_create("identity"), "w+b") if hasattr(os, "memfd_create") else tempfile.TemporaryFile()


def _wrong_identity(error: Exception, pem: str) -> str:
    if "ENCRYPTED" in pem:
        return "the key is encrypted; take its passphrase off: openssl pkey -in key.pem -out plain.pem"
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return "the key is not that of the certificate"
    return "certificate and key are wanted as PEM, the certificate of the client before those of its issuers"


def shown_certificate(tls: ssl.SSLObject) -> ServerCertificate | None:
    """The certificate that the server showed; None where it showed none or it cannot be read."""
    leaf = tls.getpeercert(binary_form=True)
    if not leaf:
        return None
    try:
        read = _read(leaf)
        ends = min((_read(link).ends for link in _verified_chain(tls)), default=read.ends)
    except ValueError:
        return None
    return ServerCertificate(
        read.ends, min(ends, read.ends), read.name, read.issuer, tls.version() or "", read.begins, read.subject, read.names,
        read.fingerprint,
    )  # fmt: skip


def _verified_chain(tls: ssl.SSLObject) -> list[bytes]:
    """The chain that was built and trusted: an expired root that the server sends besides is not in it."""
    # Public since Python 3.13, which gives bytes; before, the inner object gives certificates.
    found: Any = getattr(tls, "get_verified_chain", None) or getattr(
        getattr(tls, "_sslobj", None), "get_verified_chain", None
    )
    if found is None or tls.context.verify_mode is ssl.CERT_NONE:
        return []
    return [link if isinstance(link, bytes) else link.public_bytes(_DER) for link in found() or []]


_DER = 2


@lru_cache(maxsize=4096)
def _read(der: bytes) -> CertificateText:
    return read_certificate(der)
