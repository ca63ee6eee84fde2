"""One attempt at a part of a message, over whichever channel."""

from __future__ import annotations

import time
from dataclasses import replace

from app.alerting.delivery.channels.base import ChannelResponse, DeliveryStatus, HttpSender, Outlet, Part
from app.alerting.delivery.models import DeliveryAttempt
from app.clock import Clock
from app.net.egress_guard import AddressRefused
from app.net.masking import redacted


async def attempt(
    channel: Outlet, part: Part, done: frozenset[str], outlet: HttpSender, clock: Clock
) -> tuple[ChannelResponse, DeliveryAttempt]:
    """One attempt and what came of it, free of secrets; whatever goes wrong is an answer too."""
    now, begun = clock.now(), time.perf_counter()
    try:
        answer = await channel.send(part, outlet, done)
    except AddressRefused as error:
        answer = ChannelResponse(DeliveryStatus.DISABLED, str(error))
    except Exception as error:  # noqa: BLE001  a delivery attempt is a job: its failure is kept, others go on
        answer = ChannelResponse(DeliveryStatus.RETRY, f"{type(error).__name__}: {error}")
    secrets = channel.secrets()
    text = redacted(answer.text, secrets)
    refused = {address: redacted(why, secrets) for address, why in answer.refused.items()}
    kept = DeliveryAttempt(part.name, now, time.perf_counter() - begun, answer.verdict.value, answer.status, text)
    return replace(answer, text=text, refused=refused), kept
