from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.alerting.sqlsentinel.files.reading import read_sentinel_file
from app.alerting.sqlsentinel.models import Compat, EmailTarget, SentinelFile, SlackTarget, WebhookTarget
from app.kit.yaml.tree import FileProblems

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "sqlsentinel"
SLACK = "https://hooks.slack.com/services/A/B/C"
ALERT = "  - name: a\n    query: select 'OK' as status\n    schedule: '0 9 * * *'\n"


def read(text: str, **environment: str) -> SentinelFile:
    return read_sentinel_file(text.encode(), "alerts.yaml", environment)


def with_alert(extra: str = "", head: str = "database: {url: 'sqlite:///x.db'}\n", **environment: str) -> SentinelFile:
    return read(f"{head}alerts:\n{ALERT}{extra}", **environment)


def problems(text: str, **environment: str) -> list[str]:
    with pytest.raises(FileProblems) as caught:
        read(text, **environment)
    return [str(problem) for problem in caught.value.problems]


def alert_problems(extra: str) -> str:
    return "\n".join(problems(f"alerts:\n{ALERT}{extra}"))


def test_a_file_says_database_alerts_and_whom_to_notify() -> None:
    found = with_alert(
        """    description: d
    enabled: 'no'
    notify:
      - {channel: email, recipients: [a@b.c, ops@localhost], subject: 'S {alert_name}'}
      - {channel: slack, webhook_url: '${SLACK}', username: Bot}
      - {channel: webhook, url: $HOOK/x, method: put, headers: {Authorization: 'Bearer ${TOKEN}'}}
""",
        SLACK=SLACK,
        HOOK="http://h",
        TOKEN="t0k3n",
    )
    (alert,) = found.alerts
    email, slack, webhook = alert.targets
    assert (alert.name, alert.description, alert.enabled, alert.line) == ("a", "d", False, 3)
    assert email == EmailTarget(("a@b.c", "ops@localhost"), "S {alert_name}")
    assert isinstance(slack, SlackTarget)
    assert (slack.webhook_url.get_secret_value(), slack.username) == (SLACK, "Bot")
    assert isinstance(webhook, WebhookTarget)
    assert (webhook.url.get_secret_value(), webhook.method) == ("http://h/x", "PUT")
    assert webhook.headers["Authorization"].get_secret_value() == "Bearer t0k3n"
    assert found.database_url is not None
    assert not found.warnings
    assert "t0k3n" not in repr(found)
    assert found.alert("a") is alert
    assert found.alert("b") is None


def test_a_variable_may_stand_in_a_file_and_what_is_not_set_stays_as_written(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("sqlite:///secret.db\n")
    head = "database: {url: '${DB}'}\n"
    found = with_alert("    description: '$NOTHING and ${LESS}'\n", head, DB_FILE=str(secret))
    assert found.database_url is not None
    assert found.database_url.get_secret_value() == "sqlite:///secret.db"
    assert found.alerts[0].description == "$NOTHING and ${LESS}"
    assert "cannot be read" in problems("a: ${DB}", DB_FILE=str(tmp_path / "none"))[0]
    secret.write_bytes(b"\xff\xfe")
    assert "is no text" in problems("a: ${DB}", DB_FILE=str(secret))[0]


def test_behaviour_stands_at_the_root_or_at_an_alert() -> None:
    head = "compat: strict\nhistory_days: 90\ntimezone: Europe/Berlin\ntimeout: 30\nmin_interval: 10 min\nnotify_recovery: true\n"
    found = with_alert("    timeout: 5 s\n    remind_every: 1 h\n", head)
    behaviour = found.alerts[0].behaviour
    assert (found.compat, found.history_days) == (Compat.STRICT, 90)
    assert found.alerts[0].schedule.zone.key == "Europe/Berlin"
    assert (behaviour.time_out, behaviour.min_interval) == (timedelta(seconds=5), timedelta(minutes=10))
    assert (behaviour.remind_every, behaviour.notify_recovery) == (timedelta(hours=1), True)


def test_channel_that_stands_twice_is_the_kind_and_the_channel_of_slack() -> None:
    notify = f"    notify:\n      - channel: slack\n        webhook_url: {SLACK}\n        channel: '#data'\n"
    found = with_alert(notify)
    assert found.alerts[0].targets[0].channel == "slack"
    assert isinstance(found.alerts[0].targets[0], SlackTarget)
    assert found.alerts[0].targets[0].slack_channel == "#data"
    assert "stands here twice" in str(found.warnings[0])


def test_anchors_merges_and_repeated_names_mean_what_yaml_readers_make_of_them() -> None:
    found = read(
        "usual: &u {schedule: '@daily', query: \"select 'OK' as status\", enabled: off}\nalerts:\n"
        "  - {<<: *u, name: one}\n  - {<<: [*u], name: two, enabled: on, enabled: true}\n  - {name: &n three, <<: *u}\n"
    )
    assert [(alert.name, alert.enabled) for alert in found.alerts] == [("one", False), ("two", True), ("three", False)]
    assert [str(warning).split(": ", 1)[1] for warning in found.warnings] == [
        "usual: there is no such field, so it is ignored",
        "alerts[two].enabled: this stands here more than once; the last one counts",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("# nothing", "the file is empty"),
        ("- a", "must be a mapping"),
        ("alerts: [", "no YAML"),
        ("alerts: 3", "alerts.yaml, line 1: alerts: this must be a list"),
        ("alerts: []", "at least one"),
        ("alerts:", "must be a list"),
        ("database: {url: x}", "alerts: this is missing"),
        ("alerts: [3]", "alerts[0]: this must be a mapping"),
        ("alerts: [*x]", "*x stands for nothing"),
        ("? [a]\n: b", "a name must be a text"),
        ("a: 1\n---\nb: 2", "a second document"),
        ("a: !!int x", "is no value of the tag"),
        ("a: 2026-13-45", "is no value of the tag"),
        ("<<: 3", "merges mappings only"),
        ("a: &a [*a]", "*a stands for nothing"),
        ("[" * 50, "nested deeper"),
        ("timezone: Mars/Olympus\nalerts: []", "unknown time zone"),
        ("compat: loose\nalerts: []", "none of reliable, strict"),
        ("min_interval: often\nalerts: []", "no duration"),
        ("timeout: 0\nalerts: []", "out of range"),
        ("history_days: many\nalerts: []", "no number of days"),
        ("database: sqlite\nalerts: []", "needs the url"),
        ("database: {url: ''}\nalerts: []", "database.url: this is empty"),
    ],
)
def test_a_file_that_is_none_says_where_and_why(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text)), problems(text)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("  - {query: q, schedule: '@daily'}", "line 5: alerts[1].name: this is missing"),
        ("  - {name: '', query: q, schedule: '@daily'}", "alerts[1].name: this is empty"),
        ("  - {name: b, query: '  ', schedule: '@daily'}", "alerts[b].query: this is empty"),
        ("  - {name: b, query: q}", "alerts[b].schedule: this is missing"),
        ("  - {name: b, query: q, schedule: 5}", "alerts[b].schedule: this is no text"),
        ("  - {name: b, query: q, schedule: '61 * * * *'}", "'61' is no minute; it goes from 0 to 59"),
        ("  - {name: a, query: q, schedule: '@daily'}", "this name stands on line 2 already"),
        (f"  - {{name: {'n' * 256}, query: q, schedule: '@daily'}}", "longer than 255"),
        ("    enabled: maybe", "neither true nor false"),
        ("    enabled: [1]", "neither true nor false"),
        ("    description: [1]", "alerts[a].description: this is no text"),
        ("    notify:", "notify: this must be a list"),
        ("    notify: email", "notify: this must be a list"),
        ("    notify: [3]", "notify[0]: this must be a mapping"),
        ("    notify: [{recipients: [a@b]}]", "this names no channel"),
        ("    notify: [{channel: pager}]", "'pager' is none of email, slack, webhook"),
        ("    notify: [{channel: email}]", "list of mail addresses"),
        ("    notify: [{channel: email, recipients: []}]", "at least one"),
        ("    notify: [{channel: email, recipients: [nobody]}]", "'nobody' is no mail address"),
        ("    notify: [{channel: email, recipients: [a@b], subject: 5}]", "subject: this is no text"),
        ("    notify: [{channel: slack}]", "webhook_url: this is missing"),
        ("    notify: [{channel: slack, webhook_url: 'http://s3cret'}]", "begins with https://hooks.slack.com/"),
        ("    notify: [{channel: slack, webhook_url: ''}]", "begins with https://hooks.slack.com/"),
        ("    enabled: ' true'", "neither true nor false"),
        ("    notify: [{channel: slack, webhook_url: '${S}'}]", "set the variable"),
        ("    notify: [{channel: webhook, url: u, method: DELETE}]", "'DELETE' is none of GET"),
        ("    notify: [{channel: webhook, url: u, method: null}]", "method: this is no text"),
        ("    notify: [{channel: webhook, url: u, headers: null}]", "must be a mapping of names"),
        ("    notify: [{channel: webhook, url: u, headers: {n: 1}}]", "headers.n: this is no text"),
    ],
)  # fmt: skip
def test_an_alert_that_is_wrong_says_where_and_what_helps(extra: str, said: str) -> None:
    found = alert_problems(extra)
    assert said in found
    assert "s3cret" not in found


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("    schedul: x\n", "did you mean schedule?"),
        ("    notify: [{channel: email, recipients: [a@b], subject: '{oops'}]\n", "template cannot be filled in"),
        ("    notify: [{channel: webhook, url: '${W}'}]\n", "a variable that is not set"),
        ("    notify: [{channel: email, recipients: [a@b], url: x}]\n", "email has no such field"),
        ("  - {name: b, query: q, schedule: '0 0 30 2 *'}\n", "never due"),
    ],
)
def test_what_may_surprise_is_warned_of(extra: str, said: str) -> None:
    assert any(said in str(warning) for warning in with_alert(extra).warnings)


def test_no_utf_8_says_its_line() -> None:
    with pytest.raises(FileProblems, match=r"line 2: this is no UTF-8"):
        read_sentinel_file(b"a: b\nc: \xff", "f", {})


@pytest.mark.skipif(not SHARED.exists(), reason="the files of the original are not here")
@pytest.mark.parametrize(
    ("file", "alerts"),
    [
        ("alerts.yaml", 3),
        ("alerts-multi-channel.yaml", 6),
        ("integration_config.yaml", 2),
        ("valid_config.yaml", 1),
        ("multi_alert_config.yaml", 2),
    ],
)
def test_files_of_the_original(file: str, alerts: int) -> None:
    environment: Any = {"SLACK_WEBHOOK_URL": SLACK, "WEBHOOK_URL": "http://h"}
    assert len(read_sentinel_file((SHARED / file).read_bytes(), file, environment).alerts) == alerts
