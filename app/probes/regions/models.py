"""A website as one region sees it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from app.errors import ConfigurationError
from app.probes.websites.models import CheckState, WebsiteDraft, WebsiteStatus

MOST_REGIONS = 16
REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
"""The name of a region."""


@dataclass(frozen=True, slots=True)
class RegionView:
    """What the checks of one region have shown."""

    region: str
    state: CheckState

    def status(self, now: datetime) -> WebsiteStatus:
        """What the region votes for; `unknown`: it has no vote, because it is silent or saw nothing itself."""
        return self.state.status_at(now)


def needed(quorum: int, regions: int) -> int:
    """How many of the regions have to say that a website is down; more than half where people say nothing."""
    return quorum or regions // 2 + 1


def check_regions(draft: WebsiteDraft) -> None:
    """ConfigurationError where the regions and the quorum of a website do not fit together."""
    wrong = next((name for name in draft.regions if not REGION.fullmatch(name)), None)
    if wrong is not None:
        raise ConfigurationError(f"regions: {wrong[:60]!r} is no name of a region; take letters, digits and - _ .")
    if len(set(draft.regions)) < len(draft.regions):
        raise ConfigurationError("regions: a region is named twice")
    if len(draft.regions) > MOST_REGIONS:
        raise ConfigurationError(f"regions: these are more than {MOST_REGIONS}")
    if draft.quorum > len(draft.regions):
        named = {0: "no region is", 1: "1 region is"}.get(len(draft.regions), f"{len(draft.regions)} regions are")
        raise ConfigurationError(f"quorum: {draft.quorum} can never agree, because {named} named")
