"""One suite for every channel: what success, a failure that passes and one that stays look like; secrets; hostile text."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from app.alerting.delivery.attempts import attempt
from app.alerting.delivery.channels.base import Channel, ChannelResponse, DeliveryStatus, Part
from app.alerting.delivery.channels.registry import KINDS
from app.alerting.delivery.messages import Message, compose
from app.alerting.delivery.models import DeliveryAttempt
from app.alerting.models import Severity
from app.alerting.outbox.items import Content, item_of
from tests.support.delivery_factory import (
    HOSTILE,
    NOW,
    SECRET,
    Mailbox,
    Receiver,
    Reply,
    an_outlet,
    channel_of,
    event,
    mail_server,
    receiving,
    rule,
)


@dataclass(frozen=True)
class Kind:
    """A channel that posts to a URL, and answers of its service."""

    name: str
    ok: Reply
    later: tuple[Reply, ...]
    refused: tuple[Reply, ...]
    gone: tuple[Reply, ...]
    limit: Callable[[Any], int]
    most: int
    more: str = ""

    def channel(self, receiver: Receiver, path: str = f"/send/{SECRET}") -> Channel:
        return channel_of(f"channels: {{it: {{type: {self.name}, url: '${{URL}}{path}'{self.more}}}}}")


def errcode(code: int, text: str = "no") -> Reply:
    return Reply(200, json.dumps({"errcode": code, "errmsg": text}).encode())


MANY = 500
"""Alerts of one message, more than any channel takes at once."""
UNWELL = (Reply(500, b"oops"), Reply(503), Reply(429, b"slow", {"Retry-After": "7"}))
WEBS = [
    Kind(
        "slack",
        Reply(),
        (*UNWELL, Reply(200, b"<html>")),
        (Reply(400, b"invalid_payload"),),
        (Reply(404, b"no_service"), Reply(410, b"channel_is_archived"), Reply(403, b"action_prohibited")),
        lambda content: len(content["text"]),
        3000,
    ),
    Kind(
        "discord",
        Reply(204, b""),
        (Reply(502), Reply(429, b'{"retry_after": 7}')),
        (Reply(400, b'{"code": 50035, "message": "Invalid Form Body"}'), Reply(400, b'{"code": 50006}')),
        (Reply(404, b'{"code": 10015}'), Reply(401, b'{"code": 50027}')),
        lambda content: len(content["content"].encode("utf-16-le")) // 2,
        2000,
    ),
    Kind(
        "teams",
        Reply(202, b""),
        (*UNWELL, Reply(200, b"Webhook message delivery failed with error: HTTP error 429")),
        (Reply(400, b"bad card"),),
        (Reply(404), Reply(400, b"WorkflowTriggerIsNotEnabled")),
        lambda content: len(json.dumps(content, ensure_ascii=False).encode()),
        28_000,
    ),
    Kind(
        "wecom",
        errcode(0),
        (Reply(500), errcode(-1), errcode(45009, "api freq out of limit"), Reply(200, b"<html>")),
        (errcode(40008, "invalid message type"),),
        (errcode(93000, "invalid webhook url"), errcode(93004), errcode(93008)),
        lambda content: len(content["markdown"]["content"].encode()),
        4096,
    ),
    Kind(
        "webhook",
        Reply(201, b""),
        (*UNWELL, Reply(404)),
        (Reply(400, b"bad"), Reply(422)),
        (Reply(410), Reply(401)),
        lambda content: len(content["alerts"]),
        1000,
        ", secret: '${SIGNING}', headers: {Authorization: 'Bearer ${SIGNING}'}",
    ),
]


@pytest.fixture(params=WEBS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture(autouse=True)
def signing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING", SECRET)
    monkeypatch.setenv("URL", "http://127.0.0.1:9")


def message(count: int = 1, **fields: Any) -> Message:
    events = [item_of(event(number, severity=Severity.CRITICAL, **fields)) for number in range(count)]
    return compose("11111111-2222-3333-4444-555555555555", NOW, events)


async def tried(
    channel: Channel, part: Part | None = None, *, patience: float = 30.0
) -> tuple[ChannelResponse, DeliveryAttempt]:
    async with an_outlet(timeout=patience) as outlet:
        part = part or channel.parts(message(), ())[0]
        return await attempt(channel, part, frozenset(), outlet, outlet.clock)


def aim(monkeypatch: pytest.MonkeyPatch, kind: Kind, receiver: Receiver) -> Channel:
    monkeypatch.setenv("URL", receiver.url)
    return kind.channel(receiver)


def test_every_kind_of_channel_is_tried_here() -> None:
    assert {kind.name for kind in WEBS} | {"email", "log"} == set(KINDS)


async def test_a_success_carries_the_key(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving(kind.ok) as receiver:
        answer, kept = await tried(aim(monkeypatch, kind, receiver))
    assert (answer.verdict, kept.verdict) == (DeliveryStatus.SENT, "sent")
    [request] = receiver.requests
    assert request.headers["idempotency-key"] == message().key
    assert message().key in request.body.decode()
    assert "collection" in request.body.decode()


async def test_what_may_pass_is_tried_again(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    for reply in kind.later:
        async with receiving(reply) as receiver:
            answer, _ = await tried(aim(monkeypatch, kind, receiver))
        assert answer.verdict is DeliveryStatus.RETRY, reply
        if reply.status == 429:
            assert answer.retry_after == timedelta(seconds=7)


async def test_what_is_wrong_with_the_message_leaves_the_channel_alone(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    for reply in kind.refused:
        async with receiving(reply) as receiver:
            answer, _ = await tried(aim(monkeypatch, kind, receiver))
        assert answer.verdict is DeliveryStatus.REFUSED, reply


async def test_what_is_wrong_with_the_channel_disables_it(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    for reply in (*kind.gone, Reply(302, b"", {"Location": "https://evil.example/x"})):
        async with receiving(reply) as receiver:
            answer, _ = await tried(aim(monkeypatch, kind, receiver))
        assert answer.verdict is DeliveryStatus.DISABLED, reply
        assert len(receiver.requests) == 1


async def test_silence_and_a_closed_port_are_tried_again(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving(Reply(hangs=True)) as receiver:
        channel = aim(monkeypatch, kind, receiver)
        assert (await tried(channel, patience=0.5))[0].verdict is DeliveryStatus.RETRY
    answer, _ = await tried(channel)
    assert answer.verdict is DeliveryStatus.RETRY
    assert "ConnectError" in answer.text


async def test_no_secret_is_ever_shown(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving(Reply(400, f"bad request to /send/{SECRET} from {SECRET}".encode())) as receiver:
        channel = aim(monkeypatch, kind, receiver)
        answer, kept = await tried(channel)
    assert SECRET in receiver.requests[0].path
    for shown in (repr(channel), str(channel), channel.where(), repr(answer), repr(kept)):
        assert SECRET not in shown


async def test_metadata_addresses_are_refused_unless_allowed(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]", "2852039166", "100.100.100.200"):
        monkeypatch.setenv("URL", f"http://{host}")
        channel = channel_of(f"channels: {{it: {{type: {kind.name}, url: '${{URL}}/{SECRET}'}}}}")
        answer, _ = await tried(channel)
        assert answer.verdict is DeliveryStatus.DISABLED
        assert "allow_link_local" in answer.text
        assert SECRET not in answer.text


async def test_hostile_text_arrives_as_text(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = message(1, of=rule("evil", description=HOSTILE), area=HOSTILE)
    async with receiving(kind.ok) as receiver:
        channel = aim(monkeypatch, kind, receiver)
        for part in channel.parts(hostile, ()):
            assert (await tried(channel, part))[0].verdict is DeliveryStatus.SENT
    body = receiver.requests[0].json
    text = json.dumps(body, ensure_ascii=False)
    assert "电力市场" in text
    assert "\x1b" not in text
    assert "\\u001b" not in text
    if kind.name in {"slack", "wecom"}:
        assert "<!channel>" not in text
        assert "<script>" not in text
    if kind.name == "discord":
        assert body["allowed_mentions"] == {"parse": []}
    if kind.name != "webhook":
        assert "[x](http" not in text or kind.name == "slack"


async def test_many_alerts_are_split_below_the_limit_and_all_named(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving(kind.ok) as receiver:
        channel = aim(monkeypatch, kind, receiver)
        parts = channel.parts(message(MANY, area="电" * 20), ()) + channel.parts(message(MANY), ())
        again = channel.parts(message(MANY, area="电" * 20), ())
        assert [part.key for part in parts[: len(again)]] == [part.key for part in again]
        assert len({part.key for part in again}) == len(again)
        for part in parts:
            await tried(channel, part)
    assert max(kind.limit(request.json) for request in receiver.requests) <= kind.most
    text = "".join(request.body.decode() for request in receiver.requests).replace("\\\\", "")
    assert all(f"A{number}" in text for number in range(MANY))


async def test_what_is_too_large_after_all_is_sent_in_smaller_parts(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving(kind.ok) as receiver:
        channel = aim(monkeypatch, kind, receiver)
    [part] = channel.parts(message(8), ())
    halves = channel.halves(part)
    assert len(halves) > 1
    assert len({half.key for half in halves}) == len(halves)
    assert all(len(half.text) < len(part.text) for half in halves)
    [tiny] = channel.parts(compose("k", NOW, (), Content("a", "b")), ())
    assert channel.halves(tiny) == []


async def test_wecom_names_what_is_too_long_and_waits_for_the_next_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    [wecom] = [kind for kind in WEBS if kind.name == "wecom"]
    async with receiving(errcode(40058, "markdown.content exceed max length"), errcode(45009)) as receiver:
        channel = aim(monkeypatch, wecom, receiver)
        assert (await tried(channel))[0].verdict is DeliveryStatus.TOO_LARGE
        assert (await tried(channel))[0].retry_after == timedelta(seconds=41)


def test_wecom_calls_people_by_a_text_besides() -> None:
    text = "channels: {it: {type: wecom, url: '${URL}/x', mention: ['@all'], mention_mobiles: ['1']}}"
    channel: Any = channel_of(text)
    parts = channel.parts(message(), ())
    assert channel.payload(parts[0])["msgtype"] == "markdown"
    assert channel.payload(parts[-1]) == {
        "msgtype": "text",
        "text": {"content": parts[-1].text, "mentioned_list": ["@all"], "mentioned_mobile_list": ["1"]},
    }
    assert len(channel.parts(compose("k", NOW, [item_of(event(1))]), ())) == 1


async def test_a_redirect_within_the_host_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    [webhook] = [kind for kind in WEBS if kind.name == "webhook"]
    async with receiving(Reply(308, b"", {"Location": "/new"}), Reply()) as receiver:
        answer, _ = await tried(aim(monkeypatch, webhook, receiver))
    assert answer.verdict is DeliveryStatus.SENT
    assert [request.path for request in receiver.requests][1:] == ["/new"]
    assert receiver.requests[0].body == receiver.requests[1].body


async def test_the_log_takes_everything() -> None:
    channel = channel_of("channels: {it: {type: log}}")
    answer, _ = await tried(channel)
    assert answer.verdict is DeliveryStatus.SENT
    assert (channel.halves(channel.parts(message(), ())[0]), list(channel.secrets()), channel.where()) == (
        [],
        [],
        "log",
    )


async def test_the_mail_server_keeps_the_same_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        channel = channel_of(
            f"channels: {{it: {{type: email, host: 127.0.0.1, port: {port}, security: none, "
            "from: g@example.org, to: [a@example.org]}}"
        )
        assert (await tried(channel))[0].verdict is DeliveryStatus.SENT
        mailbox.data_answer = "451 later"
        assert (await tried(channel))[0].verdict is DeliveryStatus.RETRY
        mailbox.data_answer = "554 spam"
        assert (await tried(channel))[0].verdict is DeliveryStatus.REFUSED
    assert (await tried(channel))[0].verdict is DeliveryStatus.RETRY
    assert channel.halves(channel.parts(message(), ())[0]) == []
