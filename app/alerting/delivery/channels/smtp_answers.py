"""What a mail server's word means for a message: sent, later, refused, or a channel that cannot be used."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import timedelta

import aiosmtplib

from app.alerting.delivery.channels.base import ChannelResponse, DeliveryStatus
from app.alerting.delivery.channels.smtp import Login, Replies, Server, all_of, session, transfer

_HELLO_REMEDY = "see `hello`, `username` and `security` of the channel"
_CLOSING = 421
GREYLISTED = timedelta(seconds=60)
"""What asks to come back later seldom says when; most want a minute."""


async def judged(
    server: Server, login: Login, connection: socket.socket, sender: str, to: Sequence[str], *, content: bytes
) -> ChannelResponse:
    """Hand one mail in over an open connection, which is closed after it, and say what came of it."""
    try:
        async with session(server, login, connection) as client:
            replies = await transfer(client, sender, to, content, server.patience)
    except aiosmtplib.SMTPException as error:
        return _failure(error)
    return _judge(replies)


def _failure(error: aiosmtplib.SMTPException) -> ChannelResponse:
    """What a failure that concerns the whole mail means."""
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return ChannelResponse(DeliveryStatus.DISABLED, f"{error}; see `security` of the channel")
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        return ChannelResponse(DeliveryStatus.RETRY, str(error) or type(error).__name__)
    text, final = f"{error.code} {error.message}", error.code >= 500
    if error.code == _CLOSING:
        return ChannelResponse(DeliveryStatus.RETRY, f"the server closes the connection: {text}", error.code)
    for kind, what, remedy in _ABOUT_THE_CHANNEL:
        if isinstance(error, kind):
            verdict = DeliveryStatus.DISABLED if final and not remedy else DeliveryStatus.RETRY
            return ChannelResponse(verdict, f"the server refuses {what}: {text}{remedy}", error.code)
    # A refusal at the greeting is about us, not about this mail, and may pass.
    final = final and isinstance(error, aiosmtplib.SMTPDataError)
    return ChannelResponse(DeliveryStatus.REFUSED if final else DeliveryStatus.RETRY, text, error.code)


_ABOUT_THE_CHANNEL = (
    (aiosmtplib.SMTPAuthenticationError, "the login", ""),
    (aiosmtplib.SMTPSenderRefused, "the sender", ""),
    (aiosmtplib.SMTPHeloError, "our greeting", f"; {_HELLO_REMEDY}"),
)


def _judge(replies: Replies) -> ChannelResponse:
    """What the server's word about each recipient means together."""
    not_reached = all_of(replies.later, replies.refused)
    taken, refused = tuple(replies.taken), replies.refused
    said = "; ".join([replies.text, *not_reached] if taken else not_reached)
    if replies.unwanted:
        why = "; ".join(all_of(replies.unwanted))
        return ChannelResponse(
            DeliveryStatus.RETRY, f"the server refuses us, not the recipients: {why}; {_HELLO_REMEDY}", 550
        )
    if replies.later:
        return ChannelResponse(DeliveryStatus.RETRY, said, 451, GREYLISTED, taken, refused, postponed=True)
    if taken:
        return ChannelResponse(DeliveryStatus.SENT, said, 250, delivered=taken, refused=refused)
    return ChannelResponse(DeliveryStatus.REFUSED, said, 550, refused=refused)
