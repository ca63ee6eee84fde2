"""A check tells what a server did, whatever it does."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
import zlib
from collections.abc import AsyncIterator

import pytest

from app.errors import ConfigurationError
from app.probes.checking.checker import HttpChecker
from app.probes.checking.conditions.parse import parse_condition
from app.probes.models import CheckFailure, CheckMethod, CheckRequest, TlsOptions
from tests.support.raw_server import Client, Handler, answer, raw_server, response

BOMB = gzip.compress(b"\0" * 6_000_000)


@pytest.fixture
async def checker() -> AsyncIterator[HttpChecker]:
    made = HttpChecker(agent="test")
    yield made
    made.close()


async def close_at_once(client: Client) -> None:
    await client.request()


async def reset(client: Client) -> None:
    await client.request()
    client.reset()


async def silence(client: Client) -> None:
    await client.request()
    await client.until_closed()


async def drip(client: Client) -> None:
    await client.request()
    await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    await client.until_closed()


async def endless_body(client: Client) -> None:
    await client.request()
    await client.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while not client.writer.is_closing():
        await client.send(b"x" * 65536)


async def endless_head(client: Client) -> None:
    await client.request()
    await client.send(b"HTTP/1.1 200 OK\r\n" + b"X-More: and more\r\n" * 8000)


WRONG: dict[str, tuple[Handler, CheckFailure, str]] = {
    "closes": (close_at_once, CheckFailure.PROTOCOL, "closed the connection without a response"),
    "resets": (reset, CheckFailure.PROTOCOL, "broke before a response: connection reset by peer"),
    "half": (answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), CheckFailure.PROTOCOL, "breaks the rules of HTTP"),
    "half head": (answer(b"HTTP/1.1 200 OK\r\nContent-"), CheckFailure.PROTOCOL, "breaks the rules of HTTP"),
    "bad chunk": (
        answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n"), CheckFailure.PROTOCOL, "breaks the rules"
    ),
    "no HTTP": (answer(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), CheckFailure.PROTOCOL, "breaks the rules of HTTP"),
    "TLS": (answer(b"\x15\x03\x01\x00\x02\x02\x16"), CheckFailure.PROTOCOL, "write https"),
    "interim": (answer(b"HTTP/1.1 103 Early\r\n\r\n" * 40), CheckFailure.PROTOCOL, "one interim response after the other"),
    "two lengths": (
        answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), CheckFailure.PROTOCOL, "breaks the rules"
    ),
    "endless head": (endless_head, CheckFailure.PROTOCOL, "breaks the rules of HTTP"),
    "endless body": (endless_body, CheckFailure.TOO_LARGE, "more than 4,194,304 bytes"),
    "bomb": (answer(response(200, BOMB, "Content-Encoding: gzip\r\n")), CheckFailure.TOO_LARGE, "more than 4,194,304 bytes"),
    "cut gzip": (
        answer(response(200, gzip.compress(b"x" * 100)[:-9], "Content-Encoding: gzip\r\n")), CheckFailure.PROTOCOL, "cut off"
    ),
    "broken gzip": (
        answer(response(200, b"no gzip at all", "Content-Encoding: gzip\r\n")), CheckFailure.PROTOCOL, "is broken"
    ),
    "silent": (silence, CheckFailure.TIMEOUT, "no end within 0.4 s: waiting for the first byte of 127.0.0.1"),
    "drips": (drip, CheckFailure.TIMEOUT, "no end within 0.4 s: reading the response of 127.0.0.1"),
    "down": (answer(response(503, b"sorry")), CheckFailure.STATUS, "status 503 where status 200-299 is expected"),
    "edge": (answer(response(522)), CheckFailure.STATUS, "the edge says that no connection to the origin in time"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
async def test_what_a_server_does_wrong_is_told_by_its_reason(checker: HttpChecker, name: str) -> None:
    handler, failure, detail = WRONG[name]
    seconds = 0.4 if failure is CheckFailure.TIMEOUT else 20
    async with raw_server(handler) as server:
        begun = time.perf_counter()
        result = await checker.check(CheckRequest(server.url(), timeout=seconds, retries=0))
        passed = time.perf_counter() - begun
    assert (result.failure, result.ok) == (failure, False)
    assert result.phases.whole is not None
    assert 0 < result.phases.whole <= passed * 1000, "no longer than it took"
    assert detail in result.detail
    assert [attempt.failure for attempt in result.attempts] == [failure]
    assert result.address == "127.0.0.1"


RIGHT = {
    "plain": response(200, b"hello"),
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "until closed": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: a\r\n\r\n" + response(200, b"hello"),
    "100 headers": response(200, b"hello", "".join(f"X-{number}: {number}\r\n" for number in range(100))),
    "gzip": response(200, gzip.compress(b"hello"), "Content-Encoding: gzip\r\n"),
    "two members": response(
        200, gzip.compress(b"hel") + gzip.compress(b"lo") + b"\0\0", "Content-Encoding: x-gzip\r\n"
    ),
    "deflate": response(200, zlib.compress(b"hello"), "Content-Encoding: deflate\r\n"),
    "raw deflate": response(200, zlib.compress(b"hello")[2:-4], "Content-Encoding: deflate\r\n"),
    "bare newlines": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
}


@pytest.mark.parametrize("name", RIGHT)
async def test_what_browsers_take_is_taken(checker: HttpChecker, name: str) -> None:
    conditions = (parse_condition("text contains hello"), parse_condition("size == 5"))
    async with raw_server(answer(RIGHT[name])) as server:
        result = await checker.check(CheckRequest(server.url(), conditions=conditions))
    assert result.ok, result.detail
    assert (result.status, result.http_version) == (200, "1.0" if name == "HTTP/1.0" else "1.1")
    phases = result.phases
    assert phases.dns is None
    assert phases.tls is None
    assert (phases.whole or 0) >= (phases.connect or 0) + (phases.first_byte or 0) > 0


async def test_a_coding_that_is_not_known_matters_only_where_the_body_is_read(checker: HttpChecker) -> None:
    async with raw_server(answer(response(200, b"\x0b\x02\x80hello\x03", "Content-Encoding: br\r\n"))) as server:
        unread = await checker.check(CheckRequest(server.url()))
        read = await checker.check(CheckRequest(server.url(), conditions=(parse_condition("text contains hello"),)))
    assert (unread.ok, unread.received) == (True, 9)
    assert read.failure is CheckFailure.PROTOCOL
    assert "'br' of the body is not known" in read.detail
    assert b"Accept-Encoding: gzip, deflate\r\n" in server.heads[0]


async def test_a_failure_shows_the_beginning_of_the_body_and_no_secret(checker: HttpChecker) -> None:
    async def echo(client: Client) -> None:
        body = b"denied: " + await client.request() + b"~" * 9000
        await client.send(response(401, body))

    async with raw_server(echo) as server:
        url = server.url("/?key=abcdef", host="user:pass-word@127.0.0.1")
        request = CheckRequest(url, headers={"X-Api-Key": "s3cr3t-value"}, secrets=("abcdef",))
        result = await checker.check(request)
    assert result.failure is CheckFailure.STATUS
    assert result.excerpt.startswith("denied: GET /?key=*** HTTP/1.1")
    assert len(result.excerpt) <= 2001
    assert "~~~" in result.excerpt
    assert b"Authorization: Basic dXNlcjpwYXNzLXdvcmQ=" in server.heads[0]
    for secret in ("pass-word", "dXNlcjpwYXNzLXdvcmQ", "s3cr3t", "abcdef"):
        assert secret not in repr(result)


async def test_failed_connections_are_tried_again_and_each_attempt_is_kept(checker: HttpChecker) -> None:
    async def third(client: Client) -> None:
        await client.request()
        if server.connections < 3:
            client.reset()
        else:
            await client.send(response())

    async with raw_server(third) as server:
        result = await checker.check(CheckRequest(server.url(), retry_pause=0))
    assert result.ok
    assert [attempt.failure for attempt in result.attempts] == [CheckFailure.PROTOCOL, CheckFailure.PROTOCOL, None]
    assert "connection reset by peer" in result.attempts[0].detail


async def test_a_post_that_was_sent_and_a_response_that_is_bad_are_not_asked_for_again(checker: HttpChecker) -> None:
    async with raw_server(reset) as server:
        posted = await checker.check(CheckRequest(server.url(), method=CheckMethod.POST, body=b"pay", retry_pause=0))
    assert (posted.failure, len(posted.attempts)) == (CheckFailure.PROTOCOL, 1)
    async with raw_server(answer(response(500))) as server:
        bad = await checker.check(CheckRequest(server.url(), retry_pause=0))
    assert (bad.failure, len(bad.attempts), server.connections) == (CheckFailure.STATUS, 1, 1)


async def test_a_refused_connection_is_told_with_all_attempts(checker: HttpChecker) -> None:
    async with raw_server(silence) as server:
        pass
    result = await checker.check(CheckRequest(server.url(), retry_pause=0))
    assert [attempt.failure for attempt in result.attempts] == [CheckFailure.REFUSED] * 4
    assert result.detail == f"127.0.0.1:{server.port} refuses connections"
    assert not await checker.reach(f"127.0.0.1:{server.port}", 5)
    async with raw_server(silence) as server:
        assert await checker.reach(f"127.0.0.1:{server.port}", 5)


async def test_a_body_is_sent_and_an_early_refusal_of_it_is_read(checker: HttpChecker) -> None:
    async def refuse(client: Client) -> None:
        await client.request()
        await client.send(response(413, b"too much"))

    async def take(client: Client) -> None:
        await client.request()
        assert await client.reader.readexactly(5) == b"hello"
        await client.send(response(201))

    async with raw_server(take) as server:
        result = await checker.check(CheckRequest(server.url(), CheckMethod.PUT, {"Content-Type": "text/x"}, b"hello"))
    assert (result.ok, result.status) == (True, 201)
    assert b"Content-Length: 5\r\n" in server.heads[0]
    async with raw_server(refuse) as server:
        result = await checker.check(CheckRequest(server.url(), CheckMethod.POST, body=b"x" * 100_000))
    assert result.status == 413


async def test_head_is_asked_for_with_get_where_it_is_refused_and_that_is_remembered(checker: HttpChecker) -> None:
    async def no_head(client: Client) -> None:
        head = await client.request()
        await client.send(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n" if head.startswith(b"HEAD") else response())

    async with raw_server(no_head) as server:
        request = CheckRequest(server.url(), method=CheckMethod.HEAD)
        results = [await checker.check(request) for _ in range(2)]
    assert [(result.ok, result.method) for result in results] == [(True, CheckMethod.GET)] * 2
    assert [head.split()[0] for head in server.heads] == [b"HEAD", b"GET", b"GET"]


async def test_a_connection_is_used_again_on_wish_and_its_closing_is_no_failure(checker: HttpChecker) -> None:
    async def two(client: Client) -> None:
        for _ in range(2):
            await client.request()
            await client.send(response())
        # The third request arrives, and the connection is closed instead of an answer.
        await client.request()

    async with raw_server(two) as server:
        request = CheckRequest(server.url(), fresh_connection=False, retries=0)
        results = [await checker.check(request) for _ in range(3)]
        assert [(result.ok, len(result.attempts)) for result in results] == [(True, 1)] * 3
        assert server.connections == 2
        assert results[1].phases.connect is None
        await checker.check(CheckRequest(server.url(), retries=0))
        assert server.connections == 3
    assert b"Connection: close" in server.heads[-1]
    assert b"Connection: close" not in server.heads[0]


async def test_throttled_is_told_with_when_to_come_back(checker: HttpChecker) -> None:
    async with raw_server(answer(response(429, b"", "Retry-After: 30\r\n"))) as server:
        result = await checker.check(CheckRequest(server.url()))
    assert (result.throttled, result.retry_after, result.failure) == (True, 30, CheckFailure.STATUS)
    assert result.detail == "status 429: the target asks for fewer requests, again after 30"


async def test_a_large_body_is_read_by_its_conditions(checker: HttpChecker) -> None:
    body = b'{"items": [' + b"1," * 200_000 + b'1], "state": "up"}'
    async with raw_server(answer(response(200, body))) as server:
        conditions = (parse_condition("length($.items) == 200001"), parse_condition('$.state == "down"'))
        result = await checker.check(CheckRequest(server.url(), conditions=conditions))
    assert result.failure is CheckFailure.CONDITION
    assert result.detail == '$.state == "down": it is "up"'


async def test_a_failure_keeps_its_name_where_a_pause_would_run_into_the_time_out(checker: HttpChecker) -> None:
    async with raw_server(silence) as server:
        pass
    result = await checker.check(CheckRequest(server.url(), timeout=5, retry_pause=10))
    assert [attempt.failure for attempt in result.attempts] == [CheckFailure.REFUSED]


async def test_a_secret_that_the_cut_would_halve_is_masked(checker: HttpChecker) -> None:
    secret = "long-secret-" * 20
    async with raw_server(answer(response(500, b"x" * 1990 + secret.encode() + b"y" * 9000))) as server:
        result = await checker.check(CheckRequest(server.url(), secrets=(secret,)))
    assert result.excerpt.startswith("x" * 1990 + "***yyy")


async def test_headers_may_have_letters_beyond_ascii(checker: HttpChecker) -> None:
    async with raw_server(answer(response())) as server:
        assert (await checker.check(CheckRequest(server.url(), headers={"X-Name": "Größe"}))).ok
    assert "X-Name: Größe".encode() in server.heads[0]


@pytest.mark.parametrize(
    ("request_", "remedy"),
    [
        (
            CheckRequest("http://x", proxy="https://me:pass@proxy.test/path"),
            "write it as http://user:password@host:port",
        ),
        (CheckRequest("ftp://example.org/"), "write it as https://host/path"),
        (CheckRequest("https://"), "write it as https://host/path"),
        (CheckRequest("http://user:secret@[::1"), "is no URL"),
        (CheckRequest("http://x/" + "y" * 5000), "at most 4000"),
        (CheckRequest("http://x:99999/"), "from 1 to 65535"),
        (CheckRequest("http://x:0/"), "from 1 to 65535"),
        (CheckRequest("http://a..b/"), "no name and no address"),
        (CheckRequest("http://a%20b/"), "no name and no address"),
        (CheckRequest("http://[fe80::1%25eth0]/"), "no name and no address"),
        (CheckRequest("http://x", tls=TlsOptions(server_name=".x")), "server name"),
        (CheckRequest("http://x", headers={"A": "b\r\nC: d"}), "HTTP does not allow"),
        (CheckRequest("http://x", headers={"A b": "c"}), "HTTP does not allow"),
        (CheckRequest("http://x", headers={"Content-Length": "3"}), "leave it out"),
        (CheckRequest("http://x", body=b"x"), "use POST or PUT"),
        (CheckRequest("http://x", CheckMethod.HEAD, conditions=(parse_condition("text contains a"),)), "use GET"),
        (CheckRequest("http://x", timeout=0), "above 0"),
    ],
)
async def test_a_request_that_cannot_be_sent_is_refused_with_the_remedy(request_: CheckRequest, remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=r".") as raised:
        await HttpChecker().check(request_)
    assert remedy in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_what_lies_unread_while_the_loop_is_busy_is_no_time_of_the_target(checker: HttpChecker) -> None:
    asked, answered, go = threading.Event(), threading.Event(), threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while not answered.is_set():
            client, _ = listener.accept()
            client.recv(65536)
            asked.set()
            go.wait(20)
            client.sendall(response())
            answered.set()
            client.close()

    async def unread() -> float:
        thread = threading.Thread(target=serve)
        thread.start()
        check = asyncio.create_task(checker.check(CheckRequest(f"http://127.0.0.1:{listener.getsockname()[1]}/")))
        await asyncio.to_thread(asked.wait, 20)
        go.set()
        answered.wait(20)
        time.sleep(0.05)  # noqa: ASYNC251  the loop is busy, and the response lies there for at least so long
        result = await check
        thread.join()
        assert result.ok
        return result.own_delay

    # The kernel begins to stamp a little after it was asked to.
    for _ in range(20):
        delay = await unread()
        if delay >= 50:
            break
        for event in (asked, answered, go):
            event.clear()
    listener.close()
    assert delay >= 50
