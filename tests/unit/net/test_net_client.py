from __future__ import annotations

import httpx
import pytest

from app.errors import ConfigurationError, SourceUnavailable
from app.net.client import open_wire, proxy_for
from app.net.transports import describe
from tests.support.http_fakes import DOCUMENT, calling, head, sending, serving

PLATFORM = httpx.URL("https://web-api.tp.entsoe.eu/api")


@pytest.fixture(autouse=True)
def _no_proxy_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_without_a_proxy_in_the_environment_the_way_is_direct() -> None:
    assert proxy_for(PLATFORM) is None


def test_the_proxy_of_the_scheme_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://all.example:3128")
    assert proxy_for(PLATFORM) == "http://all.example:3128"
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:8080")
    assert proxy_for(PLATFORM) == "http://proxy.example:8080"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_loopback_needs_no_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:8080")
    assert proxy_for(httpx.URL(f"http://{host}:8000/api")) is None


def test_hosts_that_the_environment_exempts_are_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:8080")
    monkeypatch.setenv("NO_PROXY", ".entsoe.eu")
    assert proxy_for(PLATFORM) is None


async def test_a_request_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(sending([head(), DOCUMENT])) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.removesuffix("/api"))
        async with calling(None, base_url="http://platform.example/api") as caller:
            assert (await caller.get()).content == DOCUMENT


@pytest.mark.parametrize("proxy", ["gopher://secret:word@proxy.example", "socks5://secret:word@proxy.example:1"])
def test_a_proxy_that_cannot_be_used_is_a_setting_to_mend(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        open_wire(PLATFORM)
    assert "word" not in str(caught.value)


def test_certificates_that_do_not_exist_are_a_setting_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        open_wire(PLATFORM)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectTimeout(""), "took too long to accept a connection"),
        (httpx.PoolTimeout(""), "took too long to accept a connection"),
        (httpx.WriteTimeout(""), "stopped sending"),
        (httpx.ProxyError("407 Proxy Authentication Required"), "the proxy on the way to h refuses: 407"),
        (httpx.ReadError(""), "the connection to h broke"),
    ],
)
def test_a_failure_of_the_wire_is_told_in_words(error: httpx.RequestError, words: str) -> None:
    assert words in describe(error, "h")


async def test_a_connection_that_cannot_be_made_is_no_answer() -> None:
    async with calling(None, base_url="http://nowhere.invalid/api") as caller:
        with pytest.raises(SourceUnavailable, match=r"cannot connect to nowhere\.invalid"):
            await caller.get()
