"""E-mail over SMTP: text and HTML, several recipients, of whom a server may take some and refuse others."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from enum import Enum
from pathlib import Path
from typing import ClassVar

import aiosmtplib
from pydantic import SecretStr

from app.alerting.channels.base import Answer, Common, Outlet, Part, Verdict, part_key
from app.alerting.messages import (
    LONGEST_CONTENT,
    PLAIN,
    Message,
    body,
    html_page,
    numbered,
    one_line,
    split,
    utf8_bytes,
)
from app.alerting.yaml_reader import Entry
from app.net.guarded import connect

MAIL_POLICY = SMTP_POLICY.clone(cte_type="7bit")
"""Eight bits may be sent only to a server that says so, and be changed on the way."""
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
LONGEST_MAIL = LONGEST_CONTENT + 1000
"""Bytes of the text; longer messages become several mails."""
LONGEST_HTML = 2_000_000
GREYLISTED = timedelta(seconds=60)
"""What asks to come back later seldom says when; most want a minute."""


class Security(Enum):
    """How the connection is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


@dataclass(frozen=True, slots=True)
class EmailChannel:
    """One mail server and those who get mail from it."""

    common: Common
    host: str
    port: int
    security: Security
    sender: str
    to: tuple[str, ...]
    username: str = ""
    password: SecretStr | None = None
    ca_file: Path | None = None
    kind: ClassVar[str] = "email"

    def secrets(self) -> Sequence[str]:
        return [self.password.get_secret_value()] if self.password else []

    def where(self) -> str:
        return f"{self.host}:{self.port}"

    def parts(self, message: Message, recipients: Sequence[str]) -> list[Part]:
        """Mails of at most 100 kB; a report keeps its own HTML."""
        texts = numbered(split(body(message, PLAIN), LONGEST_MAIL, utf8_bytes, gap=message.gap))
        pages = _pages(message, len(texts))
        count = len(texts)
        to = addresses(recipients, self.common.lists) or self.to
        return [
            Part(
                part_key(message.key, number, count),
                text,
                number,
                count,
                {"subject": message.subject, "html": page, "to": to, "date": format_datetime(message.frozen_at)},
            )
            for number, (text, page) in enumerate(zip(texts, pages, strict=True), 1)
        ]

    def halves(self, _part: Part) -> list[Part]:
        return []

    def mail(self, part: Part) -> EmailMessage:
        """The mail; the policy refuses line breaks in headers, and they were taken out before."""
        mail = EmailMessage(policy=MAIL_POLICY)
        counted = f" ({part.name})" if part.count > 1 else ""
        mail["Subject"] = one_line(part.extra["subject"]) + counted
        mail["From"] = self.sender
        mail["To"] = ", ".join(part.extra["to"])
        mail["Date"] = part.extra["date"]
        mail["Message-ID"] = f"<{part.key}@{Address(addr_spec=self.sender).domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Gridkeeper-Key"] = part.key
        mail.set_content(part.text + f"\n\nref {part.key}\n")
        if part.extra["html"]:
            mail.add_alternative(part.extra["html"], subtype="html")
        return mail

    async def send(self, part: Part, outlet: Outlet, done: frozenset[str]) -> Answer:
        """One mail for all who do not have it yet; each of them is answered for."""
        to = [address for address in part.extra["to"] if address not in done]
        if not to:
            return Answer(Verdict.SENT, "everybody has it")
        try:
            async with asyncio.timeout(3 * outlet.timeout):
                return await self._deliver(part, to, outlet.timeout)
        except aiosmtplib.SMTPException as error:
            return _failure(error)

    async def _deliver(self, part: Part, to: Sequence[str], seconds: float) -> Answer:
        async with asyncio.timeout(seconds):
            connection = await connect(self.host, self.port, allow_link_local=self.common.allow_link_local)
        client = aiosmtplib.SMTP(
            hostname=self.host,
            sock=connection,
            timeout=seconds,
            use_tls=self.security is Security.TLS,
            start_tls=False,
            tls_context=None if self.security is Security.NONE else self._certificates(),
        )
        try:
            await client.connect()
            if self.security is Security.STARTTLS:
                await client.ehlo()
                if not client.supports_extension("starttls"):
                    raise aiosmtplib.SMTPNotSupported("the server offers no STARTTLS")
                await client.starttls(server_hostname=self.host)
            if self.username and self.password is not None:
                await client.login(self.username, self.password.get_secret_value())
            answer = await self._transfer(client, part, to)
            await _leave(client)
        finally:
            client.close()
        return answer

    async def _transfer(self, client: aiosmtplib.SMTP, part: Part, to: Sequence[str]) -> Answer:
        content = self.mail(part).as_bytes()
        await client.mail(self.sender)
        taken: list[str] = []
        later: dict[str, str] = {}
        refused: dict[str, str] = {}
        for address in to:
            try:
                await client.rcpt(address)
                taken.append(address)
            except aiosmtplib.SMTPRecipientRefused as error:
                (refused if error.code >= 500 else later)[address] = f"{error.code} {error.message}"
        text = "queued"
        if taken:
            text = (await client.data(content)).message
        return _judge(taken, later, refused, text)

    def _certificates(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye; what the server has taken stays taken, whatever it says now."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(1.0):
            await client.quit()


def _failure(error: aiosmtplib.SMTPException) -> Answer:
    """What a failure that concerns the whole mail means."""
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return Answer(Verdict.DISABLED, f"{error}; see `security` of the channel")
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        return Answer(Verdict.RETRY, str(error) or type(error).__name__)
    text, final = f"{error.code} {error.message}", error.code >= 500
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return Answer(Verdict.DISABLED if final else Verdict.RETRY, f"the server refuses the login: {text}", error.code)
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return Answer(
            Verdict.DISABLED if final else Verdict.RETRY, f"the server refuses the sender: {text}", error.code
        )
    # A refusal at the greeting is about us, not about this mail, and may pass.
    final = final and isinstance(error, aiosmtplib.SMTPDataError)
    return Answer(Verdict.REFUSED if final else Verdict.RETRY, text, error.code)


def _judge(taken: Sequence[str], later: Mapping[str, str], refused: Mapping[str, str], text: str) -> Answer:
    """What the server's word about each recipient means together."""
    not_reached = [f"{address}: {why}" for address, why in {**later, **refused}.items()]
    said = "; ".join([text, *not_reached] if taken else not_reached)
    if later:
        return Answer(Verdict.RETRY, said, 451, GREYLISTED, tuple(taken), refused, postponed=True)
    if taken:
        return Answer(Verdict.SENT, said, 250, delivered=tuple(taken), refused=refused)
    return Answer(Verdict.REFUSED, said, 550, refused=refused)


def _pages(message: Message, count: int) -> list[str]:
    if message.content is not None:
        page = message.content.html
        fits = page and utf8_bytes(page) <= LONGEST_HTML
        return [page if fits else "", *[""] * (count - 1)]
    if count > 1:
        return [""] * count
    return [html_page(message)]


def addresses(names: Sequence[str], lists: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The addresses of lists and of single addresses, each once."""
    found = [address for name in names for address in lists.get(name, (name,))]
    return tuple(dict.fromkeys(address for address in found if is_address(address)))


def is_address(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None and ".." not in text


def read(entry: Entry, common: Common) -> EmailChannel:
    security = entry.choice("security", Security, Security.STARTTLS)
    sender = entry.text("from", required=True, longest=320)
    if sender and not is_address(sender):
        entry.wrong(f"{sender!r} is no address; write it as alerts@example.org", "from")
    names = entry.texts("to", required=True)
    for name in names:
        if name not in common.lists and not is_address(name):
            entry.wrong(f"{name!r} is neither an address nor a list of recipients", "to")
    username, password = entry.text("username"), entry.secret("password")
    if bool(username) is not (password is not None):
        entry.wrong("username and password belong together", "password" if password else "username")
    return EmailChannel(
        common,
        entry.text("host", required=True, longest=255),
        entry.whole("port", _PORTS[security], least=1, most=65_535),
        security,
        sender,
        addresses(names, common.lists),
        username,
        password,
        entry.read("ca_file", _certificate_file),
    )


def _certificate_file(text: str) -> Path:
    path = Path(text).expanduser()
    try:
        ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError):
        raise ValueError(f"{path} holds no certificates that can be read") from None
    return path
