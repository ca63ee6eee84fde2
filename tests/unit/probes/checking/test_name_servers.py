"""Name servers of the operator's choice are asked over UDP and TCP, and nothing that they send is believed too much."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.probes.checking.checker import HttpChecker
from app.probes.checking.name_servers import BadDnsResponse, NameServerResolver, dns_question, read_dns_response
from app.probes.models import AddressFamily, CheckFailure, CheckRequest
from tests.support.raw_server import answer, raw_server, response

Answering = Callable[[bytes], list[bytes]]
"""A question → the datagrams that come back."""
QUESTION = dns_question(7, "site.test", 1)


def record(kind: int, content: bytes) -> bytes:
    return struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(content)) + content


def reply(question: bytes, *records: bytes, flags: int = 0x8180) -> bytes:
    return question[:2] + struct.pack("!5H", flags, 1, len(records), 0, 0) + question[12:] + b"".join(records)


def kind_of(question: bytes) -> int:
    return int(struct.unpack("!H", question[-4:-2])[0])


class _Server(asyncio.DatagramProtocol):
    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        for datagram in self.answering(data):
            self.transport.sendto(datagram, addr)


@asynccontextmanager
async def name_server(answering: Answering, port: int = 0) -> AsyncIterator[tuple[NameServerResolver, _Server, int]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: _Server(answering), ("127.0.0.1", port))
    port = transport.get_extra_info("sockname")[1]
    try:
        yield NameServerResolver([("127.0.0.1", port)], patience=0.2), server, port
    finally:
        transport.close()
        # The loop closes the socket in its next round.
        await asyncio.sleep(0)


def found(question: bytes) -> list[bytes]:
    alias = record(5, b"\x01a\xc0\x0c")
    content = socket.inet_pton(socket.AF_INET, "127.0.0.1") if kind_of(question) == 1 else None
    other = reply(dns_question(9, "other.test", 1), record(1, b"\x01\x02\x03\x04"))
    return [b"", other, b"junk", reply(question, alias, *([record(1, content)] if content else []))]


async def test_an_answer_is_taken_from_among_what_is_none() -> None:
    async with name_server(found) as (resolver, _, _), raw_server(answer(response())) as server:
        result = await HttpChecker(resolver=resolver).check(CheckRequest(server.url(host="site.test")))
        assert (await resolver.resolve("site.test", 80, AddressFamily.IPV6))[0] == []
        endpoints, _ = await resolver.resolve("127.0.0.1", 80, AddressFamily.ANY)
    assert (result.ok, result.resolved) == (True, ("127.0.0.1",))
    assert result.phases.dns is not None
    assert [endpoint.address for endpoint in endpoints] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("answering", "detail", "asked"),
    [
        (lambda question: [reply(question, flags=0x8183)], "the name is not known", 2),
        (lambda question: [reply(question, flags=0x8182)], "answers with code 2", 4),
        (lambda _question: [], "does not answer", 4),
    ],
)
async def test_what_goes_wrong_is_told(answering: Answering, detail: str, asked: int) -> None:
    async with name_server(answering) as (resolver, server, _):
        result = await HttpChecker(resolver=resolver).check(CheckRequest("http://site.test/", retries=0))
    assert result.failure is CheckFailure.DNS
    assert detail in result.detail
    assert server.asked == asked


async def test_a_truncated_answer_is_asked_for_over_tcp() -> None:
    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.readexactly(struct.unpack("!H", await reader.readexactly(2))[0])
        data = reply(question, record(1, b"\x7f\x00\x00\x02"))
        writer.write(struct.pack("!H", len(data)) + data)
        writer.close()

    # A port of TCP is taken first: those of datagrams are free for whoever asks, since few do.
    server = await asyncio.start_server(over_tcp, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, name_server(lambda question: [reply(question, flags=0x8380)], port) as (resolver, _, _):
        endpoints, _ = await resolver.resolve("site.test", 80, AddressFamily.IPV4)
    assert [endpoint.sockaddr for endpoint in endpoints] == [("127.0.0.2", 80)]


async def test_names_that_cannot_be_asked_for() -> None:
    long = CheckRequest(f"http://{'x' * 64}.test/", retries=0)
    result = await HttpChecker(resolver=NameServerResolver([("127.0.0.1", 53)])).check(long)
    assert (result.failure, "longer than 63" in result.detail) == (CheckFailure.DNS, True)
    none = await HttpChecker(resolver=NameServerResolver([])).check(CheckRequest("http://a.test/", retries=0))
    assert "no name server is set" in none.detail


@given(st.binary(max_size=80))
def test_no_datagram_is_worse_than_refused(data: bytes) -> None:
    for datagram in (data, reply(QUESTION, data), reply(QUESTION, record(1, data)), QUESTION[:2] + data):
        try:
            read_dns_response(datagram, QUESTION, 1)
        except BadDnsResponse:
            continue
