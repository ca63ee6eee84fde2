"""The sandbox on the wire: tokens, faults, limits, compression, keep-alive and replay."""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.clock import FixedClock
from app.errors import ConfigurationError
from app.sandbox.server import SandboxServer, SandboxSettings

NOW = datetime(2026, 5, 7, 10, 0, tzinfo=UTC)
LOAD = {
    "documentType": "A65",
    "processType": "A16",
    "outBiddingZone_Domain": "10YNL----------L",
    "periodStart": "202409012200",
    "periodEnd": "202409022200",
}
RECORDINGS = Path(__file__).resolve().parents[3].parent / "shared" / "entsoe" / "recordings"


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[SandboxServer, httpx.AsyncClient]]:
    settings = SandboxSettings(**{"clock": FixedClock(NOW)} | options)
    async with SandboxServer(settings) as server:
        headers = {"SECURITY_TOKEN": server.token}
        async with httpx.AsyncClient(
            base_url=server.url.removesuffix("/api"), headers=headers, trust_env=False
        ) as client:
            yield server, client


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  the server has no event for this
        await asyncio.sleep(0.01)


async def test_a_request_is_answered_with_a_document() -> None:
    async with serving() as (server, client):
        given = await client.get("/api", params=LOAD)
        assert given.status_code == 200
        assert given.headers["content-type"] == "text/xml"
        assert given.headers["content-disposition"].startswith('inline; filename="Actual Total Load')
        assert given.text.count("<Point>") == 96
        assert server.requests == 1
        assert server.statuses == {200: 1}


async def test_the_answer_is_compressed_for_those_who_take_it() -> None:
    async with serving() as (_, client):
        packed = await client.get("/api", params=LOAD)
        plain = await client.get("/api", params=LOAD, headers={"Accept-Encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.content == plain.content
        assert int(packed.headers["content-length"]) * 4 < len(plain.content)


async def test_a_zip_is_not_compressed_again() -> None:
    prices = {name: value for name, value in LOAD.items() if name.startswith("period")}
    async with serving() as (_, client):
        given = await client.get(
            "/api", params=prices | {"documentType": "A85", "controlArea_Domain": "10YNL----------L"}
        )
        assert given.headers["content-type"] == "application/zip"
        assert "content-encoding" not in given.headers
        assert given.content.startswith(b"PK")


async def test_the_token_may_stand_in_the_query_and_is_not_logged() -> None:
    async with serving(token="my-own-token") as (server, client):
        without = httpx.Headers({"SECURITY_TOKEN": ""})
        assert (await client.get("/api", params=LOAD, headers=without)).status_code == 401
        given = await client.get("/api", params=LOAD | {"securityToken": "my-own-token"}, headers=without)
        assert given.status_code == 200
        assert "my-own-token" not in repr(server.log)
        assert [(one.method, one.path, one.status) for one in server.log] == [
            ("GET", "/api", 401),
            ("GET", "/api", 200),
        ]
        assert "outBiddingZone_Domain=10YNL" in server.log[1].query


async def test_a_wrong_token_is_unauthorised() -> None:
    async with serving() as (_, client):
        given = await client.get("/api", params=LOAD, headers={"SECURITY_TOKEN": "wrong"})
        assert given.status_code == 401
        assert "Unauthorized. Missing or invalid security token" in given.text


async def test_other_paths_and_methods_are_not_served() -> None:
    async with serving() as (_, client):
        elsewhere = await client.get("/else")
        assert (elsewhere.status_code, elsewhere.text) == (404, "404 page not found\n")
        assert (await client.post("/api", content=b"<xml/>" * 50_000)).status_code == 405
        assert (await client.head("/api", params=LOAD)).status_code == 405
        assert (await client.get("/api", params=LOAD)).status_code == 200


async def test_the_limit_ends_in_a_ban_that_the_page_dates() -> None:
    async with serving(limit_per_minute=3, ban_seconds=600) as (server, client):
        found = [(await client.get("/api", params=LOAD)).status_code for _ in range(5)]
        page = await client.get("/api", params=LOAD)
        assert found == [200, 200, 200, 429, 429]
        assert page.headers["content-type"] == "text/html"
        assert "The platform will respond again at 2026-05-07 10:" in page.text
        assert "retry-after" not in page.headers
        assert server.statuses == {200: 3, 429: 3}


async def test_a_short_ban_passes() -> None:
    async with serving(limit_per_minute=1, ban_seconds=0.05) as (_, client):
        assert (await client.get("/api", params=LOAD)).status_code == 200
        assert (await client.get("/api", params=LOAD)).status_code == 429
        await asyncio.sleep(0.06)
        assert (await client.get("/api", params=LOAD)).status_code == 200


@pytest.mark.parametrize(("rate", "status"), [("rate_503", 503), ("rate_429", 429), ("rate_html", 200)])
async def test_faults_by_rate_answer_with_html(rate: str, status: int) -> None:
    async with serving(**{rate: 1}) as (_, client):
        given = await client.get("/api", params=LOAD)
        assert given.status_code == status
        assert given.headers["content-type"] == "text/html"
        assert "<html" in given.text


async def test_a_dropped_connection_says_nothing() -> None:
    async with serving(rate_drop=1) as (server, client):
        with pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)):
            await client.get("/api", params=LOAD)
        assert server.statuses == {0: 1}


async def test_truncated_answers_end_before_their_length_or_inside_the_document() -> None:
    kinds = set()
    async with serving(rate_truncate=1) as (_, client):
        for _ in range(12):
            try:
                given = await client.get("/api", params=LOAD, headers={"Accept-Encoding": "identity"})
            except httpx.RemoteProtocolError:
                kinds.add("short of its length")
            else:
                assert int(given.headers["content-length"]) == len(given.content)
                assert not given.text.rstrip().endswith("</GL_MarketDocument>")
                kinds.add("cut document")
    assert kinds == {"short of its length", "cut document"}


async def test_the_same_seed_gives_the_same_faults_over_the_wire() -> None:
    async def statuses() -> list[int]:
        async with serving(seed=4, rate_503=0.5) as (_, client):
            return [(await client.get("/api", params=LOAD)).status_code for _ in range(20)]

    assert await statuses() == await statuses()


async def test_latency_delays_answers_but_not_each_other() -> None:
    async with serving(latency=0.5) as (server, client):
        async with asyncio.timeout(20):
            found = await asyncio.gather(*(client.get("/api", params=LOAD) for _ in range(50)))
        assert {one.status_code for one in found} == {200}
        assert server.requests == 50


@pytest.mark.long
async def test_hundreds_of_requests_share_a_few_connections_and_none_is_left() -> None:
    async with serving(limit_per_minute=None) as (server, _):
        limits = httpx.Limits(max_connections=4, max_keepalive_connections=4)
        headers = {"SECURITY_TOKEN": server.token}
        async with httpx.AsyncClient(
            base_url=server.url.removesuffix("/api"), headers=headers, limits=limits, timeout=120, trust_env=False
        ) as client:
            found = await asyncio.gather(*(client.get("/api", params=LOAD) for _ in range(300)))
            assert len({one.content for one in found}) == 1
            assert len(server._tasks) <= 4
        async with asyncio.timeout(30):
            await until(lambda: not server._tasks)
        assert len(server.log) == 300


async def test_the_log_keeps_only_the_latest() -> None:
    async with serving(log_size=2) as (server, client):
        for _ in range(3):
            await client.get("/api", params=LOAD)
        assert len(server.log) == 2


async def exchange(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    async with asyncio.timeout(30):
        received = await reader.read()
    writer.close()
    await writer.wait_closed()
    return received


async def test_what_is_no_http_is_refused() -> None:
    async with serving() as (server, client):
        assert (await exchange(server.port, b"\x00\x01 nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400")
        huge = b"GET /api?" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        assert (await exchange(server.port, huge)).startswith(b"HTTP/1.1 431")
        assert (await client.get("/api", params=LOAD)).status_code == 200


async def test_a_client_that_asks_to_close_is_obeyed() -> None:
    async with serving() as (server, _):
        received = await exchange(server.port, b"GET /api HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert received.startswith(b"HTTP/1.1 401")
        assert received.endswith(b"</Acknowledgement_MarketDocument>\n")


async def test_a_client_that_leaves_in_the_middle_does_no_harm() -> None:
    async with serving(latency=0.05) as (server, client):
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /api?documentType=A65 HTTP/1.1\r\nHost: a\r\n\r\n")
            await until(lambda: bool(server._tasks))
            # Lingering for no time makes closing a reset.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        assert (await client.get("/api", params=LOAD)).status_code == 200


async def test_a_request_that_is_never_finished_is_dropped() -> None:
    async with serving() as (server, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /api HTTP/1.1\r\nHost:")
        writer.write_eof()
        async with asyncio.timeout(30):
            assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()
        await writer.wait_closed()


async def test_an_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sandbox.wire.IDLE_SECONDS", 0.01)
    async with serving() as (server, _):
        assert await exchange(server.port, b"") == b""


async def test_stopping_ends_open_connections() -> None:
    async with SandboxServer(SandboxSettings(latency=60)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /api HTTP/1.1\r\nHost: a\r\n\r\n")
        await writer.drain()
        await until(lambda: server.requests > 0)
    async with asyncio.timeout(30):
        try:
            assert await reader.read() == b""
        except ConnectionResetError as error:
            assert error.errno  # noqa: PT017  a reset is an end too
    writer.close()


async def test_a_failure_inside_is_a_500_and_the_next_request_is_served(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving() as (server, client):
        with monkeypatch.context() as patch:
            patch.setattr(server, "_content", lambda _: 1 / 0)
            given = await client.get("/api", params=LOAD)
        assert (given.status_code, given.text) == (500, "500 internal server error\n")
        assert "ZeroDivisionError" in "".join(capsys.readouterr())
        assert (await client.get("/api", params=LOAD)).status_code == 200


async def test_a_port_that_is_taken_is_named() -> None:
    async with serving() as (server, _):
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1 port {server.port}"):
            async with SandboxServer(SandboxSettings(port=server.port)):
                pass


async def test_a_server_that_never_listened_can_be_left() -> None:
    await SandboxServer(SandboxSettings()).__aexit__(None, None, None)


async def test_the_port_is_known_only_while_serving() -> None:
    with pytest.raises(RuntimeError, match="only while its context is entered"):
        _ = SandboxServer(SandboxSettings()).url


async def test_serving_forever_ends_by_cancellation() -> None:
    async with SandboxServer(SandboxSettings()) as server:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.serve_forever(), 0.01)


async def test_one_file_is_given_to_every_request(tmp_path: Path) -> None:
    (tmp_path / "body.xml").write_bytes(b"<not-what-you-expect>" * 40)
    async with serving(replay=tmp_path / "body.xml") as (_, client):
        assert (await client.get("/api", params=LOAD)).content == b"<not-what-you-expect>" * 40
        assert (await client.get("/api", params={"a": "b"})).status_code == 200


async def test_what_is_not_recorded_has_no_matching_data(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(
        "file,http_status,content_type,request\na.xml,200,text/xml,/api?documentType=A1\n"
    )
    async with serving(replay=tmp_path) as (_, client):
        given = await client.get("/api", params=LOAD)
        assert given.status_code == 200
        assert "No matching data found for Data item ACTUAL_TOTAL_LOAD [6.1.A] (10YNL----------L)" in given.text
        unknown = await client.get("/api", params={"documentType": "B99"})
        assert unknown.status_code == 200
        assert "No matching data found" in unknown.text


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recorded answers are not at hand")
async def test_recorded_answers_are_given_byte_for_byte() -> None:
    import csv

    with (RECORDINGS / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["request"]]
    async with serving(replay=RECORDINGS, limit_per_minute=None) as (_, client):
        for row in rows:
            given = await client.get(row["request"])
            twins = [one for one in rows if query_of(one) == query_of(row)]
            assert (given.status_code, given.content) in [
                (int(one["http_status"]), (RECORDINGS / one["file"]).read_bytes()) for one in twins
            ], row["file"]


def query_of(row: dict[str, str]) -> httpx.QueryParams:
    return httpx.URL(row["request"]).params


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    code = (
        "import sys; from app.cli.service.sandbox import serve; from app.sandbox.settings import SandboxSettings as S; "
    )
    code += "serve(S(), lambda line: print(line, flush=True))"
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ
        ) as process:
            assert process.stdout is not None
            head = [process.stdout.readline() for _ in range(6)]
            url = head[1].split()[1]
            given = httpx.get(url, params=LOAD, headers={"SECURITY_TOKEN": head[2].split()[1]}, trust_env=False)
            assert given.status_code == 200
            assert f"export GRIDKEEPER_ENTSOE__BASE_URL={url}\n" in head[5]
            assert "synthetic" in head[0]
            process.send_signal(number)
            rest, _ = process.communicate(timeout=60)
            assert process.returncode == 0
            assert "Stopped after 1 requests, 1 of them within the busiest minute." in rest


def test_the_options_of_the_command_become_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import app.cli.service.sandbox as command

    seen: list[SandboxSettings] = []
    monkeypatch.setattr(command, "serve", lambda settings, _: seen.append(settings))
    code = command.sandbox_command(
        host="127.0.0.1", port=0, token=None, seed=3, now="2024-09-02T12:00Z", latency=0.1, limit=0,
        rate_503=0.1, rate_drop=0.2, replay=None,
    )  # fmt: skip
    assert code == 0
    (settings,) = seen
    assert settings.clock.now() == datetime(2024, 9, 2, 12, tzinfo=UTC)
    assert (settings.rate_503, settings.rate_drop, settings.limit_per_minute) == (0.1, 0.2, None)
    assert settings.token == "00000000-0000-4000-8000-000000000000"


def test_gzip_bodies_are_equal_for_equal_answers() -> None:
    from app.sandbox.wire import encode_reply

    body = b"<a/>" * 200
    assert encode_reply(200, "text/xml", body, accepts_gzip=True) == encode_reply(
        200, "text/xml", body, accepts_gzip=True
    )
    assert gzip.decompress(encode_reply(200, "text/xml", body, accepts_gzip=True).body) == body
