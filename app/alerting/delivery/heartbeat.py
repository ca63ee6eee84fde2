"""Dead-man's switch: a URL that is pinged while the service is well; whoever watches it notices when nobody pings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import structlog

from app.alerting.delivery.channels.base import HttpSender
from app.alerting.delivery.config import ChannelFile
from app.kit.periodic import run_every
from app.net.egress_guard import AddressRefused
from app.net.masking import redacted, url_secrets

Unwell = Callable[[], str]
"""Why the service is not well; empty where it is."""


class Heartbeat:
    """Pings `heartbeat_url` of the channels file, as long as the service is well."""

    def __init__(self, file: ChannelFile, outlet: HttpSender, unwell: Unwell, *, seconds: float = 60.0) -> None:
        self._file = file
        self._outlet = outlet
        self._unwell = unwell
        self._seconds = seconds
        self._log = structlog.get_logger()
        self.failures = 0
        """Pings in a row that did not arrive or were held back."""

    async def run(self, stop: asyncio.Event) -> None:
        """Ping until `stop` is set."""
        try:
            await run_every(lambda: self._seconds, self.ping, stop)
        finally:
            await self._outlet.close()

    async def ping(self) -> bool:
        """One ping, where a URL is set and the service is well; False where it did not arrive."""
        url = self._file.current().heartbeat_url
        if url is None:
            return True
        if why := self._unwell():
            return self._failed(f"held back: {why}")
        secret = url.get_secret_value()
        try:
            answer = await self._outlet.request("GET", secret, b"", {})
        except (httpx.HTTPError, OSError, TimeoutError, AddressRefused) as error:
            return self._failed(redacted(f"{type(error).__name__}: {error}", url_secrets(secret)))
        if not 200 <= answer.status < 300:
            return self._failed(redacted(f"{answer.status} {answer.text}", url_secrets(secret)))
        self.failures = 0
        return True

    def _failed(self, reason: str) -> bool:
        self.failures += 1
        self._log.error("heartbeat_failed", reason=reason, failures=self.failures)
        return False
