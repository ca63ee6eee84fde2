"""Receivers on loopback, events, and a delivery with a clock of its own."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from app.alerting.delivery.channels.base import Channel, HttpSender
from app.alerting.delivery.config import ChannelBook, ChannelFile, Receivers, read_channels
from app.alerting.delivery.repository import DeliveryRepository
from app.alerting.delivery.worker import DeliveryWorker
from app.alerting.models import Alert, AlertEvent, EventKind, Phase, Rule, Severity, Threshold, labels_of
from app.alerting.outbox.repository import NotificationOutbox
from app.clock import FixedClock
from app.db.engine import Database
from app.net.egress_guard import GuardedClients
from app.settings import NotificationSettings
from tests.support.alert_factory import Told

if TYPE_CHECKING:
    from app.db.engine import Connection

NOW = datetime(2026, 5, 7, 12, 34, 20, tzinfo=UTC)
SECRET = "k3y-0123456789abcdef-s3cret"
HOSTILE = "<script>alert(1)</script>\r\nBcc: eve@example.org [x](http://evil) <!channel> @everyone 电力市场 \x1b[31m"


class NoSchedule:
    """A rule here is never due."""

    def next_slot(self, after: datetime) -> datetime:
        return after + timedelta(days=1)


def rule(name: str = "collection_failing", **fields: Any) -> Rule:
    known: dict[str, Any] = {"threshold": Threshold(">", 5.0), "description": "runs fail"}
    return Rule(name, NoSchedule(), **(known | fields))


def event(
    number: int = 1,
    kind: EventKind = EventKind.FIRED,
    *,
    severity: Severity = Severity.WARNING,
    at: datetime = NOW,
    of: Rule | None = None,
    **labels: str,
) -> AlertEvent:
    """Something that happened to the alert of this number."""
    of = of or rule()
    phase = Phase.RESOLVED if kind is EventKind.RESOLVED else Phase.FIRING
    alert = Alert(
        of.name,
        labels_of(labels or {"area": f"A{number}"}),
        severity,
        phase,
        at - timedelta(minutes=3),
        at,
        at,
        value=12.5,
        threshold=5.0,
        alert_id=number,
    )
    return AlertEvent(kind, alert, of, at)


@dataclass
class Reply:
    """What a receiver answers; `hangs` never does."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False


@dataclass
class Request:
    """What a receiver was sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """A real HTTP server; gives its replies one after the other, the last for ever."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies) or [Reply()]
        self.requests: list[Request] = []
        self.url = ""
        self.judge: Callable[[Request], Reply | None] = lambda _: None

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(method, path, headers, body)
        self.requests.append(request)
        reply = self.judge(request) or (self.replies.pop(0) if len(self.replies) > 1 else self.replies[0])
        if reply.hangs:
            await asyncio.sleep(60)
        head = [f"HTTP/1.1 {reply.status} X", f"Content-Length: {len(reply.body)}"]
        head += [f"{name}: {value}" for name, value in reply.headers.items()]
        writer.write("\r\n".join([*head, "", ""]).encode() + reply.body)
        await writer.drain()
        return True


@asynccontextmanager
async def receiving(*replies: Reply) -> AsyncIterator[Receiver]:
    receiver = Receiver(*replies)
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await receiver.handle(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Mailbox:
    """What the mail server does and has taken; the words of `refusals` answer for a recipient, each once or for ever."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bytes]] = []
        self.refusals: dict[str, list[str]] = {}
        self.data_answer = "250 queued as 17"
        self.hangs = False

    async def handle_RCPT(  # noqa: N802  the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answers = self.refusals.get(address, [])
        if answers:
            return answers.pop(0) if len(answers) > 1 else answers[0]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.hangs:
            await asyncio.sleep(60)
        content = envelope.content
        assert isinstance(content, bytes)
        if self.data_answer.startswith("2"):
            self.mails.append((list(envelope.rcpt_tos), content))
        return self.data_answer


class Passwords:
    """Lets one user in."""

    def __call__(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        known = isinstance(data, LoginPassword) and data.password == SECRET.encode()
        return AuthResult(success=known, handled=False)


@asynccontextmanager
async def mail_server(
    mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, login: bool = False
) -> AsyncIterator[int]:
    """The port of a mail server on loopback."""

    def protocol() -> SMTP:
        return SMTP(
            mailbox,
            hostname="mail.test",
            tls_context=tls,
            require_starttls=tls is not None,
            authenticator=Passwords() if login else None,
            auth_require_tls=tls is not None,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def book_of(text: str) -> ChannelBook:
    book, problems = read_channels(text.encode(), "channels.yaml")
    assert not problems, [str(problem) for problem in problems]
    return book


def channel_of(text: str) -> Channel:
    """The one channel that the text describes."""
    return next(iter(book_of(text).channels.values()))


@asynccontextmanager
async def speaking(*lines: str | bytes) -> AsyncIterator[int]:
    """The port of a server that sends the first line at once and one more after each line that it is sent.

    It closes the connection after the last one; an empty one sends nothing.
    """

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for number, line in enumerate(lines):
                if number:
                    await reader.readline()
                writer.write(line if isinstance(line, bytes) else f"{line}\r\n".encode() if line else b"")
                await writer.drain()
            if not lines[-1]:
                await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def an_outlet(
    clock: FixedClock | None = None,
    *,
    timeout: float = 2.0,  # noqa: ASYNC109
    mail_patience: float = 1.0,
) -> AsyncIterator[HttpSender]:
    outlet = HttpSender(GuardedClients(), clock or FixedClock(NOW), timeout=timeout, mail_patience=mail_patience)
    try:
        yield outlet
    finally:
        await outlet.close()


class Post:
    """An outbox and its worker over a real database, with a clock that stands still until it is moved."""

    def __init__(
        self,
        database: Database,
        file: Path,
        outlet: HttpSender,
        clock: FixedClock,
        worker: str = "one",
        *,
        receivers: Callable[[], Receivers] | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.file = ChannelFile(file, receivers=receivers)
        self.outbox = NotificationOutbox(self.file)
        self.repository = DeliveryRepository(database, worker, lease=timedelta(seconds=60))
        self.outlet = outlet
        self.worker = DeliveryWorker(
            self.repository, self.file, outlet, clock, settings=NotificationSettings(), chance=lambda: 0.5
        )

    async def tell(self, *events: AlertEvent) -> None:
        async with self.database.transaction() as connection:
            await self.outbox.enqueue(connection, events, self.clock.now())

    async def deliver(self, *, after: float = 0.0) -> int:
        """Let so many seconds pass, then send what is due."""
        self.clock.set(self.clock.now() + timedelta(seconds=after))
        return await self.worker.deliver_due()

    async def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async with self.database.connection() as connection:
            return [tuple(row) for row in await connection.fetch(query, *arguments)]

    async def statuses(self) -> list[str]:
        return [row[0] for row in await self.rows("select status from notifications order by notification_id")]


@dataclass(slots=True)
class Posted(Told):
    """Remembers what was told, and posts it."""

    outbox: NotificationOutbox | None = None

    async def enqueue(self, connection: Connection, events: Sequence[AlertEvent], now: datetime) -> None:
        await Told.enqueue(self, connection, events, now)
        assert self.outbox
        await self.outbox.enqueue(connection, events, now)


@asynccontextmanager
async def a_post(
    database: Database, folder: Path, text: str, receivers: Callable[[], Receivers] | None = None, **more: Any
) -> AsyncIterator[Post]:
    clock = FixedClock(NOW)
    file = folder / "channels.yaml"
    file.write_text(text)
    async with an_outlet(clock, **more) as outlet:
        yield Post(database, file, outlet, clock, receivers=receivers)


def webhooks(*receivers: Receiver, more: str = "") -> str:
    """A file of channels hook0, hook1 …; `more` is added."""
    lines = ["channels:"]
    for number, receiver in enumerate(receivers):
        lines += [f"  hook{number}: {{type: webhook, url: '{receiver.url}/hook'}}"]
    return "\n".join([*lines, more])


def named(requests: Sequence[Request]) -> set[str]:
    """The areas that the webhooks' alerts name."""
    return {alert["labels"]["area"] for request in requests for alert in request.json["alerts"]}
