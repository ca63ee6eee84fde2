"""What was promised of the websites of one database against what was."""

from __future__ import annotations

from dataclasses import replace

from app.clock import Clock
from app.probes.sla.report import SlaLine, SlaRange, SlaSubject, sla_lines
from app.probes.websites.service import WebsiteService


class SlaService:
    """Reports from the windows of websites."""

    def __init__(self, websites: WebsiteService, clock: Clock) -> None:
        self._websites = websites
        self._clock = clock

    async def lines(
        self, chosen: SlaRange, objective: float, subject: SlaSubject, *, group: str | None = None
    ) -> list[SlaLine]:
        """The report of a range that ends now at the latest; of one group, where it is named."""
        chosen = replace(chosen, end=min(chosen.end, self._clock.now()))
        found = await self._websites.with_windows(None, chosen.start, chosen.end)
        if group is not None:
            found = [(one, windows) for one, windows in found if one.draft.labels.get("group", "") == group]
        return sla_lines(found, chosen, objective, subject)
