"""What the person at the terminal sees of gaps, and of the questions that are to fill them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from app.cli.output import print_json, say
from app.cli.progress import WindowProgress
from app.cli.tables import print_table
from app.clock import SystemClock
from app.collection.gaps.schemas import GapsResource
from app.collection.gaps.windows import Gap
from app.collection.models import CollectionRequest, CollectionRun, Work
from app.lifecycle import collecting
from app.market.text import counted
from app.market.time import iso
from app.settings import Settings

GAP_COLUMNS = ("item", "area", "series", "from", "to", "resolution", "missing", "reason", "due", "asked", "evidence")


class Filling:
    """What is asked for, as the person at the terminal sees it."""

    def __init__(self) -> None:
        self.runs: list[CollectionRun] = []
        self.progress = WindowProgress()

    def plan(self, work: Sequence[Work]) -> None:
        self.progress.begin(work, "asking for")

    def add(self, run: CollectionRun) -> None:
        self.runs.append(run)
        self.progress.add(run)

    def interrupted(self, *, as_json: bool) -> None:
        """What is missing now is not known: nobody looked again."""
        if as_json:
            print_json(GapsResource.of(None, self.runs))
        windows = counted(self.progress.planned, "window")
        say(f"interrupted after {self.progress.done} of {windows}; what was stored stays")


async def filled(
    settings: Settings, requests: Sequence[CollectionRequest], now: datetime, filling: Filling, *, force: bool
) -> list[Gap]:
    """What is still missing after everything was asked for."""
    async with collecting(settings, filling.progress.say) as container:
        service = container.collection().gaps()
        gaps = await service.analyse(requests, now, adding=False)
        try:
            runs = await service.fill(
                gaps, container.sources().gap().service, forced=force, on_plan=filling.plan, on_run=filling.add
            )
        finally:
            filling.progress.stop()
            await container.sources().gap().aclose()
        new = sum(run.new for run in runs)
        say(f"asked for {counted(len(runs), 'window')}: {counted(new, 'new value')}")
        return await service.analyse(requests, SystemClock().now(), adding=False)


def tell_hidden(gaps: Sequence[Gap]) -> None:
    """How many gaps of which reason are not shown."""
    if gaps:
        numbers = Counter(gap.reason.value for gap in gaps)
        said = ", ".join(f"{number} {reason}" for reason, number in sorted(numbers.items()))
        say(f"not shown: {said}; --all shows every gap")


def print_gaps(gaps: Sequence[Gap]) -> None:
    rows = [
        (
            gap.item.value,
            gap.place.code,
            gap.series_key.distinguishing_name if gap.series_key else "*",
            iso(gap.interval.start),
            iso(gap.interval.end),
            gap.resolution.code,
            str(gap.missing),
            gap.reason.value,
            iso(gap.since),
            str(gap.asked),
            _evidence(gap),
        )
        for gap in gaps
    ]
    if rows:
        print_table(GAP_COLUMNS, rows, right={"missing", "asked"})
    numbers = Counter(gap.reason.value for gap in gaps)
    said = ", ".join(f"{number} {reason}" for reason, number in sorted(numbers.items()))
    say(f"{counted(len(gaps), 'gap')}{': ' if said else ''}{said}")


def _evidence(gap: Gap) -> str:
    """What the questions say: `empty after 3 questions`, `never asked`."""
    if not gap.answers:
        return gap.evidence.value
    return f"{gap.evidence} after {counted(gap.answers, 'question')}"
