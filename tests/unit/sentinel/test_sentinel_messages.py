from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from app.alerting.sqlsentinel.files.cron import parse_sentinel_cron
from app.alerting.sqlsentinel.models import EmailTarget, SentinelAlert, SlackTarget
from app.alerting.sqlsentinel.notices.messages import (
    mail_body,
    mail_subject,
    read_message,
    sentinel_message,
    slack_payload,
    webhook_payload,
)
from app.alerting.sqlsentinel.results import judge
from app.alerting.sqlsentinel.transitions import SentinelNotice

ALERT = SentinelAlert("revenue", "select 1", parse_sentinel_cron("@daily", ZoneInfo("UTC")), "below <10k>")
FOUND = judge([{"status": "ALERT", "actual_value": Decimal("5.5"), "threshold": 10, "orders": 3}])
MESSAGE = sentinel_message(ALERT, FOUND, SentinelNotice.ALERT, "k1")
BARE = sentinel_message(
    SentinelAlert("bare", "", ALERT.schedule), judge([{"status": "OK"}]), SentinelNotice.RECOVERY, "k2"
)


def test_a_message_survives_being_kept() -> None:
    assert read_message(MESSAGE.text()) == MESSAGE


def test_the_mail() -> None:
    assert mail_body(MESSAGE).splitlines() == [
        "Alert: revenue", "Description: below <10k>", "Status: ALERT", "Actual Value: 5.5", "Threshold: 10", "", "Additional Context:", "  orders: 3",
    ]  # fmt: skip
    assert mail_body(BARE) == "Alert: bare\nStatus: OK"


@pytest.mark.parametrize(
    ("template", "subject"),
    [
        ("", "[SQL Sentinel] Alert: revenue"),
        ("{alert_name} is {status}: {actual_value}/{threshold}", "revenue is ALERT: 5.5/10"),
        ("{nothing}", "[SQL Sentinel] Alert: revenue"),
        ("two\nlines", "two lines"),
    ],
)
def test_the_subject(template: str, subject: str) -> None:
    assert mail_subject(MESSAGE, EmailTarget(("a@b",), template)) == subject


def test_a_recovery_says_so_first() -> None:
    assert mail_subject(BARE, EmailTarget(("a@b",))) == "Recovered: [SQL Sentinel] Alert: bare"


def test_the_webhook_gets_the_fields_of_the_original() -> None:
    assert webhook_payload(MESSAGE) == {
        "alert_name": "revenue", "status": "ALERT", "description": "below <10k>", "actual_value": 5.5, "threshold": 10, "context": {"orders": 3},
    }  # fmt: skip
    assert "context" not in webhook_payload(BARE)
    assert webhook_payload(BARE)["description"] is None


def test_slack_gets_blocks_and_a_colour() -> None:
    payload = slack_payload(MESSAGE, SlackTarget(SecretStr("x"), "#data", "Bot"))
    assert [block["type"] for block in payload["blocks"]] == ["header", "section", "section"]
    assert payload["blocks"][1]["fields"][1]["text"] == "*Description:*\nbelow &lt;10k&gt;"
    assert (payload["channel"], payload["username"], payload["attachments"][0]["color"]) == ("#data", "Bot", "#d00000")
    bare = slack_payload(BARE, SlackTarget(SecretStr("x")))
    assert len(bare["blocks"]) == 2
    assert "channel" not in bare
    assert bare["attachments"] == [{"color": "#36a64f", "fallback": "Alert: bare - Status: OK"}]
