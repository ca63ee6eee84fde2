from __future__ import annotations

import asyncio
import gzip
import logging
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from itertools import repeat
from pathlib import Path

import httpx
import pytest

from app.clock import FixedClock
from app.errors import AccessDenied, RequestTooLarge, SourceError, SourceUnavailable
from app.net import responses as answers
from app.net.transports import AnswerTransport
from app.sources.entsoe.responses import classify_response
from tests.support.http_fakes import (
    DOCUMENT,
    NOW,
    TOKEN,
    ScriptedWire,
    acknowledgement,
    calling,
    head,
    messages,
    sending,
    serving,
)

LONG = b"<GL_MarketDocument>" + b" " * 2_000_000 + b"</GL_MarketDocument>"


async def failure_of(pieces: Iterator[bytes] | list[bytes], **settings: float) -> SourceError:
    """What a request to a server that sends these pieces ends with."""
    async with serving(sending(pieces)) as url, calling(None, base_url=url, **settings) as caller:
        with pytest.raises(SourceError) as caught:
            await caller.get()
    return caught.value


async def test_a_gzipped_answer_is_unpacked() -> None:
    packed = gzip.compress(LONG)
    pieces = [head("Content-Encoding: gzip", f"Content-Length: {len(packed)}"), packed]
    async with serving(sending(pieces)) as url, calling(None, base_url=url) as caller:
        assert (await caller.get()).content == LONG


async def test_an_answer_that_is_packed_denser_than_documents_are_is_left_while_it_is_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answers, "MOST_UNPACKED", 500_000)
    error = await failure_of([head("Content-Encoding: gzip"), gzip.compress(LONG)])
    assert isinstance(error, RequestTooLarge)
    assert "as no document of the platform does" in str(error)


class Packed(httpx.AsyncBaseTransport, httpx.AsyncByteStream):
    """A wire that answers with a gzipped body in small pieces."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._packed), 7):
            yield self._packed[start : start + 7]


async def test_a_gzip_stream_of_several_members_and_padding_is_read_whole() -> None:
    packed = gzip.compress(LONG[:10]) + gzip.compress(LONG[10:]) + b"\0" * 8
    async with calling(Packed(packed)) as caller:
        assert (await caller.get()).content == LONG


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async with serving(sending([head(), DOCUMENT])) as url, calling(None, base_url=url) as caller:
        assert (await caller.get()).content == DOCUMENT


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([], "broke"),
        ([b"nonsense\r\n\r\n"], "broke"),
        ([head("Content-Length: 500"), DOCUMENT], "broke"),
        ([head("Transfer-Encoding: chunked"), b"5\r\n<GL_M\r\n"], "broke"),
        ([head(), DOCUMENT[:-9]], "cut off after 46 bytes"),
        ([head("Content-Encoding: gzip"), gzip.compress(LONG)[:-20]], "cut off"),
        ([head("Content-Encoding: gzip"), DOCUMENT], "broken gzip"),
        ([head("Content-Encoding: br"), DOCUMENT], "was not asked for"),
        ([head("Content-Length: 0")], "empty body"),
        ([head("Content-Encoding: gzip", "Content-Length: 0")], "empty body"),
        ([head("Content-Type: text/xml"), b"<html><body>Please wait</body></html>"], "an HTML page: Please wait"),
    ],
)
async def test_what_did_not_arrive_whole_is_asked_for_again(pieces: list[bytes], words: str) -> None:
    failure = await failure_of(pieces)
    assert type(failure) is SourceUnavailable
    assert words in str(failure)
    assert "after 6 attempts" in str(failure)


async def test_a_never_ending_body_is_too_large() -> None:
    pieces = iter([head(), *repeat(b" " * 65536, 200)])
    failure = await failure_of(pieces, max_answer_bytes=1_000_000)
    assert type(failure) is RequestTooLarge
    assert "1,000,000 bytes" in str(failure)


async def test_a_gzip_bomb_is_noticed_before_it_is_unpacked() -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    failure = await failure_of([head("Content-Encoding: gzip"), bomb], max_answer_bytes=1_000_000)
    assert type(failure) is RequestTooLarge


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begins an answer and never goes on; ends with the client."""
    writer.write(head("Content-Length: 500") + DOCUMENT[:5])
    await reader.read()


async def test_a_server_that_falls_silent_is_given_up() -> None:
    async with serving(silent) as url, calling(None, base_url=url, read_timeout=0.1) as caller:
        with pytest.raises(SourceUnavailable, match=r"stopped sending before its answer was complete .* 6 attempts"):
            await caller.get()


async def test_a_server_that_drips_bytes_is_given_up_at_the_deadline() -> None:
    pieces = [head(), *repeat(b" ", 100_000)]
    async with serving(sending(pieces, pause=0.001)) as url:
        transport = AnswerTransport(
            httpx.AsyncHTTPTransport(),
            classify_response,
            FixedClock(NOW),
            secret_headers={},
            max_answer_bytes=1000,
            deadline=0.1,
        )
        async with transport:
            with pytest.raises(SourceUnavailable, match=r"did not finish its answer within 0\.1 s"):
                await transport.handle_async_request(httpx.Request("GET", url))


async def test_nobody_listening_names_the_host() -> None:
    async with serving(sending([])) as url:
        closed = url
    async with calling(None, base_url=closed) as caller:
        with pytest.raises(SourceUnavailable, match=r"cannot connect to 127\.0\.0\.1"):
            await caller.get()


async def test_a_redirect_is_not_followed_with_the_token() -> None:
    seen: list[bytes] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(b"asked")

    async with serving(elsewhere) as target:
        pieces = [head(f"Location: {target}", "Content-Length: 0", status="301 Moved Permanently")]
        failure = await failure_of(pieces)
    assert type(failure) is SourceUnavailable
    assert "redirects to http://127.0.0.1" in str(failure)
    assert "GRIDKEEPER_ENTSOE__BASE_URL" in str(failure)
    assert seen == []


async def test_the_request_carries_token_agent_and_encoding_in_headers_only() -> None:
    async with calling(wire := ScriptedWire(httpx.Response(200, content=DOCUMENT))) as caller:
        await caller.http.get(caller.url, params={"documentType": "A65"})
    assert wire.tokens == [TOKEN]
    (request,) = wire.requests
    assert str(request.url) == "http://platform.example/api?documentType=A65"
    assert request.headers["accept-encoding"] == "gzip"
    assert request.headers["user-agent"].startswith("gridkeeper/")
    assert "SECURITY_TOKEN" not in request.headers


ECHOES: list[list[bytes]] = [
    [head(f"Location: https://elsewhere.example/?securityToken={TOKEN}", status="302 Found")],
    [head(f"Location: https://elsewhere.example/?securityToken={TOKEN}", status="301 Moved Permanently")],
    [head(status="401 Unauthorized"), b"Invalid token " + TOKEN.encode()],
    [head(status="403 Forbidden"), acknowledgement(f"Security token {TOKEN} is locked")],
    [head(status="400 Bad Request"), acknowledgement(f"securityToken={TOKEN} is no parameter")],
    [head(status="400 Bad Request"), b"token=" + TOKEN.encode()],
    [head(status="503 Service Unavailable"), b"<html>" + TOKEN.encode() + b"</html>"],
    [head(status="429 Too Many Requests"), b"respond again at 2026-05-07 12:44:00 UTC for " + TOKEN.encode()],
    [head(), b"<html>" + TOKEN.encode() + b"</html>"],
    [head(), acknowledgement(f"{TOKEN} exceeds the allowed maximum")],
    [f"HTTP/1.1 200 OK\r\nbad header {TOKEN}\r\n\r\n".encode()],
    [f"{TOKEN}\r\n\r\n".encode()],
    [head(f"Content-Encoding: {TOKEN}"), DOCUMENT],
    [],
]


@pytest.mark.parametrize("pieces", ECHOES, ids=range(len(ECHOES)))
async def test_no_failure_shows_the_token_even_where_the_server_echoes_it(
    pieces: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with serving(sending(pieces)) as url, calling(None, base_url=url) as caller:
        with pytest.raises(SourceError) as caught:
            await caller.get()
        shown = messages(caught.value) + caplog.text + "".join(caller.said)
        shown += repr(caller.http) + repr(caller.http.headers) + repr(caller.settings)
    assert TOKEN not in shown
    assert TOKEN not in caplog.text


async def test_not_even_the_most_talkative_log_shows_the_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(sending([head(), DOCUMENT])) as url, calling(None, base_url=url) as caller:
        await caller.get()
    assert "send_request_headers" in caplog.text
    assert TOKEN not in caplog.text


async def test_a_refused_token_is_told_at_once_with_the_remedy() -> None:
    async with calling(wire := ScriptedWire(httpx.Response(401, content=acknowledgement("Unauthorized.")))) as caller:
        with pytest.raises(AccessDenied, match="GRIDKEEPER_ENTSOE__TOKEN") as caught:
            await caller.get()
    assert len(wire.requests) == 1
    assert "My Account Settings" in str(caught.value)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_a_certificate_nobody_vouches_for_names_the_remedy(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = await asyncio.create_subprocess_exec(*command.split(), *subject, stderr=asyncio.subprocess.DEVNULL)
    assert await made.wait() == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with serving(sending([head(), DOCUMENT]), context) as url:
        async with calling(None, base_url=url) as caller:
            with pytest.raises(SourceUnavailable, match="SSL_CERT_FILE"):
                await caller.get()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(certificate))
            async with calling(None, base_url=url) as caller:
                assert (await caller.get()).content == DOCUMENT
