"""E-mail over SMTP: text and HTML, several recipients, of whom a server may take some and refuse others."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from enum import Enum
from pathlib import Path
from typing import ClassVar

from pydantic import SecretStr

from app.alerting.delivery.channels.base import ChannelResponse, Common, DeliveryStatus, HttpSender, Part, part_key
from app.alerting.delivery.channels.mail_headers import MAIL_POLICY
from app.alerting.delivery.messages import (
    LONGEST_CONTENT,
    PLAIN,
    Message,
    body,
    html_page,
    numbered,
    signed,
    split_text,
    utf8_bytes,
)
from app.alerting.outbox.texts import one_line
from app.kit.yaml.fields import Fields
from app.net.egress_guard import connect
from app.net.masking import login_secrets
from app.secrets import read_secret

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
LONGEST_MAIL = LONGEST_CONTENT + 1000
"""Bytes of the text; longer messages become several mails."""
LONGEST_HTML = 2_000_000
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"|\[(\d{1,3}(\.\d{1,3}){3}|IPv6:[0-9A-Fa-f:.]+)\]"
)


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
    hello: str = ""
    """How we greet the server; without it the full name of the host, else the domain of the sender."""
    kind: ClassVar[str] = "email"

    def secrets(self) -> Sequence[str]:
        return login_secrets(self.username, self.password.get_secret_value()) if self.password else []

    def where(self) -> str:
        return f"{self.host}:{self.port}"

    def parts(self, message: Message, recipients: Sequence[str]) -> list[Part]:
        """Mails of at most 100 kB; a report keeps its own HTML."""
        texts = numbered(split_text(body(message, PLAIN), LONGEST_MAIL, utf8_bytes, gap=message.gap))
        pages = _pages(message, len(texts))
        count = len(texts)
        to = addresses(recipients, self.common.lists) or self.to
        return [
            Part(
                part_key(message.key, number, count),
                text,
                number,
                count,
                {
                    "subject": message.subject,
                    "html": page,
                    "to": to,
                    "date": format_datetime(message.frozen_at),
                    "thread": message.thread,
                },
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
        mail["Message-ID"] = self._message_id(part.key)
        if thread := part.extra["thread"]:
            mail["In-Reply-To"] = self._message_id(thread[0])
            mail["References"] = " ".join(map(self._message_id, thread))
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Gridkeeper-Key"] = part.key
        mail.set_content(part.text + f"\n\nref {part.key}\n")
        if part.extra["html"]:
            mail.add_alternative(part.extra["html"], subtype="html")
        return mail

    def _message_id(self, key: str) -> str:
        return f"<{key}@{Address(addr_spec=self.sender).domain}>"

    async def send(self, part: Part, outlet: HttpSender, done: frozenset[str]) -> ChannelResponse:
        """One mail for all who do not have it yet; each of them is answered for."""
        to = [address for address in part.extra["to"] if address not in done]
        if not to:
            return ChannelResponse(DeliveryStatus.SENT, "everybody has it")
        # Loaded with the first mail: most services send none.
        from app.alerting.delivery.channels.smtp import Login, Server
        from app.alerting.delivery.channels.smtp_answers import judged

        content = self.mail(part).as_bytes()
        connection = await connect(
            self.host, self.port, allow_link_local=self.common.allow_link_local, seconds=outlet.timeout
        )
        certificates = None if self.security is Security.NONE else self._certificates()
        server = Server(self.host, self.port, self.security.value, certificates, outlet.mail_patience)
        login = Login(self.hello or own_name(self.sender), self.username, self.password)
        return await judged(server, login, connection, self.sender, to, content=content)

    def _certificates(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)


def own_name(sender: str) -> str:
    """How we greet: the name of the host where it is a full one, else the domain that we send for."""
    name = socket.gethostname()
    return name if "." in name.strip(".") and is_host_name(name) else Address(addr_spec=sender).domain


def is_host_name(text: str) -> bool:
    return _HOST_NAME.fullmatch(text) is not None


def _pages(message: Message, count: int) -> list[str]:
    if message.content is not None:
        page = signed(message, message.content.html)
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


def read(entry: Fields, common: Common) -> EmailChannel:
    security = entry.choice("security", Security, Security.STARTTLS)
    sender = entry.text("from", required=True, longest=320)
    if sender and not is_address(sender):
        entry.wrong(f"{sender!r} is no address; write it as alerts@example.org", "from")
    names = entry.texts("to", required=True)
    for name in names:
        if name not in common.lists and not is_address(name):
            entry.wrong(f"{name!r} is neither an address nor a list of recipients", "to")
    hello = entry.text("hello")
    if hello and not is_host_name(hello):
        entry.wrong(f"{hello!r} is no name of a host; write it as mail.example.org or [192.0.2.1]", "hello")
    username, password = entry.text("username"), read_secret(entry, "password")
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
        hello,
    )


def _certificate_file(text: str) -> Path:
    path = Path(text).expanduser()
    try:
        ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError):
        raise ValueError(f"{path} holds no certificates that can be read") from None
    return path
