"""How messages are delivered; where they go stands in the file of the channels."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from app.settings.section import Section


class NotificationSettings(Section):
    """How messages are delivered; where they go stands in the file of the channels."""

    channels_file: Path = Field(
        default=Path("config/channels.yaml"),
        description="Channels, recipients and routes; read again whenever it changes.",
    )
    poll_seconds: float = Field(default=1.0, ge=0.05, le=60, description="Seconds between two looks for due messages.")
    lease_seconds: float = Field(
        default=60.0, ge=31, le=3600, description="Seconds after which a message of a dead process is sent by another."
    )
    timeout_seconds: float = Field(default=10.0, ge=0.1, le=10, description="Seconds that a receiver may be silent.")
    give_up_hours: float = Field(
        default=24.0, ge=1, le=720, description="Hours for which a message is tried before it counts as failed."
    )
    history_days: int = Field(default=90, ge=1, le=3650, description="Days for which messages and attempts are kept.")
    heartbeat_seconds: float = Field(
        default=60.0, ge=1, le=3600, description="Seconds between two pings of the heartbeat URL."
    )
    drain_seconds: float = Field(
        default=5.0, ge=0, le=60, description="Seconds that a message under way may take when the service stops."
    )
