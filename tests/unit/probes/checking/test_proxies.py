"""Checks through a proxy, and with a certificate of their own: what leads there fails by a name of its own."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from app.errors import ConfigurationError
from app.probes.checking.addresses import AddressPolicy, SystemResolver
from app.probes.checking.checker import HttpChecker
from app.probes.checking.tls import tls_context
from app.probes.models import CheckFailure, CheckRequest, CheckResult, TlsOptions
from tests.support.certificate_authority import CertificateAuthority, Issued
from tests.support.connect_proxy import connect_proxy
from tests.support.raw_server import Client, answer, raw_server, response

SITE = {"site.test": "127.0.0.1"}
SECRET = "pass-w0rd"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def site(authority: CertificateAuthority) -> Issued:
    return authority.issue("site.test", "proxy.test", "other.test", "127.0.0.1")


def lookup(host: str, port: int, family: int) -> list[tuple[Any, ...]]:
    """Names of a proxy are known here, `site.test` only to the proxy."""
    del family
    if host in {"proxy.test", "other.test"}:
        return [(socket.AF_INET, 0, 0, "", ("127.0.0.1", port))]
    raise socket.gaierror(socket.EAI_NONAME, "not known")


@pytest.fixture
async def checker() -> AsyncIterator[HttpChecker]:
    resolver = SystemResolver(lookup)
    made = HttpChecker(AddressPolicy(), resolver)
    yield made
    made.close()
    resolver.close()


async def test_a_tunnel_leads_to_a_site_that_only_the_proxy_knows(
    checker: HttpChecker, authority: CertificateAuthority, site: Issued
) -> None:
    trusted = TlsOptions(ca_file=authority.file)
    login = f"me:{SECRET}"
    async with (
        raw_server(answer(response()), tls=site.server_context()) as server,
        raw_server(answer(response())) as plain,
        connect_proxy(login, hosts=SITE) as proxy,
        connect_proxy(hosts=SITE, tls=site.server_context()) as secured,
    ):
        url = server.url(host="site.test", scheme="https")
        gates = (proxy.url(f"{login}@"), secured.url(scheme="https", host="proxy.test"))
        results = [await checker.check(CheckRequest(url, tls=trusted, proxy=gate)) for gate in gates]
        expired = authority.issue("site.test", days=-2).server_context()
        async with raw_server(answer(response()), tls=expired) as old:
            refused = await checker.check(
                CheckRequest(old.url(host="site.test", scheme="https"), tls=trusted, proxy=gates[0])
            )
        open_text = await checker.check(CheckRequest(plain.url(host="site.test"), proxy=gates[1], tls=trusted))
    assert [one.ok for one in (*results, open_text)] == [True] * 3, [one.detail for one in (*results, open_text)]
    assert [one.proxy for one in results] == [f"127.0.0.1:{proxy.port}", f"proxy.test:{secured.port}"]
    assert proxy.asked[0] == f"CONNECT site.test:{server.port} HTTP/1.1"
    assert secured.asked[-1] == f"GET http://site.test:{plain.port}/ HTTP/1.1"
    assert results[0].certificate is not None
    assert results[0].certificate.name == "site.test"
    # The certificate that was refused is looked at through the proxy, too.
    assert refused.failure is CheckFailure.CERTIFICATE
    assert refused.certificate is not None


async def test_what_fails_at_the_proxy_is_told_of_the_proxy_and_never_with_its_login(
    checker: HttpChecker, authority: CertificateAuthority
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = closed.getsockname()[1]
    untrusted = CertificateAuthority(authority.file.parent, "Unknown authority").issue("proxy.test")

    async def talk(client: Client) -> None:
        await client.request()
        await client.send(b"SSH-2.0\r\n\r\n")

    async def asked(gate: str, url: str = "https://site.test/") -> CheckResult:
        request = CheckRequest(url, proxy=gate, retries=0, timeout=5)
        return await checker.check(request)

    async with (
        connect_proxy(f"me:{SECRET}", hosts=SITE) as proxy,
        connect_proxy(hosts=SITE) as other,
        connect_proxy(tls=untrusted.server_context()) as secured,
        raw_server(talk) as strange,
    ):
        found = [
            await asked(proxy.url()), await asked(proxy.url(f"me:wrong{SECRET}@")), await asked(proxy.url(), "http://site.test/"),
            await asked(other.url(), "https://absent.test/"), await asked(f"http://me:{SECRET}@127.0.0.1:{nowhere}"),
            await asked("http://absent.test:3128"), await asked(secured.url(scheme="https", host="proxy.test")),
            await asked(f"http://127.0.0.1:{strange.port}"),
        ]  # fmt: skip
    assert [(one.failure and one.failure.value, one.detail) for one in found] == [
        ("connect", "the proxy 127.0.0.1 asks for user and password (407)"),
        ("connect", "the proxy 127.0.0.1 does not accept its user and password (407)"),
        ("connect", "the proxy 127.0.0.1 asks for user and password (407)"),
        ("connect", "the proxy 127.0.0.1 answers 502 to CONNECT absent.test:443"),
        ("refused", f"the proxy 127.0.0.1:{nowhere} refuses connections"),
        ("dns", "the proxy absent.test: the name is not known"),
        ("certificate", found[-2].detail),
        ("connect", found[-1].detail),
    ]  # fmt: skip
    assert found[-2].detail.startswith(
        f"the certificate of the proxy proxy.test:{secured.port} is not trusted: its issuer"
    )
    assert found[-1].detail.startswith("the proxy 127.0.0.1 breaks the rules of HTTP")
    assert not any(SECRET in repr(one) for one in found)


async def test_addresses_are_guarded_before_and_behind_a_proxy(authority: CertificateAuthority, site: Issued) -> None:
    del authority
    resolver = SystemResolver(lookup)
    strict = AddressPolicy(allow_private=False)
    checkers = [
        HttpChecker(policy, resolver)
        for policy in (
            AddressPolicy(),
            strict,
            AddressPolicy(allow_private=False, allowed=(ip_network("127.0.0.1/32"),)),
        )
    ]
    open_to_all, closed, proxy_allowed = checkers
    async with connect_proxy(hosts=SITE) as proxy, raw_server(answer(response())) as server:
        gate = proxy.url()

        async def asked(checker: HttpChecker, url: str, through: str = gate) -> CheckResult:
            return await checker.check(CheckRequest(url, proxy=through, retries=0))

        found = [
            await asked(open_to_all, "http://169.254.169.254/"),
            await asked(open_to_all, "http://site.test/", "http://169.254.169.254:80"),
            await asked(closed, "http://192.0.2.1/"),
            await asked(proxy_allowed, "http://site.test/"),
            await asked(proxy_allowed, "http://10.0.0.1/"),
        ]
        allowed = await asked(open_to_all, server.url(host="site.test"))
    for one in checkers:
        one.close()
    resolver.close()
    assert [one.failure for one in found] == [CheckFailure.BLOCKED] * 5
    assert "cannot be looked up here" in found[3].detail
    assert allowed.ok
    assert proxy.asked == [f"GET http://site.test:{server.port}/ HTTP/1.1"], "of what is refused nobody hears"
    del site


async def test_a_client_certificate_is_shown_to_its_own_origin_only(
    checker: HttpChecker, authority: CertificateAuthority, site: Issued
) -> None:
    pem = authority.issue("client").file.read_text()
    shown: list[bool] = []

    async def seen(client: Client) -> None:
        await client.request()
        shown.append(bool(client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)))
        await client.send(response())

    demanding, asking = site.server_context(authority.file), site.server_context()
    asking.load_verify_locations(authority.file)
    asking.verify_mode = ssl.CERT_OPTIONAL
    async with raw_server(seen, tls=asking) as other:
        elsewhere = other.url(host="other.test", scheme="https")

        async def leads_away(client: Client) -> None:
            await client.request()
            await client.send(response(302, b"", f"Location: {elsewhere}\r\n"))

        async with raw_server(leads_away, tls=demanding) as server:
            url = server.url(host="proxy.test", scheme="https")
            options = TlsOptions(ca_file=authority.file, client_pem=pem)
            result = await checker.check(CheckRequest(url, tls=options))
            direct = await checker.check(CheckRequest(elsewhere, tls=options))
            without = await checker.check(CheckRequest(url, tls=TlsOptions(ca_file=authority.file), retries=0))
    assert (result.ok, direct.ok, shown) == (True, True, [False, True]), result.detail
    # The alert that says so is lost where the connection is reset before it was read.
    assert without.failure in {CheckFailure.TLS, CheckFailure.PROTOCOL}
    if without.failure is CheckFailure.TLS:
        assert without.detail == f"proxy.test:{server.port} asks for a client certificate"
    assert pem.split("\n")[1] not in repr(options)


def test_what_is_no_certificate_with_its_key_is_refused_with_the_remedy(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    del tmp_path
    first, second = (authority.issue(name).file.read_text() for name in ("a", "b"))
    end = first.index("-----BEGIN EC PRIVATE KEY")
    encrypted = first[:end] + "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    for pem, said in (
        (first[:end] + second[second.index("-----BEGIN EC PRIVATE KEY") :], "not that of the certificate"),
        (first[:end], "as PEM"),
        ("something", "as PEM"),
        (encrypted, "passphrase"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            tls_context(TlsOptions(client_pem=pem))
    assert tls_context(TlsOptions(client_pem=first)) is tls_context(TlsOptions(client_pem=first))


async def test_a_name_that_is_looked_up_for_ever_holds_no_check_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.probes.checking.connections.GUARD_SECONDS", 0.05)

    class Slow(SystemResolver):
        async def resolve(self, host: str, port: int, family: Any) -> Any:
            if host == "site.test":
                await asyncio.sleep(60)
            return await super().resolve(host, port, family)

    resolver = Slow(lookup)
    checker = HttpChecker(AddressPolicy(), resolver)
    async with connect_proxy(hosts=SITE) as proxy, raw_server(answer(response())) as server:
        result = await checker.check(CheckRequest(server.url(host="site.test"), proxy=proxy.url(), timeout=20))
    checker.close()
    resolver.close()
    assert result.ok
