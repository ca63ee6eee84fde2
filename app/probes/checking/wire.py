"""Sockets that know when data arrived: a busy event loop looks at them late, and that is not the target's time."""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache

from app.net.egress_guard import Endpoint, race

_CHUNK = 64 * 1024
_STAMP = struct.Struct("@ll")
_ANCILLARY = 64
_STAMPED = sys.platform == "linux"
_SO_TIMESTAMPNS = 35
"""Linux stamps what it received with its clock, for TCP too; elsewhere the time of reading is taken."""
_CLOCK_WAS_SET = 60.0
"""Seconds: nothing lies unread for so long."""
_TCP_INFO, _ROUND_TRIP, _RETRANSMITTED = 11, 68, 100
"""`struct tcp_info` of Linux: where the smoothed round trip in microseconds and the count of repeats stand."""


@lru_cache(maxsize=1)
def hold_stamps() -> socket.socket:
    """A socket that asks for stamps and does nothing else, as long as the process lives.

    The kernel begins to stamp, for all, some milliseconds after the first socket has asked, and ends with the last: while
    this one is open, the first bytes of a check are stamped too, and the kernel need not switch for each check.
    """
    holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if _STAMPED:
        holder.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    atexit.register(holder.close)
    return holder


class Stopwatch:
    """Time as it passes for the target: `lost` is what data lay unread here, and what threads and tasks waited to run."""

    __slots__ = ("lost",)

    def __init__(self) -> None:
        self.lost = 0.0

    def now(self) -> float:
        return time.perf_counter() - self.lost

    def lose(self, seconds: float) -> None:
        self.lost += max(0.0, seconds)


class Wire:
    """A connected socket that is not blocking."""

    __slots__ = ("_loop", "_number", "_socket", "watch")

    def __init__(self, connection: socket.socket, watch: Stopwatch) -> None:
        self._socket = connection
        # The loop is given numbers: its selector would write a socket into the text of an error that nobody sees.
        self._number = connection.fileno()
        self._loop = asyncio.get_running_loop()
        self.watch = watch
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _STAMPED:
            connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    async def receive(self) -> bytes:
        """What came; nothing at the end of the stream."""
        waiting: asyncio.Future[tuple[bytes, float]] = self._loop.create_future()
        self._loop.add_reader(self._number, self._readable, waiting, time.perf_counter())
        try:
            data, arrived = await waiting
        finally:
            self._loop.remove_reader(self._number)
        self.watch.lose(time.perf_counter() - arrived)
        return data

    def _readable(self, waiting: asyncio.Future[tuple[bytes, float]], begun: float) -> None:
        if waiting.done():
            return
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_CHUNK, _ANCILLARY)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            waiting.set_exception(error)
            return
        now = time.perf_counter()
        waiting.set_result((data, max(begun, now - _unread(ancillary))))

    async def send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except (BlockingIOError, InterruptedError):
                await _writable(self._loop, self._socket)

    def is_idle(self) -> bool:
        """Whether the peer has neither closed nor sent anything."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        self._socket.close()


def _unread(ancillary: Sequence[tuple[int, int, bytes]]) -> float:
    """Seconds that the data waited to be read; 0 where the system does not say, or where its clock was set since."""
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(content) >= _STAMP.size:
            seconds, nanoseconds = _STAMP.unpack_from(content)
            unread = (time.time_ns() - seconds * 1_000_000_000 - nanoseconds) / 1e9
            return unread if 0 < unread < _CLOCK_WAS_SET else 0.0
    return 0.0


async def _writable(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    waiting: asyncio.Future[None] = loop.create_future()
    number = connection.fileno()
    loop.add_writer(number, _wake, waiting)
    try:
        await waiting
    finally:
        loop.remove_writer(number)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


async def open_wire_to(
    endpoints: Sequence[Endpoint], name: str, seconds: float, watch: Stopwatch
) -> tuple[Endpoint, Wire]:
    """A wire to the endpoint that connects first; OSError of the last one where none does."""
    begun = time.perf_counter()
    if len(endpoints) == 1:
        endpoint, connection = endpoints[0], await _connected(endpoints[0])
    else:
        endpoint, connection = await race(endpoints, name, seconds)
    try:
        if endpoint is endpoints[0]:
            watch.lose(_noticed_late(connection, time.perf_counter() - begun))
        return endpoint, Wire(connection, watch)
    except BaseException:
        connection.close()
        raise


async def _connected(endpoint: Endpoint) -> socket.socket:
    connection = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        try:
            connection.connect(endpoint.sockaddr)
        except (BlockingIOError, InterruptedError):
            await _writable(asyncio.get_running_loop(), connection)
            if error := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, os.strerror(error)) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _noticed_late(connection: socket.socket, seen: float) -> float:
    """Seconds from the moment of connection, by the system's round trip, to that at which it was seen here."""
    if not _STAMPED:
        return 0.0
    info = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 104)
    round_trip, repeated = (struct.unpack_from("@I", info, place)[0] for place in (_ROUND_TRIP, _RETRANSMITTED))
    return 0.0 if repeated or not round_trip else seen - round_trip / 1e6


class PlainStream:
    """Bytes over a wire as they are."""

    __slots__ = ("wire",)

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    async def receive(self) -> bytes:
        return await self.wire.receive()

    async def send(self, data: bytes) -> None:
        await self.wire.send(data)


class TlsStream:
    """TLS over a wire, or over the TLS of a proxy."""

    __slots__ = ("_incoming", "_outgoing", "_under", "tls", "wire")

    def __init__(self, under: Wire | TlsStream, context: ssl.SSLContext, host: str) -> None:
        self._under = under
        self.wire: Wire = under.wire if isinstance(under, TlsStream) else under
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    async def handshake(self) -> None:
        await self._until(self.tls.do_handshake)
        await self._flush()

    async def receive(self) -> bytes:
        try:
            return await self._until(lambda: self.tls.read(_CHUNK))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Whether the end without a farewell cut anything off, the framing of HTTP says.
            return b""

    async def send(self, data: bytes) -> None:
        self.tls.write(data)
        await self._flush()

    async def _until(self, act: Callable[[], object]) -> bytes:
        while True:
            try:
                done = act()
            except ssl.SSLWantReadError:
                await self._flush()
                if received := await self._under.receive():
                    self._incoming.write(received)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                # The peer learns why: an alert waits to be sent.
                await self._flush()
                raise
            else:
                return done if isinstance(done, bytes) else b""

    async def _flush(self) -> None:
        if waiting := self._outgoing.read():
            await self._under.send(waiting)


CheckStream = PlainStream | TlsStream
