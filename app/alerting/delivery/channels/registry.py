"""Every kind of channel; a new one is one module and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.alerting.delivery.channels import discord, email, log, slack, teams, webhook, wecom
from app.alerting.delivery.channels.base import Channel, Common
from app.kit.yaml.fields import Fields

Read = Callable[[Fields, Common], Channel]

KINDS: Mapping[str, Read] = {
    "discord": discord.read,
    "email": email.read,
    "log": log.read,
    "slack": slack.read,
    "teams": teams.read,
    "webhook": webhook.read,
    "wecom": wecom.read,
}
