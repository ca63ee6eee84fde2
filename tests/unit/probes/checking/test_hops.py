"""Names, addresses and redirects: what was allowed is what is connected to, and secrets stay with their origin."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest

from app.errors import ConfigurationError
from app.probes.checking.addresses import AddressPolicy, SystemResolver
from app.probes.checking.checker import HttpChecker
from app.probes.checking.lookups import LookupThreads, system_lookup
from app.probes.models import AddressFamily, CheckFailure, CheckMethod, CheckRequest
from tests.support.raw_server import Client, answer, by_path, raw_server, response

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


class NameServer:
    """Answers for names as a test says; several answers for one name follow each other."""

    def __init__(self, **answers: list[str] | Exception) -> None:
        self.answers = {name.replace("_", "."): found for name, found in answers.items()}
        self.rounds: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    def lookup(self, host: str, port: int, family: int) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        found = self.rounds[host].pop(0) if self.rounds.get(host) else self.answers[host]
        if isinstance(found, Exception):
            raise found
        kinds = [(socket.AF_INET6 if ":" in address else socket.AF_INET, address) for address in found]
        return [(kind, 0, 0, "", (address, port)) for kind, address in kinds if family in {0, kind}]


MadeChecker = Callable[..., HttpChecker]


@pytest.fixture
async def made() -> AsyncIterator[MadeChecker]:
    closers = []

    def make(names: NameServer | None = None, policy: AddressPolicy | None = None) -> HttpChecker:
        resolver = SystemResolver(names.lookup) if names is not None else SystemResolver()
        checker = HttpChecker(policy, resolver)
        closers.extend([checker.close, resolver.close])
        return checker

    yield make
    for close in closers:
        close()


async def test_the_name_is_asked_once_and_the_next_address_is_tried(made: MadeChecker) -> None:
    names = NameServer(site_test=["127.0.0.9", "127.0.0.1"])
    async with raw_server(answer(response())) as server:
        result = await made(names).check(CheckRequest(server.url(host="site.test")))
    assert (result.ok, result.address, names.asked) == (True, "127.0.0.1", ["site.test"])
    assert f"Host: site.test:{server.port}".encode() in server.heads[0]
    assert result.phases.dns is not None


@pytest.mark.parametrize(
    ("found", "failure", "detail", "attempts"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), CheckFailure.DNS, "the name is not known", 1),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), CheckFailure.DNS, "try again", 2),
        ([], CheckFailure.DNS, "has no any address", 1),
        (["169.254.169.254"], CheckFailure.BLOCKED, "metadata", 1),
        (["127.0.0.1", "fe80::1"], CheckFailure.BLOCKED, "link-local", 1),
        (["::ffff:169.254.169.254"], CheckFailure.BLOCKED, "metadata", 1),
        (["64:ff9b::a9fe:a9fe"], CheckFailure.BLOCKED, "metadata", 1),
    ],
)
async def test_a_name_without_a_usable_address_is_told(
    made: MadeChecker, found: list[str] | Exception, failure: CheckFailure, detail: str, attempts: int
) -> None:
    request = CheckRequest("http://site.test/", retries=1, retry_pause=0)
    result = await made(NameServer(site_test=found)).check(request)
    assert (result.failure, len(result.attempts)) == (failure, attempts)
    assert detail in result.detail


async def test_a_name_server_that_does_not_answer_holds_nobody_else(made: MadeChecker) -> None:
    silent = threading.Event()

    def lookup(host: str, port: int, family: int) -> list[tuple[Any, ...]]:
        if host == "dead.test":
            silent.wait(20)
        return [(socket.AF_INET, 0, 0, "", ("127.0.0.1", port))]

    resolver = SystemResolver(lookup)
    checker = HttpChecker(resolver=resolver)
    async with raw_server(answer(response())) as server:
        dead = asyncio.create_task(checker.check(CheckRequest(server.url(host="dead.test"), timeout=0.2)))
        alive = await checker.check(CheckRequest(server.url(host="site.test")))
        result = await dead
    silent.set()
    resolver.close()
    assert alive.ok
    assert alive.resolved == ("127.0.0.1",)
    assert (result.failure, result.detail) == (CheckFailure.TIMEOUT, "no end within 0.2 s: looking up dead.test")


async def test_more_lookups_than_threads_wait_for_their_turn() -> None:
    threads = LookupThreads(most=2)
    found = await asyncio.gather(*(threads.ask(partial(list, [(number,)])) for number in range(9)))
    assert [info for info, _ in found] == [[(number,)] for number in range(9)]
    with pytest.raises(socket.gaierror):
        await threads.ask(lambda: system_lookup("nobody.invalid", 80, 0))
    threads.close()


async def test_families_are_chosen(made: MadeChecker) -> None:
    names = NameServer(site_test=["127.0.0.1"])
    async with raw_server(answer(response())) as server:
        request = CheckRequest(server.url(host="site.test"), family=AddressFamily.IPV6)
        assert (await made(names).check(request)).detail == "site.test: the name has no ipv6 address"
        literal = await made().check(CheckRequest(server.url(), family=AddressFamily.IPV6))
    assert literal.failure is CheckFailure.DNS


async def test_a_name_that_changes_its_mind_is_looked_at_each_time_and_never_in_between(made: MadeChecker) -> None:
    names = NameServer()
    async with raw_server(by_path(root=response(302, b"", "Location: /again\r\nConnection: close\r\n"))) as server:
        names.rounds["site.test"] = [["127.0.0.1"], ["169.254.169.254"]]
        result = await made(names).check(CheckRequest(server.url(host="site.test")))
    assert (result.failure, server.connections, len(names.asked)) == (CheckFailure.BLOCKED, 1, 2)
    assert [redirect.status for redirect in result.redirects] == [302]


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest", "file:///etc/passwd", "http://[::1", "gopher://x/"]
)
async def test_a_redirect_leads_nowhere_forbidden(made: MadeChecker, location: str) -> None:
    async with raw_server(answer(response(302, b"", f"Location: {location}\r\n"))) as server:
        result = await made().check(CheckRequest(server.url()))
    assert result.failure is CheckFailure.BLOCKED


async def test_private_networks_are_refused_where_the_operator_says_so(made: MadeChecker) -> None:
    async with raw_server(answer(response())) as server:
        for policy, ok in (
            (AddressPolicy(allow_private=False), False),
            (AddressPolicy(allow_private=False, allowed=(LOOPBACK,)), True),
            (AddressPolicy(refused=(LOOPBACK,)), False),
        ):
            result = await made(policy=policy).check(CheckRequest(server.url()))
            assert result.failure is (None if ok else CheckFailure.BLOCKED)


async def test_redirects_are_followed_and_shown(made: MadeChecker) -> None:
    answers = {
        "root": response(301, b"", "Location: /a?b=c#part\r\n"),
        "a": response(307, b"", "Location: ./d\r\n"),
        "d": response(200, b"end"),
    }
    async with raw_server(by_path(**answers)) as server:
        result = await made().check(CheckRequest(server.url()))
        unfollowed = await made().check(CheckRequest(server.url(), redirects=0))
    assert result.ok
    assert [(hop.status, hop.url, hop.location) for hop in result.redirects] == [
        (301, server.url("/"), server.url("/a?b=c")),
        (307, server.url("/a?b=c"), server.url("/d")),
    ]
    assert result.final_url == server.url("/d")
    assert (unfollowed.status, unfollowed.failure) == (301, CheckFailure.STATUS)


async def test_a_loop_of_redirects_ends(made: MadeChecker) -> None:
    async with raw_server(by_path(root=response(302, b"", "Location: /\r\n"))) as server:
        result = await made().check(CheckRequest(server.url(), redirects=3))
    assert (result.failure, len(server.heads)) == (CheckFailure.REDIRECT_LOOP, 4)


async def test_a_cookie_of_a_redirect_comes_back_to_its_origin_only(made: MadeChecker) -> None:
    async def gate(client: Client) -> None:
        head = await client.request()
        let_in = b"Cookie: own=1; seen=yes" in head
        await client.send(response(200 if let_in else 302, b"", "Location: /\r\nSet-Cookie: seen=yes; Path=/\r\n"))

    async with raw_server(gate) as server:
        result = await made().check(CheckRequest(server.url(), headers={"Cookie": "own=1"}))
    assert (result.ok, len(result.redirects)) == (True, 1)


async def test_secrets_never_go_to_another_origin_nor_come_back_from_there(made: MadeChecker) -> None:
    headers = {"Authorization": "Bearer t0ken", "Cookie": "a=b", "X-Odd": "s3cret", "Accept-Language": "de"}
    places: dict[str, str] = {}

    async def handler(client: Client) -> None:
        await client.request()
        place = places.get(client.path)
        await client.send(response(302 if place else 200, b"", f"Location: {place}\r\n" if place else ""))

    # Another port is another origin.
    async with raw_server(handler) as home, raw_server(handler) as other:
        places |= {"/": other.url("/there"), "/there": home.url("/end")}
        result = await made().check(CheckRequest(home.url(), headers=headers))
    assert (result.ok, len(result.redirects)) == (True, 2)
    begin, end = home.heads
    assert b"Bearer t0ken" in begin
    for head in (*other.heads, end):
        assert b"Accept-Language: de" in head
        assert not any(secret in head for secret in (b"t0ken", b"a=b", b"s3cret", b"Authorization", b"Cookie"))


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (302, CheckMethod.POST, b"GET", False),
        (303, CheckMethod.PUT, b"GET", False),
        (307, CheckMethod.POST, b"POST", True),
        (302, CheckMethod.HEAD, b"HEAD", False),
    ],
)
async def test_methods_change_as_in_browsers(
    made: MadeChecker, status: int, method: CheckMethod, then: bytes, body: bool
) -> None:
    async def handler(client: Client) -> None:
        head = await client.request()
        if b"Content-Length: 4" in head:
            await client.reader.readexactly(4)
        to_follow = f"HTTP/1.1 {status} Go\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n".encode()
        await client.send(b"HTTP/1.1 200 OK\r\n\r\n" if client.path == "/end" else to_follow)

    sent = b"body" if method in {CheckMethod.POST, CheckMethod.PUT} else b""
    async with raw_server(handler) as server:
        request = CheckRequest(server.url(), method, {"Content-Type": "text/x"} if sent else {}, sent)
        assert (await made().check(request)).ok
    assert server.heads[-1].startswith(then + b" /end")
    assert (b"Content-Length: 4" in server.heads[-1]) is body
    assert (b"Content-Type" in server.heads[-1]) is body


async def test_a_body_never_goes_to_another_origin(made: MadeChecker) -> None:
    places: dict[str, str] = {}

    async def handler(client: Client) -> None:
        await client.request()
        await client.send(response(308, b"", f"Location: {places['other']}\r\n"))

    async with raw_server(answer(response())) as other, raw_server(handler) as server:
        places["other"] = other.url()
        result = await made().check(CheckRequest(server.url(), CheckMethod.POST, body=b"password=x"))
    assert (result.failure, other.connections) == (CheckFailure.BLOCKED, 0)


async def test_a_proxy_is_asked_with_the_whole_url_and_its_own_login(made: MadeChecker) -> None:
    names = NameServer(site_test=socket.gaierror(socket.EAI_NONAME, "only the proxy knows"))
    async with raw_server(answer(response())) as proxy:
        gate = f"http://me:pass@127.0.0.1:{proxy.port}"
        result = await made(names).check(CheckRequest("http://site.test/x?y", proxy=gate))
        blocked = await made().check(CheckRequest("http://169.254.169.254/", proxy=gate))
        closed = await made(names).check(CheckRequest("https://site.test/", proxy=gate, retries=0))
    assert result.ok
    assert proxy.heads[0].startswith(b"GET http://site.test/x?y HTTP/1.1")
    assert b"Proxy-Authorization: Basic bWU6cGFzcw==" in proxy.heads[0]
    assert blocked.failure is CheckFailure.BLOCKED
    assert proxy.heads[-1].startswith(b"CONNECT site.test:443 HTTP/1.1")
    assert closed.failure is CheckFailure.TLS


METADATA = (
    "169.254.169.254", "0xa9fea9fe", "2852039166", "025177524776", "169.254.43518", "[::ffff:a9fe:a9fe]",
    "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]", "[::ffff:0:a9fe:a9fe]",
    "[::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[fe80::1]",
)  # fmt: skip
INNER = (
    "0.0.0.0", "0", "127.1", "0x7f000001", "017700000001", "10.1", "192.168.257", "100.64.0.1", "[::]", "[::1]",
    "[::ffff:7f00:1]", "[::7f00:1]", "[64:ff9b::a00:1]", "[fc00::1]",
)  # fmt: skip


async def test_no_spelling_of_an_address_gets_past_the_guard(made: MadeChecker) -> None:
    """Decimal, octal, hexadecimal and short forms, and IPv6 that carries IPv4; named and as the goal of a redirect."""
    usual, strict = made(), made(policy=AddressPolicy(allow_private=False))
    for checker, hosts in ((usual, METADATA), (strict, (*METADATA, *INNER))):
        for host in hosts:
            result = await checker.check(CheckRequest(f"http://{host}/", timeout=5, retries=0))
            assert result.failure is CheckFailure.BLOCKED, host
    for host in METADATA:
        async with raw_server(answer(response(302, headers=f"Location: http://{host}/latest/meta-data\r\n"))) as server:
            result = await usual.check(CheckRequest(server.url(), timeout=5, retries=0))
        assert (result.failure, len(result.redirects)) == (CheckFailure.BLOCKED, 1), host


@pytest.mark.parametrize(
    "url",
    [
        "http://[fe80::1%25lo]/",
        "http://[fe80::1%lo]/",
        "http://0251.0376.0251.0376/",
        "http://[::1/",
        "http://1.2.3.4.5.6:x/",
    ],
)
async def test_what_is_no_host_is_refused(made: MadeChecker, url: str) -> None:
    with pytest.raises(ConfigurationError):
        await made().check(CheckRequest(url))
