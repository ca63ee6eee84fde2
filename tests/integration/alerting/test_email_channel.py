"""E-mail through a real SMTP server: recipients one by one, greylisting, encryption, headers."""

from __future__ import annotations

import asyncio
import base64
import email
import ssl
import subprocess
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from app.alerting.delivery.attempts import attempt
from app.alerting.delivery.channels.base import ChannelResponse, DeliveryStatus
from app.alerting.delivery.channels.email import EmailChannel
from app.alerting.delivery.channels.mail_headers import MAIL_POLICY
from app.alerting.delivery.messages import compose
from app.alerting.models import Severity
from app.alerting.outbox.items import Content, item_of
from app.db.engine import Database
from app.net.masking import redacted
from tests.support.delivery_factory import (
    HOSTILE,
    NOW,
    SECRET,
    Mailbox,
    a_post,
    an_outlet,
    channel_of,
    event,
    mail_server,
    rule,
    speaking,
)


def file_of(port: int, more: str = "security: none") -> str:
    return (
        "recipients: {ops: [a@example.org, b@example.org]}\n"
        f"channels: {{mail: {{type: email, host: localhost, port: {port}, from: g@example.org, to: [ops], {more}}}}}"
    )


def read(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=default)


async def test_a_recipient_that_is_refused_does_not_cost_the_others_their_mail(
    database: Database, folder: Path
) -> None:
    mailbox = Mailbox()
    mailbox.refusals["b@example.org"] = ["550 no such user"]
    async with mail_server(mailbox) as port, a_post(database, folder, file_of(port)) as post:
        await post.tell(event(1, severity=Severity.CRITICAL))
        assert await post.deliver() == 1
        assert [to for to, _ in mailbox.mails] == [["a@example.org"]]
        assert await post.rows("select status, error from notifications") == [
            ("sent", "b@example.org: 550 no such user")
        ]


async def test_greylisted_recipients_get_it_later_and_the_others_only_once(database: Database, folder: Path) -> None:
    mailbox = Mailbox()
    mailbox.refusals["b@example.org"] = ["451 come back later", "451 not yet", "250 OK"]
    async with mail_server(mailbox) as port, a_post(database, folder, file_of(port)) as post:
        await post.tell(event(1, severity=Severity.CRITICAL))
        assert await post.deliver() == 0
        assert await post.deliver(after=60) == 0
        mailbox.refusals.clear()
        assert await post.deliver(after=1800) == 1
        assert [to for to, _ in mailbox.mails] == [["a@example.org"], ["b@example.org"]]
        keys = {read(content)["Message-ID"] for _, content in mailbox.mails}
        assert len(keys) == 1


async def test_a_recipient_that_is_put_off_again_and_again_makes_no_failing_channel(
    database: Database, folder: Path
) -> None:
    mailbox = Mailbox()
    mailbox.refusals["b@example.org"] = ["451 come back later"] * 9
    async with mail_server(mailbox) as port, a_post(database, folder, file_of(port)) as post:
        await post.tell(event(1, severity=Severity.CRITICAL))
        for _ in range(6):
            assert await post.deliver(after=3600) == 0
        assert await post.rows("select count(*) from notification_attempts where verdict = 'retry'") == [(6,)]
        assert await post.rows("select failures, blocked_until from channel_states") == [(0, None)]


async def test_a_server_that_puts_everybody_off_makes_a_failing_channel(database: Database, folder: Path) -> None:
    mailbox = Mailbox()
    for address in ("a@example.org", "b@example.org"):
        mailbox.refusals[address] = ["451 come back later"] * 9
    async with mail_server(mailbox) as port, a_post(database, folder, file_of(port)) as post:
        await post.tell(event(1, severity=Severity.CRITICAL))
        for _ in range(3):
            assert await post.deliver(after=3600) == 0
        assert await post.rows("select failures from channel_states") == [(3,)]


async def test_a_mail_server_that_was_down_for_an_hour_gets_everything(database: Database, folder: Path) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        text = file_of(port)
    async with a_post(database, folder, text) as post:
        for minute in range(60):
            await post.tell(event(minute, severity=Severity.CRITICAL))
            await post.deliver(after=60)
        kept = await post.rows("select count(*), count(distinct notification_id) from notification_attempts")
        assert kept[0][0] <= 60
        async with mail_server(mailbox) as port:
            post.file.path.write_text(file_of(port))
            post.file.load()
            for _ in range(3):
                await post.deliver(after=1800)
        text = "".join(read(content).get_body(("plain",)).get_content() for _, content in mailbox.mails)  # type: ignore[union-attr]
        assert all(f"A{minute}" in text for minute in range(60))
        assert len(mailbox.mails) <= 20


async def test_a_server_that_hangs_is_left_after_its_time(database: Database, folder: Path) -> None:
    mailbox = Mailbox()
    mailbox.hangs = True
    async with mail_server(mailbox) as port, an_outlet(mail_patience=0.002) as outlet:
        channel = channel_of(file_of(port))
        [part] = channel.parts(compose("k", NOW, [item_of(event())]), ())
        answer, _ = await attempt(channel, part, frozenset(), outlet, outlet.clock)
    assert answer.verdict is DeliveryStatus.RETRY


async def test_a_wrong_password_disables_the_channel_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    context, authority = certificate(folder)
    monkeypatch.setenv("SMTP", SECRET)
    more = f"security: starttls, username: g, password: '${{SMTP}}', ca_file: '{authority}'"
    mailbox = Mailbox()
    async with mail_server(mailbox, tls=context, login=True) as port, an_outlet() as outlet:
        channel = channel_of(file_of(port, more))
        [part] = channel.parts(compose("k", NOW, [item_of(event())]), ())
        answer, _ = await attempt(channel, part, frozenset(), outlet, outlet.clock)
        assert answer.verdict is DeliveryStatus.SENT
        monkeypatch.setenv("SMTP", "wrong-password")
        channel = channel_of(file_of(port, more))
        answer, _ = await attempt(channel, part, frozenset(), outlet, outlet.clock)
        assert answer.verdict is DeliveryStatus.DISABLED
        assert "wrong-password" not in f"{answer} {channel!r}"
        plain = channel_of(file_of(port, "security: starttls"))
        answer, _ = await attempt(plain, part, frozenset(), outlet, outlet.clock)
        assert (answer.verdict, "ertificate" in answer.text) == (DeliveryStatus.RETRY, True), answer


async def test_a_server_without_encryption_is_not_spoken_to_in_the_clear(folder: Path) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port, an_outlet() as outlet:
        channel = channel_of(file_of(port, "security: starttls"))
        [part] = channel.parts(compose("k", NOW, [item_of(event())]), ())
        answer, _ = await attempt(channel, part, frozenset(), outlet, outlet.clock)
    assert answer.verdict is DeliveryStatus.DISABLED
    assert not mailbox.mails


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for localhost, and the file by which it is trusted."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert)]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


def mail_of(content: Content | None = None, area: str = "FR") -> EmailMessage:
    channel = channel_of(file_of(25))
    assert isinstance(channel, EmailChannel)
    told = [] if content else [item_of(event(1, of=rule("r\nBcc: eve@example.org", description=HOSTILE), area=area))]
    return read(channel.mail(channel.parts(compose("key", NOW, told, content), ())[0]).as_bytes())


def test_headers_cannot_be_injected_and_html_is_escaped() -> None:
    mail = mail_of(area=HOSTILE)
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]
    assert "电力市场" in mail["Subject"]
    assert mail["Message-ID"] == "<key@example.org>"
    page = mail.get_body(("html",))
    assert page is not None
    assert "&lt;script&gt;" in page.get_content()
    assert "<script>" not in page.get_content()
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "<script>" in plain.get_content()


def test_a_mail_needs_no_server_that_takes_eight_bits() -> None:
    mail = mail_of(Content("Größe", "Größe", "<p>Größe 电力</p>"))
    assert mail.as_bytes().isascii()
    page = mail.get_body(("html",))
    assert page is not None
    assert page.get_content().strip() == "<p>Größe 电力</p>"


def test_a_report_keeps_its_html_and_a_long_text_is_cut_with_a_note() -> None:
    mail = mail_of(Content("Daily\r\nreport", "x" * 200_000, "<p>fine</p>"))
    page, plain = mail.get_body(("html",)), mail.get_body(("plain",))
    assert page is not None
    assert plain is not None
    assert page.get_content().strip() == "<p>fine</p>"
    assert "cut here: 200,000 characters" in plain.get_content()
    assert mail["Subject"] == "Daily report"


def test_a_route_may_name_other_recipients() -> None:
    channel = channel_of(file_of(25))
    message = compose("key", NOW, [item_of(event())])
    assert channel.parts(message, ("boss@example.org",))[0].extra["to"] == ("boss@example.org",)
    assert channel.parts(message, ())[0].extra["to"] == ("a@example.org", "b@example.org")


async def tried(port: int, more: str = "security: none", *, patience: float = 0.01, **extra: Any) -> ChannelResponse:
    """What becomes of one mail that is handed in at the port."""
    async with an_outlet(mail_patience=patience) as outlet:
        channel = channel_of(file_of(port, more))
        [part] = channel.parts(replace(compose("k", NOW, [item_of(event())]), **extra), ())
        answer, _ = await attempt(channel, part, frozenset(), outlet, outlet.clock)
        return answer


HELO = "504 5.5.2 <box>: Helo command rejected: need fully-qualified hostname"
SAID = ("220 mail", "250 mail", "250 sender ok")


@pytest.mark.parametrize(
    "refusal",
    [HELO, "550 5.7.1 Client host rejected", "530 5.7.0 Authentication required", "554 5.7.1 Relay access denied"],
)
async def test_a_refusal_of_us_costs_no_recipient_and_names_the_remedy(refusal: str) -> None:
    async with speaking(*SAID, refusal, refusal, "221 bye") as port:
        answer = await tried(port)
    assert (answer.verdict, answer.refused, answer.postponed) == (DeliveryStatus.RETRY, {}, False)
    assert "`hello`" in answer.text


@pytest.mark.parametrize("refusal", ["550 5.1.1 <a@example.org>: unknown", "550 no such user", "551 5.2.1 disabled"])
async def test_a_refusal_of_every_recipient_is_final(refusal: str) -> None:
    async with speaking(*SAID, refusal, refusal, "221 bye") as port:
        answer = await tried(port)
    assert (answer.verdict, set(answer.refused)) == (DeliveryStatus.REFUSED, {"a@example.org", "b@example.org"})


async def test_too_many_recipients_for_one_mail_is_no_refusal() -> None:
    mailbox = Mailbox()
    mailbox.refusals["b@example.org"] = ["552 too many recipients"]
    async with mail_server(mailbox) as port:
        answer = await tried(port)
    assert (answer.verdict, answer.delivered, answer.refused) == (DeliveryStatus.RETRY, ("a@example.org",), {})


@pytest.mark.parametrize("place", [0, 1, 2, 3])
async def test_a_server_that_closes_says_so_in_its_own_words(place: int) -> None:
    said = ("220 mail", "250 mail", "250 sender ok", "250 ok")[:place]
    async with speaking(*said, "421 4.3.2 too many connections") as port:
        answer = await tried(port)
    assert answer.verdict is DeliveryStatus.RETRY
    assert "too many connections" in answer.text


async def test_a_wrong_kind_of_encryption_is_named_with_its_remedy(folder: Path) -> None:
    async with speaking("") as silent:
        answer = await tried(silent, patience=0.001)
    assert f"localhost:{silent}" in answer.text
    assert "security: tls" in answer.text
    async with speaking("220 mail", "") as plain:
        answer = await tried(plain, "security: tls")
    assert (answer.verdict, f"localhost:{plain}" in answer.text) == (DeliveryStatus.RETRY, True)
    assert "465" in answer.text


async def test_the_name_we_greet_with_can_be_set_and_is_a_full_one_without() -> None:
    greetings = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n")
        greetings.append((await reader.readline()).decode().split()[1])
        writer.write(b"421 bye\r\n")
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await tried(port, "security: none, hello: box.example.org")
    await tried(port)
    server.close()
    assert greetings[0] == "box.example.org"
    assert "." in greetings[1]


SUBJECTS = ["Tést  Ä Ö", "é" * 40 + " x " + "电力" * 30 + " end", "a =?x", "two  spaces", "x " * 70 + "é", " é"]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_arrives_letter_for_letter(subject: str) -> None:
    mail = EmailMessage(policy=MAIL_POLICY)
    mail["Subject"] = subject
    mail.set_content("x")
    content = mail.as_bytes()
    assert read(content)["Subject"] == subject
    encoded = [line for line in content.split(b"\r\n") if b"=?utf-8" in line]
    assert all(len(line) <= 76 and b"?b??=" not in line for line in encoded)


def test_a_mail_stands_in_the_thread_of_its_beginning() -> None:
    channel = channel_of(file_of(25))
    assert isinstance(channel, EmailChannel)
    [part] = channel.parts(replace(compose("k", NOW, [item_of(event())]), thread=("first", "second")), ())
    mail = channel.mail(part)
    assert mail["In-Reply-To"] == "<first@example.org>"
    assert mail["References"] == "<first@example.org> <second@example.org>"


async def test_a_login_that_a_server_repeats_is_masked(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("SMTP", SECRET)
    channel = channel_of(file_of(25, "username: ops, password: '${SMTP}'"))
    for packed in (f"\0ops\0{SECRET}", f"ops:{SECRET}", SECRET):
        quoted = base64.b64encode(packed.encode()).decode()
        assert quoted not in redacted(f"bad AUTH PLAIN {quoted} {SECRET}", channel.secrets())
