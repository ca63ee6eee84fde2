"""config/channels.yaml: what it may say, what is wrong with it, and how it is read again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.alerting.delivery.channels.webhook import WebhookChannel, signature
from app.alerting.delivery.config import ChannelFile, read_channels
from app.errors import ConfigurationError
from tests.support.delivery_factory import NOW, SECRET, book_of, channel_of

SHIPPED = Path(__file__).parents[3] / "config" / "examples" / "channels.yaml"
LOG = "channels: {one: {type: log}}"
ROUTED = "channels: {one: {type: log}, two: {type: log}}\n"


class Ticks:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def problems(text: str) -> list[str]:
    return [str(problem) for problem in read_channels(text.encode(), "channels.yaml")[1]]


def test_the_shipped_file_writes_to_the_log_and_reaches_nobody() -> None:
    book, wrong = read_channels(SHIPPED.read_bytes(), "channels.yaml")
    assert not wrong
    assert (list(book.channels), book.reaches_people) == (["log"], False)
    assert [route.channels for route in book.routes.of({})] == [("log",)]


def test_the_shipped_examples_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_URL", "WECOM_URL", "HEARTBEAT_URL", "SMTP_PASSWORD", "PAGER_SECRET"):
        monkeypatch.setenv(name, f"https://hooks.example/{SECRET}")
    lines = SHIPPED.read_text().split("\n")
    first = next(number for number, line in enumerate(lines) if line.startswith("# recipients:"))
    prose = ("# The first", "# Takes", "# Pinged")
    text = "\n".join(line.removeprefix("# ") for line in lines[first:] if not line.startswith(prose))
    book = book_of(text)
    assert {channel.kind for channel in book.channels.values()} == {"email", "slack", "wecom", "webhook", "log"}
    assert [route.name for route in book.routes.of({"severity": "critical"})] == ["critical", "everything"]
    assert book.heartbeat_url is not None
    assert SECRET not in repr(book)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("channels: {a: {type: slak}}", "line 1: channels.a.type: there is no type 'slak'; did you mean slack?"),
        (
            "channels:\n  a: {type: slack, url: 'https://x.example/y'}",
            "line 2: channels.a.url: a secret does not stand",
        ),
        ("channels: {a: {type: slack}}", "channels.a.url: this is missing"),
        ("channels: {a: {type: slack, url: '${NOT_SET}'}}", "the environment has no NOT_SET"),
        ("channels: {a: {type: webhook, url: 'ftp://x'}}", "this is no address"),
        ("channels: {a: {type: log, colour: red}}", "there is no such field"),
        ("channels: {a: {type: log, per_minute: 0}}", "out of range"),
        (LOG + "\nfallback: tow", "there is no channel 'tow'"),
        (LOG + "\nroutes: [{channels: [tow]}]", "there is no 'tow'"),
        (LOG + "\nroutes: [{channels: [one], match: ['area ~ x']}]", "is no matcher"),
        (LOG + "\nroutes: [{channels: [one], recipients: [nobody]}]", "there is no 'nobody'"),
        (ROUTED + "routes: [{name: r, channels: [one]}, {name: r, channels: [two]}]", "two routes are called 'r'"),
        ("recipients: {ops: [not-an-address]}", "is no address"),
        ("channels: {a: {type: email, host: h, from: 'a b', to: [a@b.c]}}", "'a b' is no address"),
        ("channels: {a: {type: email, host: h, from: a@b.c, to: [ops]}}", "neither an address nor a list"),
        ("channels: {a: {type: email, host: h, from: a@b.c, to: [a@b.c], username: u}}", "belong together"),
        ("channels: {a: {type: email, host: h, from: a@b.c, to: [a@b.c], ca_file: /nowhere}}", "holds no certificates"),
        ("channels: {a: {type: webhook, url: 'http://h', headers: {Host: x}}}", "this header cannot be set"),
        ("channels: {a: {type: webhook, url: 'http://h', headers: {Authorization: abc}}}", "a secret does not stand"),
        ("channels: {a: {type: webhook, url: 'http://h', headers: {X-Team: 'é'}}}", "visible ASCII"),
    ],
)
def test_a_problem_names_file_line_field_and_remedy(text: str, message: str) -> None:
    found = problems(text)
    assert any(message in problem for problem in found), found
    assert all(problem.startswith("channels.yaml") for problem in found)


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"https://hooks.slack.example/services/{SECRET}\n")
    monkeypatch.setenv("SLACK_FILE", str(tmp_path / "url"))
    for name in ("SLACK", "SLACK_FILE"):
        channel = channel_of(f"channels: {{a: {{type: slack, url: '${{{name}}}'}}}}")
        assert channel.where() == "hooks.slack.example"
        assert any(SECRET in secret for secret in channel.secrets())


def test_what_another_channel_takes_is_the_fallback_or_one_that_reaches_people() -> None:
    book = book_of("channels: {a: {type: log}, b: {type: webhook, url: 'http://h'}, c: {type: log}}\nfallback: c")
    none: frozenset[str] = frozenset()
    assert book.instead_of("a", none) == "c"
    assert book.instead_of("c", none) == "b"
    assert book.instead_of("a", frozenset({"c"})) == "b"
    assert book.instead_of("a", frozenset({"b", "c"})) == ""


def test_an_edit_is_read_and_a_wrong_one_keeps_the_last_good_book(make_folder: Callable[[], Path]) -> None:
    path = make_folder() / "channels.yaml"
    path.write_text(LOG)
    file = ChannelFile(path, monotonic=Ticks())
    assert list(file.current().channels) == ["one"]
    path.write_text("channels: {two: {type: log}}")
    assert [list(file.current().channels) for _ in range(3)][-1] == ["two"]
    path.write_text("channels: {three: {type: lgo}}")
    assert [list(file.current().channels) for _ in range(3)][-1] == ["two"]
    assert "did you mean log?" in str(file.problems[0])
    path.unlink()
    assert [list(file.current().channels) for _ in range(3)][-1] == ["two"]
    path.write_text(LOG)
    assert [list(file.current().channels) for _ in range(3)][-1] == ["one"]
    assert file.problems == ()


def test_a_service_starts_with_a_wrong_file_and_says_so(make_folder: Callable[[], Path]) -> None:
    path = make_folder() / "channels.yaml"
    path.write_text("channels: 7")
    file = ChannelFile(path, monotonic=Ticks())
    book = file.current()
    assert (list(book.channels), book.unusable, book.reaches_people) == ([], True, True)
    assert file.problems
    with pytest.raises(ConfigurationError, match="line 1"):
        file.load()


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="CHANNELS_FILE: there is no file"):
        ChannelFile(tmp_path / "no.yaml", required=True).load()
    assert list(ChannelFile(tmp_path / "no.yaml").load().channels) == ["log"]


def test_a_signature_covers_time_and_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S", SECRET)
    text = "channels: {a: {type: webhook, url: 'http://h', method: PUT, secret: '${S}', headers: {X-Team: ops}}}"
    channel = channel_of(text)
    assert isinstance(channel, WebhookChannel)
    assert channel.method.value == "PUT"
    assert signature(SECRET, b"{}", NOW) == signature(SECRET, b"{}", NOW)
    assert signature(SECRET, b"{}", NOW) != signature(SECRET, b"[]", NOW)
    assert SECRET not in repr(channel)


def test_a_file_that_went_was_emptied_or_is_none_leaves_the_last_good_book(tmp_path: Path) -> None:
    path, ticks = tmp_path / "channels.yaml", Ticks()
    text = "channels: {ops: {type: webhook, url: 'https://example.org/x'}}\n"
    path.write_text(text)
    file = ChannelFile(path, monotonic=ticks)

    def look() -> list[str]:
        for _ in range(3):
            ticks.now += 2
            file.current()
        return list(file.current().channels)

    assert look() == ["ops"]
    for replace, reason in (
        (lambda: path.write_text("# nothing\n"), "was emptied"),
        (path.unlink, "is not any more"),
        (path.mkdir, "is a folder and no file"),
        (path.rmdir, "is not any more"),
        (lambda: os.mkfifo(path), "is a pipe and no file"),
    ):
        replace()
        assert look() == ["ops"]
        assert reason in file.problems[0].message
    path.unlink()
    path.write_text(text)
    assert (look(), file.problems) == (["ops"], ())
    path.write_text("channels: {}\n")
    assert look() == ["log"]
