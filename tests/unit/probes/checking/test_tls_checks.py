"""Certificates are judged as a browser would, and shown even where they are refused."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.errors import ConfigurationError
from app.probes.checking.addresses import SystemResolver
from app.probes.checking.checker import HttpChecker
from app.probes.checking.conditions.parse import parse_condition
from app.probes.checking.tls import tls_context
from app.probes.models import CheckFailure, CheckRequest, TlsOptions
from tests.support.certificate_authority import CertificateAuthority
from tests.support.raw_server import Client, answer, raw_server, response

TODAY = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("ca"))


def loopback(host: str, port: int, family: int) -> list[tuple[Any, ...]]:
    del host, family
    return [(socket.AF_INET, 0, 0, "", ("127.0.0.1", port))]


@pytest.fixture
async def checker() -> AsyncIterator[HttpChecker]:
    resolver = SystemResolver(loopback)
    made = HttpChecker(resolver=resolver)
    yield made
    made.close()
    resolver.close()


async def test_a_good_certificate_is_shown_with_its_end(checker: HttpChecker, authority: CertificateAuthority) -> None:
    asked: list[str | None] = []
    context = authority.issue("site.test", days=30).server_context()
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    conditions = (parse_condition("certificate > 21 d"), parse_condition("latency.tls < 1 min"))
    async with raw_server(answer(response()), tls=context) as server:
        url = server.url(host="site.test", scheme="https")
        request = CheckRequest(url, tls=TlsOptions(ca_file=authority.file), conditions=conditions)
        result = await checker.check(request)
        late = await checker.check(
            CheckRequest(url, tls=request.tls, conditions=(parse_condition("certificate > 60"),), retries=0)
        )
    assert result.ok, result.detail
    assert asked == ["site.test"] * 2
    shown = result.certificate
    assert shown is not None
    assert (shown.name, shown.issuer, shown.protocol) == ("site.test", "Test authority", "TLSv1.3")
    assert timedelta(days=29) < shown.ends - TODAY < timedelta(days=31)
    assert shown.chain_ends == shown.ends
    assert result.phases.tls is not None
    assert late.failure is CheckFailure.CONDITION
    assert "it ends in 30.0 d" in late.detail or "it ends in 29.9 d" in late.detail


@pytest.mark.parametrize(
    ("name", "days", "trusted", "reason"),
    [
        ("site.test", -3, True, "it has expired"),
        ("other.test", 30, True, "it is for another host"),
        ("site.test", 30, False, "its issuer is not known, or the server does not send the chain to it"),
    ],
)
async def test_a_certificate_that_is_refused_is_told_and_shown(
    checker: HttpChecker, authority: CertificateAuthority, name: str, days: int, *, trusted: bool, reason: str
) -> None:
    context = authority.issue(name, days=days).server_context()
    async with raw_server(answer(response()), tls=context) as server:
        url = server.url(host="site.test", scheme="https")
        options = TlsOptions(ca_file=authority.file) if trusted else TlsOptions()
        result = await checker.check(CheckRequest(url, tls=options))
        unverified = await checker.check(CheckRequest(url, tls=TlsOptions(verify=False)))
    assert (result.failure, len(result.attempts)) == (CheckFailure.CERTIFICATE, 1)
    assert result.detail == f"the certificate of site.test:{server.port} is not trusted: {reason}"
    assert result.certificate is not None
    assert result.certificate.name == name
    assert abs(result.certificate.ends - TODAY - timedelta(days=days)) < timedelta(days=1)
    assert unverified.ok
    assert unverified.certificate == replace(result.certificate, problem="")
    assert result.certificate.problem == reason
    assert len(server.heads) == 1


async def test_the_name_that_is_asked_for_can_be_another(checker: HttpChecker, authority: CertificateAuthority) -> None:
    context = authority.issue("*.inner.test").server_context()
    async with raw_server(answer(response()), tls=context) as server:
        options = TlsOptions(ca_file=authority.file, server_name="a.inner.test")
        result = await checker.check(CheckRequest(server.url(scheme="https"), tls=options))
    assert result.ok, result.detail


async def test_client_certificates(checker: HttpChecker, authority: CertificateAuthority, tmp_path: Path) -> None:
    context = authority.issue("site.test").server_context(client_ca=authority.file)
    client = authority.issue("client").file
    async with raw_server(answer(response()), tls=context) as server:
        url = server.url(host="site.test", scheme="https")
        options = TlsOptions(ca_file=authority.file, client_certificate=client)
        assert (await checker.check(CheckRequest(url, tls=options))).ok
        without = await checker.check(CheckRequest(url, tls=TlsOptions(ca_file=authority.file), retries=0))
        with pytest.raises(ConfigurationError, match=r"absent\.pem cannot be used"):
            await checker.check(CheckRequest(url, tls=TlsOptions(client_certificate=tmp_path / "absent.pem")))
    # The alert that says so is lost where the connection is reset before it was read.
    assert without.failure in {CheckFailure.TLS, CheckFailure.PROTOCOL}


async def test_a_refusal_stands_where_the_second_look_takes_too_long(
    checker: HttpChecker, authority: CertificateAuthority
) -> None:
    context = authority.issue("site.test", days=-1).server_context()
    later: list[asyncio.StreamWriter] = []

    async def first_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        later.append(writer)
        if len(later) == 1:
            with suppress(ConnectionError, ssl.SSLError):
                await writer.start_tls(context)

    server = await asyncio.start_server(first_only, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    result = await checker.check(
        CheckRequest(f"https://site.test:{port}/", timeout=1, tls=TlsOptions(ca_file=authority.file))
    )
    for writer in later:
        writer.close()
    server.close()
    assert (result.failure, result.certificate, len(later)) == (CheckFailure.CERTIFICATE, None, 2)


async def test_a_file_of_certificates_that_was_replaced_is_read_again(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(authority.file.read_bytes())
    options = TlsOptions(ca_file=trusted)
    first = tls_context(options)
    assert tls_context(options) is first
    os.utime(trusted, (1, 1))
    assert tls_context(options) is not first


async def test_what_is_no_tls_is_told(checker: HttpChecker) -> None:
    async with raw_server(answer(response())) as server:
        plain = await checker.check(CheckRequest(server.url(scheme="https"), retries=0, timeout=0.4))

    async def hang_up(client: Client) -> None:
        await client.reader.read(1)

    async with raw_server(hang_up) as server:
        closed = await checker.check(CheckRequest(server.url(scheme="https"), retries=1, retry_pause=0))
    # A plain server waits for the end of a head that never comes.
    assert plain.failure is CheckFailure.TIMEOUT
    assert "waiting for the TLS handshake" in plain.detail
    assert (closed.failure, len(closed.attempts)) == (CheckFailure.TLS, 2)


async def test_tls_that_ends_without_farewell(checker: HttpChecker, authority: CertificateAuthority) -> None:
    async def cut(client: Client) -> None:
        await client.request()
        length = "Content-Length: 9\r\n" if client.path == "/cut" else ""
        await client.send(f"HTTP/1.1 200 OK\r\n{length}\r\nhalf".encode())
        client.writer.transport.abort()

    context = authority.issue("site.test").server_context()
    async with raw_server(cut, tls=context) as server:
        options = TlsOptions(ca_file=authority.file)
        results = [
            await checker.check(CheckRequest(server.url(path, "site.test", "https"), tls=options, retries=0))
            for path in ("/cut", "/whole")
        ]
    assert [result.failure for result in results] == [CheckFailure.PROTOCOL, None]


async def test_the_protocol_is_shown(checker: HttpChecker, authority: CertificateAuthority) -> None:
    context = authority.issue("site.test").server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with raw_server(answer(response()), tls=context) as server:
        request = CheckRequest(server.url(host="site.test", scheme="https"), tls=TlsOptions(ca_file=authority.file))
        result = await checker.check(request)
    assert result.certificate is not None
    assert result.certificate.protocol == "TLSv1.2"
