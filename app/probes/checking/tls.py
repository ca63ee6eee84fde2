"""Contexts of TLS, built once, and what a handshake shows of the server's certificate."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any

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
    except (OSError, ValueError) as error:
        files = (options.ca_file, options.client_certificate, options.client_key)
        named = ", ".join(str(file) for file in files if file is not None) or "SSL_CERT_FILE or SSL_CERT_DIR"
        raise ConfigurationError(f"the certificates of {named} cannot be used: {error}") from error
    if not options.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


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
    return ServerCertificate(read.ends, min(ends, read.ends), read.name, read.issuer, tls.version() or "")


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
