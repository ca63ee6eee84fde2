"""The channels over which people are notified, and the messages with every attempt at them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request, Response

from app.alerting.schemas import ChannelResource
from app.kit.language import gettext
from app.mistakes import choice_of
from app.web.dependencies import OPERATE, READ, CurrentSettings, Now, Services
from app.web.pages.forms import WARNING_SIGN, done
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.pages.words import word
from app.web.parameters import named
from app.web.routes.v1.alerting import channels as routes
from app.web.routes.v1.alerting.channels import MessageStatus

router = page_router()

MOST_MESSAGES, LONGEST_REASON = 50, 200
_Channel = Annotated[str, Path(max_length=200)]
_Message = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/alerts/channels", openapi_extra=READ)
async def channels_page(
    request: Request,
    services: Services,
    *,
    status: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """The channels without their secrets, and the latest messages."""
    wiring = services.alerting()
    with named("status"):
        wanted = choice_of(MessageStatus, status).value if status else None
    records = wiring.delivery_administration()
    states, known = await records.channels(), wiring.channel_file().current().channels
    messages = await records.messages(wanted, limit=MOST_MESSAGES + 1, before=before)
    return render(
        request,
        "alerting/channels.html",
        channels=[ChannelResource.of(name, channel, states.get(name)) for name, channel in sorted(known.items())],
        messages=messages[:MOST_MESSAGES],
        attempts=await wiring.history().attempts([one.notification_id for one in messages[:MOST_MESSAGES]]),
        following=messages[MOST_MESSAGES - 1].notification_id if len(messages) > MOST_MESSAGES else None,
        became=status,
        statuses=list(MessageStatus),
    )


@router.post("/alerts/channels/{channel}/test", openapi_extra=OPERATE, name="test_channel")
async def test_channel_from_page(
    request: Request, services: Services, settings: CurrentSettings, channel: _Channel
) -> Response:
    """Send a test message straight to a channel, and say what came of it."""
    tried = await routes.test_channel(services, settings, channel)
    parts = "; ".join(
        f"{one.part}: {word(one.verdict)}{f' ({one.text[:LONGEST_REASON]})' if one.text else ''}" for one in tried.parts
    )
    verdict = (
        gettext("The test message was taken by %(channel)s.", channel=channel)
        if tried.sent
        else WARNING_SIGN + gettext("The test message was NOT taken by %(channel)s.", channel=channel)
    )
    return done(request, "alerts/channels", f"{verdict} {parts}")


@router.post("/alerts/channels/{channel}/enable", openapi_extra=OPERATE, name="enable_channel")
async def enable_channel_from_page(request: Request, services: Services, channel: _Channel) -> Response:
    """Use a channel again that was disabled."""
    await routes.enable_channel(services, channel)
    return done(request, "alerts/channels", gettext("%(channel)s is used again.", channel=channel))


@router.post("/alerts/notifications/{notification_id:int}/retry", openapi_extra=OPERATE, name="retry_notification")
async def retry_message_from_page(
    request: Request, services: Services, now: Now, notification_id: _Message
) -> Response:
    """Try a message again at once."""
    await routes.retry_notification(services, now, notification_id)
    return done(request, "alerts/channels", gettext("Message %(number)s is tried again.", number=notification_id))
