"""What the person at the terminal sees of a collection, and the work that reports to it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence

from app.cli.output import print_json
from app.cli.progress import WindowProgress, where
from app.cli.tables import print_table
from app.collection.models import CollectionRequest, CollectionRun, Outcome, Summary, Work
from app.collection.schemas import CollectionResource, WindowCounts
from app.collection.selection import Selection
from app.lifecycle import collecting
from app.market.text import counted
from app.settings import Settings

COUNTS = ("received", "new", "revised", "unchanged", "vanished", "rejected", "empty", "failed", "requests")
SHOWN_PROBLEMS = 10


async def collect_reported(settings: Settings, selection: Selection, report: CollectReport) -> None:
    async with collecting(settings, report.say) as container:
        service = container.sources().live().service
        work = service.plan(selection.requests)
        report.plan(selection, work)
        try:
            await service.collect_all(work, report.add)
            if report.empty:
                requests = [CollectionRequest(run.item, run.place, run.window) for run in report.empty]
                await container.collection().gaps().keep_asked(requests, container.clock().now())
        finally:
            report.progress.stop()


class CollectReport:
    """What the person at the terminal sees: progress on standard error, the summary on standard output."""

    def __init__(self, *, quiet: bool, start: str, end: str | None) -> None:
        self.summary = Summary()
        self._span = _span(start, end)
        self.interrupted = False
        self._quiet = quiet
        self._skipped: list[str] = []
        self.empty: list[CollectionRun] = []
        self.progress = WindowProgress(quiet=quiet)

    def say(self, text: str) -> None:
        self.progress.say(text)

    def skip(self, reason: str) -> None:
        self._skipped.append(reason)
        self.say(f"skipped: {reason}")

    def plan(self, selection: Selection, work: Sequence[Work]) -> None:
        planned = {(one.item, one.place.eic) for one in work}
        for request in selection.requests:
            self.summary.sums_of(request.item, request.place)
            if (request.item, request.place.eic) not in planned:
                self.skip(f"{request.item} {request.place.code}: the area does not exist in {request.interval}")
        self.progress.begin(work, "collecting")

    def add(self, run: CollectionRun) -> None:
        self.summary.add(run)
        if run.outcome is Outcome.EMPTY:
            self.empty.append(run)
        self.progress.add(run)

    def finish(self, *, as_json: bool) -> None:
        self.progress.stop()
        if as_json:
            windows = WindowCounts(planned=self.progress.planned, done=self.progress.done)
            print_json(
                CollectionResource.of(self.summary, windows, skipped=self._skipped, interrupted=self.interrupted)
            )
        else:
            self._print_table()
            self._print_problems()
            self._print_next()

    def _print_table(self) -> None:
        rows = [
            (sums.item, sums.area, *(str(getattr(sums, name)) for name in COUNTS), f"{sums.seconds:.1f}")
            for sums in self.summary.sums
        ]
        print_table(("item", "area", *COUNTS, "seconds"), rows, right={*COUNTS, "seconds"})

    def _print_problems(self) -> None:
        rejections = [(sums, point) for sums in self.summary.sums for point in sums.rejections]
        for sums, point in rejections[:SHOWN_PROBLEMS]:
            self.say(f"rejected: {sums.item} {sums.area} {point.series} {point.where}: {point.reason}")
        if len(rejections) > SHOWN_PROBLEMS:
            self.say(f"rejected: {len(rejections) - SHOWN_PROBLEMS} more; all stand in the table rejected_points")
        for note in dict.fromkeys(note for sums in self.summary.sums for note in sums.notes):
            self.say(f"note: {note}")
        if self.empty:
            named = [where(run) for run in self.empty[:SHOWN_PROBLEMS]]
            more = f" and {len(self.empty) - SHOWN_PROBLEMS} more" if len(self.empty) > SHOWN_PROBLEMS else ""
            self.say(
                f"empty: {counted(len(self.empty), 'window')} came back without a value, which one answer does not prove; "
                f"a running `gridkeeper serve` asks for them again: {', '.join(named)}{more}"
            )
        failures = self.summary.failures
        if failures:
            self.say(
                f"{len(failures)} of {counted(self.progress.planned, 'window')} failed; run the same command again to ask only for them anew:"
            )
            for message in dict.fromkeys(run.error_message for run in failures):
                named = [where(run) for run in failures if run.error_message == message]
                more = f" and {len(named) - SHOWN_PROBLEMS} more" if len(named) > SHOWN_PROBLEMS else ""
                self.say(f"  {message}\n    {', '.join(named[:SHOWN_PROBLEMS])}{more}")
        if self.interrupted:
            self.say(
                f"interrupted after {self.progress.done} of {counted(self.progress.planned, 'window')}; what is listed above is stored"
            )

    def _print_next(self) -> None:
        stored = next((sums for sums in self.summary.sums if sums.received), None)
        if stored is not None and not self._quiet and not self.summary.failures and not self.interrupted:
            area = f"'{stored.area}'" if ">" in stored.area else stored.area
            program = _program()
            self.say(
                f"\nnext: {program} export --area {area} --item {stored.item}{self._span} | head\n      {program} --help"
            )


def _span(start: str, end: str | None) -> str:
    """The range as options of a further command."""
    return "".join(f" {name} {shlex.quote(text)}" for name, text in (("--from", start), ("--to", end)) if text)


def _program() -> str:
    """How this program was called, so that a suggestion can be copied."""
    called = sys.argv[0]
    if called.endswith("__main__.py"):
        return "python -m app"
    return called if "/" not in called else os.path.relpath(called)
