"""The channels over which people are notified of alerts, and the messages."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import Path, Query

from app.alerting.delivery.try_channel import try_channel
from app.alerting.schemas import ChannelResource, MessageResource, RetriedMessageResource, TriedChannelResource
from app.schemas import Page
from app.web.dependencies import OPERATE, READ, CurrentSettings, Now, Services, api_router
from app.web.paging import Paging

router = api_router("channels")


class MessageStatus(StrEnum):
    """What became of a message."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    MERGED = "merged"
    DROPPED = "dropped"


_Channel = Annotated[str, Path(max_length=200, description="Name of the channel; `/channels` lists them.")]
_Message = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the message; `/notifications` lists them.")]
_Status = Annotated[MessageStatus | None, Query(description="Only messages of which this became.")]


@router.get("/channels", openapi_extra=READ)
async def list_channels(services: Services, paging: Paging) -> Page[ChannelResource]:
    """List the channels, without their secrets: where each sends to, whether it works, what waits for it."""
    wiring = services.alerting()
    states = await wiring.delivery_administration().channels()
    channels = wiring.channel_file().current().channels
    return paging.of(
        channels.items(), lambda one: (one[0],), lambda one: ChannelResource.of(one[0], one[1], states.get(one[0]))
    )


@router.post("/channels/{channel}/test", openapi_extra=OPERATE)
async def test_channel(services: Services, settings: CurrentSettings, channel: _Channel) -> TriedChannelResource:
    """Send a test message straight to a channel, past outbox and limit, and tell what came of it."""
    wiring = services.alerting()
    found = wiring.channel_file().current().named(channel)
    outlet = wiring.sender()
    try:
        answers = await try_channel(found, settings, outlet, services.clock())
    finally:
        await outlet.close()
    return TriedChannelResource.of(channel, answers)


@router.post("/channels/{channel}/enable", openapi_extra=OPERATE)
async def enable_channel(services: Services, channel: _Channel) -> ChannelResource:
    """Use a channel again that was disabled because its receiver refuses messages."""
    wiring = services.alerting()
    found = wiring.channel_file().current().named(channel)
    records = wiring.delivery_administration()
    await records.enable(channel)
    return ChannelResource.of(channel, found, (await records.channels()).get(channel))


@router.get("/notifications", openapi_extra=READ)
async def list_notifications(services: Services, paging: Paging, status: _Status = None) -> Page[MessageResource]:
    """List the messages to people, the latest first: channel, subject, attempts, what became of each."""
    after = paging.after(int)
    rows = (
        await services.alerting()
        .delivery_administration()
        .messages(status and status.value, limit=paging.limit + 1, before=int(after[0]) if after else None)
    )
    return paging.page(rows, lambda row: (row.notification_id,), MessageResource.of)


@router.post("/notifications/{notification_id}/retry", openapi_extra=OPERATE)
async def retry_notification(services: Services, now: Now, notification_id: _Message) -> RetriedMessageResource:
    """Try a message that failed or waits again at once."""
    channel = await services.alerting().delivery_administration().again(notification_id, now)
    return RetriedMessageResource(notification_id=notification_id, channel=channel)
