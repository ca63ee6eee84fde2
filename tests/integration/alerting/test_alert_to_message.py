"""From the row that shows a fault to the mailbox and the receiver, and back to its recovery."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from math import inf
from pathlib import Path

from app.alerting.evaluation.evaluator import evaluate_rows
from app.alerting.models import Severity, Threshold
from tests.support.alert_factory import rule, scene, signal
from tests.support.delivery_factory import Mailbox, Posted, a_post, mail_server, receiving
from tests.support.store_factory import opened


async def test_a_fault_and_its_recovery_reach_people_once(database_url: str, make_folder: Callable[[], Path]) -> None:
    mailbox = Mailbox()
    async with opened(database_url) as database, receiving() as receiver, mail_server(mailbox) as port:
        text = f"""
channels:
  mail: {{type: email, host: 127.0.0.1, port: {port}, security: none, from: g@example.org, to: [a@example.org]}}
  hook: {{type: webhook, url: '{receiver.url}'}}
"""
        async with a_post(database, make_folder(), text) as post:
            told = Posted(outbox=post.outbox)
            it = scene(database, rule("urgent", severity=Severity.CRITICAL), rule("calm"), clock=post.clock, told=told)
            await it.round()
            it.world.faults = {"urgent": [signal(area="FR")], "calm": [signal(area="NL"), signal(area="BE")]}
            await it.round(10)
            assert await post.deliver() == 2
            assert await post.deliver(after=10) == 2
            it.world.faults = {}
            await it.round(20)
            await it.round(20)
            assert await post.deliver(after=300) == 4
            assert await post.deliver(after=3600) == 0
    subjects = [request.json["subject"] for request in receiver.requests]
    assert subjects == [
        "[FIRING critical] urgent FR",
        "[2 FIRING, warning] calm",
        "[RESOLVED critical] urgent FR",
        "[2 RESOLVED, warning] calm",
    ]
    assert len(mailbox.mails) == 4


async def test_infinite_values_are_told_with_valid_json_and_mute_nobody_else(
    database_url: str, make_folder: Callable[[], Path]
) -> None:
    def refuse(name: str) -> float:
        raise ValueError(name)

    async with opened(database_url) as database, receiving() as receiver:
        text = f"channels:\n  hook: {{type: webhook, url: '{receiver.url}'}}\n"
        async with a_post(database, make_folder(), text) as post:
            told = Posted(outbox=post.outbox)
            odd = rule("odd", severity=Severity.CRITICAL, threshold=Threshold(">", 1))
            it = scene(database, odd, rule("plain", severity=Severity.CRITICAL), clock=post.clock, told=told)
            await it.round()
            rows = [
                {"area": "A", "value": 2.0},
                {"area": "B", "value": inf},
                {"area": "C", "value": Decimal("Infinity")},
            ]
            rows += [{"area": "D", "value": -inf}, {"area": "E", "value": 3, "threshold": -inf}]
            it.world.faults = {
                "odd": list(evaluate_rows(odd, rows, post.clock.now()).signals),
                "plain": [signal(area="FR")],
            }
            await it.round(10)
            assert await post.deliver(after=10) > 0
            async with database.connection() as connection:
                fired = await connection.fetch("select labels ->> 'area', value from alerts where phase = 'firing'")
    assert sorted(tuple(row) for row in fired) == [
        ("A", 2.0), ("B", inf), ("C", inf), ("E", 3.0), ("FR", 1.0),
    ]  # fmt: skip
    alerts = [
        alert for request in receiver.requests for alert in json.loads(request.body, parse_constant=refuse)["alerts"]
    ]
    values = {alert["labels"]["area"]: (alert["value"], alert["threshold"]) for alert in alerts}
    assert values["B"] == ("inf", 1.0)
    assert values["E"] == (3.0, "-inf")
    assert set(values) == {"A", "B", "C", "E", "FR"}
