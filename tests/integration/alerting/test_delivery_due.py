"""Which messages of a channel are due: ends that wait for their beginning, among many and without statistics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from app.alerting.delivery.queries import READY
from tests.support.delivery_factory import NOW
from tests.support.store_factory import opened

if TYPE_CHECKING:
    from app.db.engine import Connection

MESSAGE = """
    insert into notifications (channel, group_key, recipients, severity, status, created_at, not_before, claimed_until)
    select channel, key, '{}', 2, status, $2, $2, case when claimed then $2::timestamptz + interval '1 hour' end
    from jsonb_to_recordset($1::jsonb) as (channel text, key text, status text, claimed boolean)
    order by key
    returning notification_id
"""
EVENT = """
    insert into notification_events (notification_id, alert_id, kind, rule, severity, at, content)
    select notification_id, alert_id, kind, 'r', 'critical', $2, '{}'
    from jsonb_to_recordset($1::jsonb) as (notification_id bigint, alert_id bigint, kind text)
"""


def message(key: str, *, channel: str = "chat", status: str = "waiting", claimed: bool = False) -> dict[str, Any]:
    return {"channel": channel, "key": key, "status": status, "claimed": claimed}


async def put(connection: Connection, messages: Sequence[dict[str, Any]]) -> list[int]:
    return [row["notification_id"] for row in await connection.fetch(MESSAGE, json.dumps(messages), NOW)]


async def tell(connection: Connection, *events: tuple[int, int | None, str]) -> None:
    rows = [{"notification_id": number, "alert_id": alert, "kind": kind} for number, alert, kind in events]
    await connection.execute(EVENT, json.dumps(rows), NOW)


async def due(connection: Connection) -> list[int]:
    return [row["notification_id"] for row in await connection.fetch(READY, "chat", NOW, 0, 2)]


async def test_an_end_waits_while_another_message_of_its_channel_says_that_it_fires(database_url: str) -> None:
    async with opened(database_url) as database, database.connection() as connection:
        waits, sent, elsewhere, reminds = await put(
            connection,
            [
                message("1 waits", claimed=True),
                message("2 sent", status="sent"),
                message("3 elsewhere", channel="mail"),
                message("4 reminds", claimed=True),
            ],
        )
        of_waiting, of_sent, of_elsewhere, of_reminded, of_both, of_itself, of_end, of_notice, no_end = await put(
            connection, [*(message(f"after:{number}") for number in range(1, 9)), message("group")]
        )
        await tell(
            connection,
            (waits, 1, "fired"), (of_waiting, 1, "resolved"), (no_end, 1, "resolved"),
            (sent, 2, "fired"), (of_sent, 2, "resolved"),
            (elsewhere, 3, "fired"), (of_elsewhere, 3, "resolved"),
            (reminds, 4, "reminded"), (of_reminded, 4, "resolved"),
            (of_both, 2, "resolved"), (of_both, 4, "resolved"),
            (of_itself, 5, "fired"), (of_itself, 5, "resolved"),
            (of_end, 2, "resolved"),
            (waits, None, "fired"), (of_notice, None, "notice"),
        )  # fmt: skip
        assert await due(connection) == [of_sent, of_elsewhere, of_itself, of_end, of_notice, no_end]
        await connection.execute("update notifications set status = 'sent' where notification_id = any ($1)", [waits])
        assert await due(connection) == [of_waiting, of_sent, of_elsewhere, of_itself, of_end, of_notice, no_end]


async def test_ends_are_chosen_in_one_pass_where_the_server_has_no_statistics(database_url: str) -> None:
    many = 500
    async with opened(database_url) as database, database.connection() as connection:
        for table in ("notifications", "notification_events"):
            await connection.execute(f"alter table {table} set (autovacuum_enabled = off)")
        firing = await put(connection, [message(f"{number}", claimed=True) for number in range(many)])
        ends = await put(connection, [message(f"after:{number}") for number in firing])
        await tell(connection, *((number, alert, "fired") for alert, number in enumerate(firing)))
        await tell(connection, *((number, alert, "resolved") for alert, number in enumerate(ends)))
        explain = f"explain (analyze, timing off, format json) {READY}"
        [(plan,)] = await connection.fetch(explain, "chat", NOW, 0, 2)
        assert sum(map(rows_of, nodes(plan[0]["Plan"]))) < 40 * many, "each row a few times, not for each other"
        assert await due(connection) == []


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def rows_of(node: dict[str, Any]) -> float:
    """The rows that a step of the plan made or threw away, in all of its runs."""
    thrown = sum(count for name, count in node.items() if name.startswith("Rows Removed by"))
    return float((node["Actual Rows"] + thrown) * node["Actual Loops"])
