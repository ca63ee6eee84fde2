"""What was promised of the websites of one database against what was."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from app.clock import Clock
from app.errors import NotFound
from app.kit.yaml.fields import suggestion
from app.probes.rollups.keeper import RollupKeeper
from app.probes.sla.report import SlaLine, SlaRange, SlaSubject, sla_lines
from app.probes.websites.service import WebsiteService


class SlaService:
    """Reports from the windows of websites."""

    def __init__(self, websites: WebsiteService, rollups: RollupKeeper, clock: Clock) -> None:
        self._websites = websites
        self._rollups = rollups
        self._clock = clock

    async def lines(
        self,
        chosen: SlaRange,
        objective: float,
        subject: SlaSubject,
        *,
        group: str | None = None,
        latency: bool = False,
    ) -> list[SlaLine]:
        """The report of a range that ends now at the latest; of one group, where it is named, and with latencies on request."""
        chosen = replace(chosen, end=min(chosen.end, self._clock.now()))
        found = await self._websites.with_windows(None, chosen.start, chosen.end)
        if group is not None:
            groups = sorted({one.draft.labels.get("group", "") for one, _ in found} - {""})
            if group not in groups:
                raise NotFound(
                    f"there is no group {group!r} of websites{suggestion(group, groups) or '; none has a label group'}"
                )
            found = [(one, windows) for one, windows in found if one.draft.labels.get("group", "") == group]
        latencies = await self._latencies(chosen) if latency else None
        return sla_lines(found, chosen, objective, subject, latencies)

    async def _latencies(self, chosen: SlaRange) -> dict[tuple[int, str], dict[int, int]]:
        found: dict[tuple[int, str], dict[int, int]] = {}
        for start, end in pairwise(chosen.bounds()):
            for number, counts in (await self._rollups.latencies(None, start, end)).items():
                found[number, chosen.month_of(start)] = counts
        return found
