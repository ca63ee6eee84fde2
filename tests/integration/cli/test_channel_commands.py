"""`gridkeeper alerts channels`, `test`, `notifications`, `retry`, `enable`, and check-config's word about channels."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.alerting.delivery.channels.base import HttpSender
from app.alerting.models import Severity
from app.cli import run
from app.clock import FixedClock
from app.net.egress_guard import GuardedClients
from tests.support.delivery_factory import NOW, SECRET, Post, Receiver, Reply, event, receiving
from tests.support.store_factory import opened

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver with an event loop of its own: the command has another one."""
    ready, found = threading.Event(), []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with receiving() as receiver:
            found.append(receiver)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait(10)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def file(make_folder: Callable[[], Path], receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("URL", f"{receiver.url}/{SECRET}")
    path = make_folder() / "channels.yaml"
    path.write_text("channels: {chat: {type: slack, url: '${URL}'}, log: {type: log}}")
    return path


@pytest.fixture
def command(
    database_url: str, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs one command; its code and what it said."""
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    monkeypatch.setenv("GRIDKEEPER_NOTIFICATIONS__CHANNELS_FILE", str(file))
    monkeypatch.setenv("GRIDKEEPER_LOG__LEVEL", "error")

    def act(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        said = capsys.readouterr()
        assert SECRET not in said.out + said.err
        return code, said.out, said.err

    return act


def deliver(url: str, file: Path, *, after: float = 0.0) -> None:
    async def act() -> None:
        async with opened(url) as database:
            clock = FixedClock(NOW + timedelta(seconds=after))
            outlet = HttpSender(GuardedClients(), clock, timeout=2)
            post = Post(database, file, outlet, clock)
            await post.tell(event(1, severity=Severity.CRITICAL))
            await post.deliver()
            await post.deliver()
            await outlet.close()

    asyncio.run(act())


def test_a_channel_is_tried_and_its_answer_shown(command: Command, receiver: Receiver) -> None:
    assert command("alerts", "test", "chat") == (0, "", "chat, part 1/1: sent: ok\n")
    assert "test of the channel chat" in receiver.requests[0].json["text"]
    receiver.replies = [Reply(404, f"no_service for {SECRET}".encode())]
    code, _, said = command("alerts", "test", "chat")
    assert (code, "disabled: no_service for ***" in said) == (1, True)
    code, _, said = command("alerts", "test", "chta")
    assert (code, "did you mean chat?" in said) == (2, True)


def test_channels_and_messages_are_listed_and_put_right(
    command: Command, receiver: Receiver, database_url: str, file: Path
) -> None:
    assert "chat     slack  127.0.0.1  unused" in command("alerts", "channels")[1]
    file.write_text("channels: {chat: {type: slack, url: '${URL}'}}")
    receiver.replies = [Reply(404, b"no_service")]
    deliver(database_url, file)
    [channel] = json.loads(command("alerts", "channels", "--json")[1])
    assert (channel["state"], channel["waiting"], channel["problem"]) == ("disabled", 1, "no_service")
    [message] = json.loads(command("alerts", "notifications", "--waiting", "--json")[1])
    assert (message["status"], message["events"]) == ("waiting", 1)
    assert command("alerts", "enable", "chat")[2] == "chat is used again\n"
    assert command("alerts", "enable", "chat")[2] == "chat was not disabled\n"
    number = str(message["notification_id"])
    assert command("alerts", "retry", number)[0] == 0
    assert "1 message\n" in command("alerts", "notifications", "--waiting")[2]
    assert command("alerts", "retry", "4711")[0] == 1


def test_the_configuration_check_names_channels_and_their_problems(command: Command, file: Path) -> None:
    assert "channels: chat (slack), log (log)" in command("check-config")[2]
    file.write_text("channels: {log: {type: log}}")
    assert "nobody is notified of alerts" in command("check-config")[2]
    file.write_text("channels: {chat: {type: slack}}")
    code, _, said = command("check-config")
    assert (code, "channels.chat.url: this is missing" in said) == (2, True)
