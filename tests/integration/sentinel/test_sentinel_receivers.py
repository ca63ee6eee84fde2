"""`notify` of a file in the rule book of the service: its receivers get what they got before, and routes count beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from app.alerting.delivery.file_receivers import follow_receivers
from app.alerting.rules.book import RuleFile, read_book
from tests.support.alert_factory import rule, scene, signal
from tests.support.delivery_factory import Mailbox, Posted, a_post, mail_server, receiving
from tests.support.store_factory import opened

FILE = """
database: {{url: "sqlite://"}}
alerts:
  - name: sales
    description: too few
    query: SELECT 'OK' AS status
    schedule: "* * * * *"
    notify:
      - {{channel: webhook, url: "{url}/file", headers: {{Authorization: Bearer s3cret-t0ken}}}}
      - {{channel: email, recipients: [team@example.org], subject: "Sales: {{actual_value}}"}}
  - name: stock
    query: SELECT 'OK' AS status
    schedule: "* * * * *"
    notify_recovery: true
    notify: [{{channel: webhook, url: "{url}/file", headers: {{Authorization: Bearer s3cret-t0ken}}}}]
  - {{name: plain, query: SELECT 'OK' AS status, schedule: "* * * * *"}}
"""
CHANNELS = """
channels:
  usual: {{type: webhook, url: '{url}/usual'}}
  stock: {{type: webhook, url: '{url}/route'}}
routes:
  - {{match: [rule=stock], channels: [stock]}}
fallback: usual
"""


async def test_receivers_of_a_file_are_notified_beside_the_routes(
    database_url: str, make_folder: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = Mailbox()
    async with opened(database_url) as database, receiving() as receiver, mail_server(mailbox) as port:
        for name, value in (("HOST", "127.0.0.1"), ("PORT", str(port)), ("USE_TLS", "false")):
            monkeypatch.setenv(f"SMTP_{name}", value)
        text = FILE.format(url=receiver.url)
        book = read_book([RuleFile("shop.yaml", text.encode())], []).checked()
        receivers = follow_receivers(lambda: book.sentinel)
        channels = CHANNELS.format(url=receiver.url)
        async with a_post(database, make_folder(), channels, receivers) as post:
            rules = [replace(one, schedule=rule("x").schedule) for one in book.rules.values()]
            notified = Posted(outbox=post.outbox)
            it = scene(database, *rules, clock=post.clock, told=notified)
            await it.round()
            it.world.faults = {name: [signal(7.5, source=name)] for name in ("sales", "stock", "plain")}
            await it.round(10)
            await post.deliver()
            await post.deliver(after=30)
            fired = [(request.path, request.json) for request in receiver.requests]
            receiver.requests.clear()
            it.world.faults = {}
            await it.round(20)
            await it.round(20)
            await post.deliver(after=60)
            await post.deliver(after=600)
            lent = post.file.current()
    assert sorted((path, body.get("alert_name") or body["alerts"][0]["rule"]) for path, body in fired) == [
        ("/file", "sales"), ("/file", "stock"), ("/route", "stock"), ("/usual", "plain"),
    ]  # fmt: skip
    sales = next(body for path, body in fired if body.get("alert_name") == "sales")
    assert (sales["status"], sales["description"], sales["actual_value"]) == ("ALERT", "too few", 7.5)
    (mail,) = [message_from_bytes(content, policy=policy.default) for _, content in mailbox.mails]
    assert (mail["Subject"], mail["To"]) == ("Sales: 7.5", "team@example.org")
    ended = sorted((request.path, request.json["status"]) for request in receiver.requests)
    assert ended == [("/file", "OK"), ("/route", "resolved"), ("/usual", "resolved")]
    assert len(lent.lent) == 2
    assert lent.instead_of("usual") == "stock"
    assert {channel.where() for channel in lent.lent.values()} == {"127.0.0.1", "team@example.org"}
    assert not any("s3cret" in name for name in lent.channels)
