"""Which addresses channels may reach, and the heartbeat."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.alerting.delivery.channels.base import DeliveryStatus, HttpAnswer, by_status, parse_retry_after
from app.alerting.delivery.config import ChannelFile
from app.alerting.delivery.heartbeat import Heartbeat
from app.net.egress_guard import AddressRefused, GuardedClients, connect, is_forbidden, resolve
from app.net.masking import redacted, url_secrets
from tests.support.delivery_factory import NOW, SECRET, Reply, an_outlet, receiving


@pytest.mark.parametrize(
    "address",
    ["169.254.0.1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
     "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::", "::ffff:0:a9fe:a9fe", "::a9fe:a9fe", "2002:a9fe:a9fe::1",
     "100.100.100.200", "fd00:ec2::254", "192.0.0.192"],
)  # fmt: skip
def test_link_local_and_metadata_addresses_are_forbidden_in_any_dress(address: str) -> None:
    assert is_forbidden(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd12::1", "93.184.216.34"])
def test_other_addresses_are_allowed_also_private_ones(address: str) -> None:
    assert not is_forbidden(address)


async def test_a_name_is_looked_up_before_it_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(AddressRefused, match=r"hooks\.example.*allow_link_local"):
        await resolve("hooks.example", 80, allow_link_local=False)
    assert len(await resolve("hooks.example", 80, allow_link_local=True)) == 1


async def test_the_address_that_was_judged_is_the_one_that_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to something else at the second look gains nothing."""
    async with receiving() as receiver:
        port = httpx.URL(receiver.url).port
        answers = [("127.0.0.1", port), ("169.254.169.254", port)]

        async def getaddrinfo(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int | None]]]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", answers.pop(0))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        clients = GuardedClients()
        url = httpx.URL(f"http://rebind.example:{port}/x")
        answer = await clients.client(url, allow_link_local=False).get(url)
        await clients.close()
    assert answer.status_code == 200
    assert receiver.requests[0].headers["host"] == f"rebind.example:{port}"
    assert len(answers) == 1


async def test_a_closed_port_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError, match=r"refused|Connect"):
        await connect("127.0.0.1", 1, allow_link_local=False)


def test_retry_after_is_read_as_seconds_or_date() -> None:
    assert parse_retry_after("120", NOW) == timedelta(seconds=120)
    assert parse_retry_after("Thu, 07 May 2026 12:35:20 GMT", NOW) == timedelta(minutes=1)
    assert parse_retry_after("Thu, 07 May 2020 12:35:20 GMT", NOW) == timedelta(0)
    assert parse_retry_after("soon", NOW) is None


def test_a_redirect_without_an_address_disables() -> None:
    assert by_status(HttpAnswer(301, {}, b""), NOW).verdict is DeliveryStatus.DISABLED
    assert by_status(HttpAnswer(413, {}, b""), NOW).verdict is DeliveryStatus.TOO_LARGE


def test_secrets_are_masked_in_every_spelling() -> None:
    secrets = url_secrets(f"https://h.example/services/{SECRET}?key=a b/c-long-value")
    shown = redacted(f"no {SECRET} {SECRET.replace('-', '%2D')} a%20b%2Fc-long-value\r\n!", [*secrets, "x"])
    assert SECRET not in shown
    assert "c-long-value" not in shown
    assert "\n" not in shown
    assert redacted("y" * 600, []) == "y" * 500 + "…"


async def test_the_heartbeat_is_sent_while_the_service_is_well(
    monkeypatch: pytest.MonkeyPatch, make_folder: Callable[[], Path]
) -> None:
    async with receiving(Reply(), Reply(500, SECRET.encode())) as receiver, an_outlet() as outlet:
        monkeypatch.setenv("BEAT", f"{receiver.url}/ping/{SECRET}")
        path = make_folder() / "channels.yaml"
        path.write_text("heartbeat_url: ${BEAT}")
        reasons = ["", "", "the scheduler is not ready"]
        heartbeat = Heartbeat(ChannelFile(path), outlet, lambda: reasons.pop(0))
        assert [await heartbeat.ping() for _ in range(3)] == [True, False, False]
        assert heartbeat.failures == 2
        assert len(receiver.requests) == 2


async def test_without_a_url_there_is_no_heartbeat_and_it_stops_when_told(tmp_path: Path) -> None:
    async with an_outlet() as outlet:
        heartbeat = Heartbeat(ChannelFile(tmp_path / "none.yaml"), outlet, lambda: "ill", seconds=60)
        stop = asyncio.Event()
        running = asyncio.create_task(heartbeat.run(stop))
        await asyncio.sleep(0)
        stop.set()
        await running
        assert heartbeat.failures == 0
