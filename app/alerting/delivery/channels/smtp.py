"""One transfer of a mail over SMTP: limits of time by phase (RFC 5321 4.5.3.2), and what refusals are about."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiosmtplib
from pydantic import SecretStr

GREETING, COMMAND, DATA_END = 300.0, 300.0, 600.0
"""Seconds that RFC 5321 4.5.3.2 grants a server for its greeting, for a command, and after the end of the data."""
HANDSHAKE = 60.0
_GOODBYE = 1.0
TOO_MANY = 552
"""In answer to a recipient it means 452: too many for one mail (RFC 5321 4.5.3.1.10)."""
_ABOUT_RECIPIENT = re.compile(r"\b[45]\.[12]\.\d{1,3}\b")
_ABOUT_US = re.compile(r"\b[45]\.5\.\d{1,3}\b")
_ABOUT_US_WORDS = re.compile(
    r"(?i)\b(helo|ehlo|hello|client|relay\w*|authenticat\w*|auth|login|sender|spf|dmarc|dkim|blacklist\w*|blocklist\w*"
    r"|block\w*|rbl|dnsbl|listed|reputation|reverse|ptr|rdns|hostname|fully.qualified|ip|dynamic|tls|starttls|encrypt\w*)\b"
)
_NO_SUCH = re.compile(
    r"(?i)\bno such\b|\bunknown (user|recipient|mailbox|address)|\binvalid (recipient|mailbox|user)"
    r"|\b(user|mailbox|recipient|account|address)\b.{0,30}\b(unknown|not found|n.t exist|not exist|unavailable|disabled|full)"
)
_SESSION_CODES = frozenset({421, 502, 503, 504, 530, 535, 538, 554})
"""Codes that a server gives for what we are or do, whoever the mail is for."""


@dataclass(frozen=True, slots=True)
class Login:
    """How we call ourselves, and who we are where the server asks."""

    hello: str = ""
    username: str = ""
    password: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """Where mails are handed in; `certificates` is None without encryption."""

    host: str
    port: int
    security: str
    certificates: ssl.SSLContext | None
    patience: float = 1.0
    """By which the limits of time are multiplied."""

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port} (security: {self.security})"


@dataclass(slots=True)
class Replies:
    """The server's word about each recipient."""

    taken: list[str] = field(default_factory=list)
    later: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    unwanted: dict[str, str] = field(default_factory=dict)
    """Refusals that are about us."""
    text: str = "queued"


@asynccontextmanager
async def session(server: Server, login: Login, connection: socket.socket) -> AsyncIterator[aiosmtplib.SMTP]:
    """A session that has greeted, encrypted and logged in as the channel wants; failures say what to look at."""
    client = aiosmtplib.SMTP(
        hostname=server.host,
        sock=connection,
        timeout=COMMAND * server.patience,
        use_tls=server.security == "tls",
        start_tls=False,
        tls_context=server.certificates,
        local_hostname=login.hello or None,
    )
    try:
        await _begin(client, server)
        if login.username and login.password is not None:
            await client.login(login.username, login.password.get_secret_value())
        yield client
        await _leave(client)
    finally:
        client.close()


async def _begin(client: aiosmtplib.SMTP, server: Server) -> None:
    try:
        await client.connect(timeout=GREETING * server.patience)
    except aiosmtplib.SMTPConnectTimeoutError:
        raise aiosmtplib.SMTPConnectTimeoutError(
            f"{server.place} says nothing after {GREETING * server.patience:g} s; {_remedy(server)}"
        ) from None
    except aiosmtplib.SMTPConnectResponseError:
        raise
    except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPServerDisconnected, ssl.SSLError) as error:
        raise aiosmtplib.SMTPConnectError(f"{server.place}: {error}; {_remedy(server)}") from None
    if server.security != "starttls":
        return
    await client.ehlo()
    if not client.supports_extension("starttls"):
        raise aiosmtplib.SMTPNotSupported(f"{server.place} offers no STARTTLS")
    try:
        await client.starttls(server_hostname=server.host, timeout=HANDSHAKE * server.patience)
    except ssl.SSLError as error:
        raise aiosmtplib.SMTPConnectError(f"{server.place}: {error}; {_remedy(server)}") from None


def _remedy(server: Server) -> str:
    if server.security == "tls":
        return "is it the port for `security: tls`, mostly 465? For `starttls` it is mostly 587, for `none` 25"
    return "a server that expects TLS at once is silent: then write `security: tls` (port 465), or its port for " + (
        "`starttls` (587)" if server.security == "starttls" else "`none` (25)"
    )


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye; what the server has taken stays taken, whatever it says now."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(_GOODBYE):
            await client.quit()


async def transfer(client: aiosmtplib.SMTP, sender: str, to: Sequence[str], content: bytes, patience: float) -> Replies:
    """Hand one mail in for all who are taken; what the server says of each recipient."""
    await client.mail(sender)
    replies = Replies()
    for address in to:
        try:
            await client.rcpt(address)
        except aiosmtplib.SMTPRecipientRefused as error:
            said = f"{error.code} {error.message}"
            _place(replies, error, said)[address] = said
            if error.code == 421:
                raise aiosmtplib.SMTPResponseException(error.code, error.message) from None
        else:
            replies.taken.append(address)
    if replies.taken:
        # Refused while others are taken: it is not our name or our address that the server minds.
        replies.refused |= replies.unwanted
        replies.unwanted = {}
        replies.text = (await client.data(content, timeout=DATA_END * patience)).message
    return replies


def _place(replies: Replies, error: aiosmtplib.SMTPRecipientRefused, said: str) -> dict[str, str]:
    if error.code < 500 or error.code == TOO_MANY:
        return replies.later
    return replies.unwanted if is_about_us(error.code, said) else replies.refused


def is_about_us(code: int, said: str) -> bool:
    """Whether a refusal of a recipient would meet every other one too: our name, our address, a missing login.

    An enhanced status (RFC 3463) of an address or a mailbox is about the recipient, one of the protocol about us; for
    the others, and for servers without, the words decide.
    """
    if _ABOUT_RECIPIENT.search(said) or _NO_SUCH.search(said):
        return False
    if _ABOUT_US.search(said) or code in _SESSION_CODES:
        return True
    # The address itself may contain such a word.
    return _ABOUT_US_WORDS.search(re.sub(r"<?[^\s<>]+@[^\s<>]+>?", "", said)) is not None


def all_of(*parts: Mapping[str, str]) -> list[str]:
    return [f"{address}: {why}" for part in parts for address, why in part.items()]
