"""A resolver that asks name servers of the operator's choice, in place of the system's (RFC 1035, UDP, then TCP)."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from app.net.egress_guard import Endpoint
from app.probes.checking.addresses import literal_endpoint
from app.probes.models import AddressFamily

PATIENCE = 2.0
"""Seconds that one server has for one question."""
TRIES = 2
_HEAD = struct.Struct("!6H")
_RECURSION, _TRUNCATED, _RESPONSE = 0x0100, 0x0200, 0x8000
_A, _AAAA, _INTERNET = 1, 28, 1
_NO_ERROR, _NO_NAME = 0, 3
_FAMILIES = {_A: socket.AF_INET, _AAAA: socket.AF_INET6}
_LARGEST = 65_535
NameServer = tuple[str, int]


class BadDnsResponse(OSError):
    """A response that is none: cut off, of another question, or with pointers that lead nowhere."""


@dataclass(frozen=True, slots=True)
class DnsResponse:
    code: int
    truncated: bool
    addresses: tuple[str, ...]


def dns_question(number: int, name: str, kind: int) -> bytes:
    """UnicodeError where the name cannot be asked for."""
    labels = name.rstrip(".").encode("ascii").split(b".")
    if any(not 1 <= len(label) <= 63 for label in labels):
        raise UnicodeError("a label is empty or longer than 63 characters")
    written = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    return _HEAD.pack(number, _RECURSION, 1, 0, 0, 0) + written + struct.pack("!2H", kind, _INTERNET)


def read_dns_response(data: bytes, question: bytes, kind: int) -> DnsResponse:
    """The addresses of the kind that was asked for, behind whatever aliases; BadDnsResponse."""
    try:
        number, flags, questions, answers, _, _ = _HEAD.unpack_from(data)
        same = number == _HEAD.unpack_from(question)[0] and flags & _RESPONSE and questions == 1
        end = len(question)
        # Servers give the question back as it was written, letter for letter.
        if not same or data[_HEAD.size : end] != question[_HEAD.size :]:
            raise BadDnsResponse("a response to another question")
        found = []
        for _ in range(answers):
            end = _skip_name(data, end)
            record, of, _, length = struct.unpack_from("!HHIH", data, end)
            content = data[end + 10 : end + 10 + length]
            end += 10 + length
            if record == kind and of == _INTERNET:
                found.append(str(ip_address(content)))
    except (struct.error, IndexError, ValueError) as error:
        raise BadDnsResponse(f"a response that cannot be read: {error}") from error
    return DnsResponse(flags & 0xF, bool(flags & _TRUNCATED), tuple(found))


def _skip_name(data: bytes, place: int) -> int:
    while (length := data[place]) != 0:
        if length >= 0xC0:
            return place + 2
        place += 1 + length
    return place + 1


class NameServerResolver:
    """Asks each server in turn for both families at once; nothing is cached, and no hosts file is read."""

    def __init__(self, servers: Sequence[NameServer], patience: float = PATIENCE) -> None:
        self._servers = tuple(servers)
        self._patience = patience

    async def resolve(self, host: str, port: int, family: AddressFamily) -> tuple[list[Endpoint], float]:
        if (literal := literal_endpoint(host, port, family)) is not None:
            return literal, 0.0
        kinds = {AddressFamily.IPV4: (_A,), AddressFamily.IPV6: (_AAAA,)}.get(family, (_AAAA, _A))
        begun = time.perf_counter()
        answers = await asyncio.gather(*(self._ask(host, kind) for kind in kinds), return_exceptions=True)
        seconds = time.perf_counter() - begun
        endpoints: list[Endpoint] = []
        for kind, answer in zip(kinds, answers, strict=True):
            if isinstance(answer, BaseException):
                if not isinstance(answer, OSError):
                    raise answer
                continue
            endpoints += [Endpoint(_FAMILIES[kind], address, (address, port)) for address in answer]
        failures = [answer for answer in answers if isinstance(answer, OSError)]
        if failures and not endpoints:
            raise failures[-1]
        return endpoints, seconds

    async def _ask(self, host: str, kind: int) -> tuple[str, ...]:
        failure: OSError = socket.gaierror(socket.EAI_AGAIN, "no name server is set")
        for number in range(TRIES * len(self._servers)):
            address, port = self._servers[number % len(self._servers)]
            try:
                async with asyncio.timeout(self._patience):
                    response = await self._exchange(address, port, host, kind)
            except TimeoutError:
                failure = socket.gaierror(socket.EAI_AGAIN, f"the name server {address} does not answer")
                continue
            except OSError as error:
                failure = socket.gaierror(socket.EAI_AGAIN, f"the name server {address}: {error}")
                continue
            if response.code == _NO_NAME:
                raise socket.gaierror(socket.EAI_NONAME, "the name is not known")
            if response.code == _NO_ERROR:
                return response.addresses
            failure = socket.gaierror(socket.EAI_AGAIN, f"the name server {address} answers with code {response.code}")
        raise failure

    async def _exchange(self, address: str, port: int, host: str, kind: int) -> DnsResponse:
        question = dns_question(secrets.randbelow(65_536), host, kind)
        response = await _over_udp(address, port, question, kind)
        if not response.truncated:
            return response
        reader, writer = await asyncio.open_connection(address, port)
        try:
            writer.write(struct.pack("!H", len(question)) + question)
            length = struct.unpack("!H", await reader.readexactly(2))[0]
            return read_dns_response(await reader.readexactly(length), question, kind)
        except asyncio.IncompleteReadError as error:
            raise BadDnsResponse("a response that was cut off") from error
        finally:
            writer.close()


async def _over_udp(address: str, port: int, question: bytes, kind: int) -> DnsResponse:
    """A connected socket takes datagrams of that server only; what answers another question is passed over."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as connection:
        connection.setblocking(False)
        connection.connect((address, port))
        await loop.sock_sendall(connection, question)
        while True:
            data = await loop.sock_recv(connection, _LARGEST)
            try:
                return read_dns_response(data, question, kind)
            except BadDnsResponse:
                continue
