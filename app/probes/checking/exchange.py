"""One request and one response over a stream, by the rules of HTTP/1.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import h11

from app.probes.checking.body import KNOWN_CODINGS, BodyBroken, BodyTooLarge, ResponseBody
from app.probes.checking.failures import CheckStopped, exchange_failed
from app.probes.checking.wire import CheckStream
from app.probes.models import CheckFailure

LARGEST_HEAD = 64 * 1024
"""Bytes of status line and headers."""
MOST_INTERIM = 20
"""Responses of 1xx before the response itself."""
_SWITCHING = 101


@dataclass(slots=True)
class HttpExchange:
    """What came of a request so far; it is filled while the response arrives."""

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    http_version: str | None = None
    body: ResponseBody | None = None
    sent: float | None = None
    first_byte: float | None = None
    """On the stopwatch of the stream, as `sent` is."""
    reusable: bool = False

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known == name), None)


@dataclass(frozen=True, slots=True)
class HttpCall:
    """What is sent, and how much of the response's body is read and kept."""

    name: str
    """Of the host, for messages."""
    method: str
    path: bytes
    headers: Mapping[str, tuple[str, str]]
    body: bytes = b""
    body_cap: int = 0
    body_kept: int = 0
    reads_body: bool = False
    """A condition does: a coding that is not known is a failure then."""
    keep_open: bool = False


async def exchange_http(stream: CheckStream, call: HttpCall, result: HttpExchange) -> None:
    """CheckStopped where no whole response came; what came before stands in the result."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
    await _send(stream, connection, call, result)
    try:
        await _read(stream, connection, call, result)
    except h11.RemoteProtocolError as error:
        raise CheckStopped(
            CheckFailure.PROTOCOL, f"{call.name} breaks the rules of HTTP: {str(error)[:200]}"
        ) from error
    except BodyBroken as error:
        raise CheckStopped(CheckFailure.PROTOCOL, str(error)) from error
    except BodyTooLarge:
        raise CheckStopped(
            CheckFailure.TOO_LARGE, f"the body has more than {call.body_cap:,} bytes; `body_cap` allows more"
        ) from None
    except OSError as error:
        raise exchange_failed(call.name, error, begun=result.first_byte is not None) from error


async def _send(stream: CheckStream, connection: h11.Connection, call: HttpCall, result: HttpExchange) -> None:
    headers = [(name.encode(), value.encode()) for name, value in call.headers.values()]
    headers += [] if call.keep_open else [(b"Connection", b"close")]
    headers += [(b"Content-Length", b"%d" % len(call.body))] if call.method in {"POST", "PUT"} else []
    data = connection.send(h11.Request(method=call.method, target=call.path, headers=headers)) or b""
    if call.body:
        data += connection.send(h11.Data(data=call.body)) or b""
    data += connection.send(h11.EndOfMessage()) or b""
    result.sent = stream.wire.watch.now()
    try:
        await stream.send(data)
    except (BrokenPipeError, ConnectionResetError):
        # Who refuses a body may answer and close before it has all been sent: what it says is still there to be read.
        return
    except OSError as error:
        raise exchange_failed(call.name, error, begun=False) from error


async def _read(stream: CheckStream, connection: h11.Connection, call: HttpCall, result: HttpExchange) -> None:
    interim = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            await _receive(stream, connection, call, result)
        elif isinstance(event, h11.Data) and result.body is not None:
            result.body.feed(bytes(event.data))
        elif isinstance(event, h11.Response):
            _begin(event, call, result)
        elif isinstance(event, h11.InformationalResponse):
            interim += 1
            if event.status_code == _SWITCHING:
                _begin(event, call, result)
                return
            if interim > MOST_INTERIM:
                raise CheckStopped(CheckFailure.PROTOCOL, f"{call.name} sends one interim response after the other")
        elif isinstance(event, h11.EndOfMessage):
            if result.body is not None:
                result.body.finish()
            result.reusable = connection.our_state is h11.DONE and connection.their_state is h11.DONE
            return
        else:
            # Paused after a CONNECT that was granted, or closed.
            return


async def _receive(stream: CheckStream, connection: h11.Connection, call: HttpCall, result: HttpExchange) -> None:
    data = await stream.receive()
    if result.first_byte is None:
        if not data:
            raise CheckStopped(
                CheckFailure.PROTOCOL, f"{call.name} closed the connection without a response", repeatable=True
            )
        result.first_byte = stream.wire.watch.now()
        if data.startswith(b"\x15\x03"):
            raise CheckStopped(CheckFailure.PROTOCOL, f"{call.name} speaks TLS at this port; write https")
    connection.receive_data(data)


def _begin(event: h11.Response | h11.InformationalResponse, call: HttpCall, result: HttpExchange) -> None:
    result.status = event.status_code
    result.http_version = event.http_version.decode("ascii")
    result.headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
    coding = "" if call.method == "HEAD" else (result.header("content-encoding") or "").strip().lower()
    kept = call.body_kept
    if not call.reads_body and coding not in KNOWN_CODINGS:
        coding, kept = "", 0
    result.body = ResponseBody(coding, call.body_cap, kept)
