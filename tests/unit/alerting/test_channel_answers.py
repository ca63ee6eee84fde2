"""What answers of receivers mean however they arrive, and what a message looks like in each chat."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.alerting.delivery.attempts import attempt
from app.alerting.delivery.channels import base
from app.alerting.delivery.channels.base import Channel, ChannelResponse, DeliveryStatus, HttpAnswer
from app.alerting.delivery.messages import Sender, compose
from app.alerting.outbox.items import item_of
from app.net import egress_guard as guarded
from app.net.egress_guard import Endpoint, GuardedClients, connect
from app.net.masking import header_secrets, redacted, url_secrets
from tests.support.delivery_factory import NOW, SECRET, Reply, an_outlet, channel_of, event, receiving, rule

HEAD = "HTTP/1.1 200 OK\r\n"
LATER = "later"


@asynccontextmanager
async def answering(*pieces: bytes | str) -> AsyncIterator[str]:
    """The address of a server that answers each request with the pieces, and hangs at `LATER`."""
    tasks: set[asyncio.Task[Any] | None] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))  # type: ignore[index]
            for piece in pieces:
                if piece == LATER:
                    await asyncio.sleep(60)
                writer.write(piece.encode() if isinstance(piece, str) else piece)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            assert task
            task.cancel()
        await asyncio.gather(*filter(None, tasks))


def chat(kind: str, url: str) -> Channel:
    return channel_of(f"channels: {{it: {{type: {kind}, url: '{url}'}}}}")


async def tried(channel: Channel, *, patience: float = 3.0) -> ChannelResponse:
    [part] = channel.parts(compose("k", NOW, [item_of(event())]), ())
    async with an_outlet(timeout=patience) as outlet:
        answer, _ = await attempt(channel, part, frozenset(), outlet, outlet.clock)
    return answer


BODIES: tuple[tuple[bytes | str, ...], ...] = (
    (f"{HEAD}Content-Length: 10\r\n\r\n", "ok"),
    (f"{HEAD}Content-Length: 10\r\n\r\n", "ok", LATER),
    (f"{HEAD}Transfer-Encoding: chunked\r\n\r\n", "zz\r\nok"),
    (f"{HEAD}Content-Length: 9000000\r\n\r\n", b"x" * 500_000, LATER),
    (f"{HEAD}Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n", "what"),
)


@pytest.mark.parametrize("pieces", BODIES, ids=["short", "slow", "badly chunked", "long", "broken gzip"])
async def test_a_status_of_success_decides_whatever_becomes_of_the_body(
    pieces: tuple[bytes | str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "BODY_SECONDS", 0.2)
    async with answering(*pieces) as url:
        answer = await tried(chat("webhook", url))
    assert (answer.verdict, answer.status) == (DeliveryStatus.SENT, 200)


async def test_wecom_says_in_its_body_what_became_of_it_also_packed() -> None:
    packer = zlib.compressobj(wbits=31)
    body = packer.compress(b'{"errcode": 0}') + packer.flush()
    head = f"{HEAD}Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    monkey = "channels: {it: {type: wecom, url: '${URL}'}}"
    with pytest.MonkeyPatch.context() as patch:
        async with answering(head, body) as url:
            patch.setenv("URL", url)
            assert (await tried(channel_of(monkey))).verdict is DeliveryStatus.SENT
        async with answering(f"{HEAD}Content-Length: 30\r\n\r\n", '{"errcode": 0', LATER) as url:
            patch.setenv("URL", url)
            assert (await tried(channel_of(monkey), patience=0.5)).verdict is DeliveryStatus.RETRY


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (Reply(200, b'{"success":true}'), DeliveryStatus.SENT),
        (Reply(200, b'{"ok":true}'), DeliveryStatus.SENT),
        (Reply(200, b""), DeliveryStatus.SENT),
        (Reply(204, b""), DeliveryStatus.SENT),
        (Reply(200, b'{"success":false,"error":"x"}'), DeliveryStatus.RETRY),
        (Reply(200, b'{"ok":false,"error":"channel_not_found"}'), DeliveryStatus.DISABLED),
        (Reply(400, b'{"success":false}'), DeliveryStatus.REFUSED),
    ],
)
async def test_receivers_that_imitate_slack_are_understood(
    reply: Reply, verdict: DeliveryStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving(reply) as receiver:
        monkeypatch.setenv("URL", receiver.url)
        assert (await tried(chat("slack", "${URL}"))).verdict is verdict


async def test_a_redirect_to_another_port_is_another_origin() -> None:
    async with receiving() as other, receiving(Reply(307, b"", {"Location": f"{other.url}/new"})) as receiver:
        answer = await tried(chat("webhook", receiver.url))
    assert (answer.verdict, other.requests) == (DeliveryStatus.DISABLED, [])
    assert other.url.removeprefix("http://") in answer.text


def test_secrets_are_masked_by_value_in_every_spelling() -> None:
    basic = base64.b64encode(f"ops:{SECRET}".encode()).decode()
    secrets = [*url_secrets(f"https://ops:{SECRET}@h.example/x"), *header_secrets(f"Bearer {SECRET}")]
    for quoted in (SECRET, f"Bearer {SECRET}", basic, base64.b64encode(SECRET.encode()).decode(), json.dumps(SECRET)):
        shown = redacted(f"denied for {quoted}!", secrets)
        assert SECRET not in shown
        assert quoted.strip('"') not in shown
    assert SECRET not in redacted(f"no {SECRET}", header_secrets(f"Basic {basic}"))


LABEL = "load_actual\n\nFIRING critical: forged"
LINK = "https://runs.example/a_b?x=1"


def shown(kind: str, monkeypatch: pytest.MonkeyPatch, **labels: Any) -> str:
    monkeypatch.setenv("URL", "https://chat.example/x")
    channel: Any = chat(kind, "${URL}")
    of = rule("it", description=f"see {LINK}.")
    [part] = channel.parts(compose("k", NOW, [item_of(event(1, of=of, **labels))]), ())
    return json.dumps(channel.payload(part), ensure_ascii=False)


@pytest.mark.parametrize("kind", ["slack", "discord", "teams", "wecom"])
def test_links_open_commands_paste_and_labels_forge_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(kind, monkeypatch, item="load_actual", note="a > b (c)")
    assert LINK in text
    assert "gridkeeper alerts silence rule=it item=load_actual 'note=a " in text
    assert ("'note=a > b (c)' --for 2h" in text) is (kind != "slack")
    forged = shown(kind, monkeypatch, item=LABEL)
    assert "\\nFIRING critical: forged" not in forged


def test_emphasis_of_labels_is_undone_in_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown("slack", monkeypatch, item="*bold* _it_ ~no~ load_actual")
    assert "*bold*" not in text.split("gridkeeper alerts")[0]
    assert "load_actual" in text


@pytest.mark.parametrize("kind", ["slack", "discord", "teams", "wecom"])
def test_each_part_of_a_long_text_says_who_sends_it_and_keeps_the_limit(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("URL", "https://chat.example/x")
    channel: Any = chat(kind, "${URL}")
    sender = Sender("grid_1", synthetic=True)
    told = [item_of(event(number, area=f"AREA{number:05}")) for number in range(3000)]
    parts = channel.parts(compose("k", NOW, told, sender=sender), ())
    assert len(parts) > 2
    texts = [json.dumps(channel.payload(part), ensure_ascii=False) for part in parts]
    assert all("grid" in text and "SYNTHETIC" in text for text in texts)
    assert all(channel.measure(part.text) <= channel.limit for part in parts)
    assert all(f"AREA{number:05}" in "".join(texts) for number in range(3000))


@pytest.fixture
def two_addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The first address never answers; gives the addresses in the order in which they are tried."""
    tried_addresses: list[str] = []
    inner = guarded._connected

    async def connected(endpoint: Endpoint, name: str, seconds: float) -> socket.socket:
        tried_addresses.append(endpoint.address)
        if endpoint.address == "192.0.2.1":
            await asyncio.sleep(60)
        return await inner(endpoint, name, seconds)

    async def resolve(_host: str, port: int, *, allow_link_local: bool) -> list[Endpoint]:
        assert not allow_link_local
        return [Endpoint(socket.AF_INET, address, (address, port)) for address in ("192.0.2.1", "127.0.0.1")]

    monkeypatch.setattr(guarded, "_connected", connected)
    monkeypatch.setattr(guarded, "resolve", resolve)
    return tried_addresses


async def test_a_first_address_that_is_a_black_hole_costs_a_moment(two_addresses: list[str]) -> None:
    async with receiving() as receiver:
        port = int(receiver.url.rpartition(":")[2])
        connection = await connect("mail.example", port, allow_link_local=False, seconds=20)
        assert connection.getpeername() == ("127.0.0.1", port)
        connection.close()
        clients = GuardedClients()
        url = httpx.URL(f"http://chat.example:{port}/x")
        client = clients.client(url, allow_link_local=False)
        for _ in range(2):
            assert (await client.post(url, content=b"{}")).status_code == 200
        await clients.close()
    assert two_addresses == ["192.0.2.1", "127.0.0.1"] * 2


def test_of_a_page_that_answers_only_what_a_person_reads_is_kept() -> None:
    page = b"<!DOCTYPE html><title>x</title><style>p {}</style><h1>501</h1><p>Unsupported &amp; refused</p>"
    assert HttpAnswer(501, httpx.Headers({"Content-Type": "text/html; charset=utf-8"}), page).text == (
        "501 Unsupported & refused"
    )
    assert HttpAnswer(200, httpx.Headers({"Content-Type": "application/json"}), b'{"a": "<b>"}').text == '{"a": "<b>"}'
